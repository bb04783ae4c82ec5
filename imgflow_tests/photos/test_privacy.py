"""What a camera and its owner wrote into a photo does not get into the result, but for what the recipe keeps."""

import base64
import io
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from imgflow.photos.decode import decode
from imgflow.photos.encode import encode
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.stamp import Stamp, StampedStage
from imgflow.recipe import PublishConfig
from imgflow_tests.photos.hard_files import saved, scene

SECRETS = (
    b"SERIAL-4711", b"LENS-0815", b"OWNER-Lee", b"MAKERNOTE-77", b"HOST-ws12", b"UNIQUE-ID-9", b"COMMENT-42",
    b"XMP-SERIAL", b"XMP-HISTORY", b"53,20.7", b"IPTC-CITY", b"THUMBNAIL-13",
)  # fmt: skip
GPS = {1: "N", 2: (IFDRational(53, 1), IFDRational(20, 1), IFDRational(424242, 10000)), 3: "W",
       4: (IFDRational(6, 1), IFDRational(15, 1), IFDRational(313131, 10000)), 5: b"\0", 6: IFDRational(1234567, 10000),
       29: "2026:05:01"}  # fmt: skip
GPS_NUMBERS = [struct.pack(order + "I", number) for order in "<>" for number in (424242, 313131, 1234567)]
XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" exif:GPSLatitude="53,20.7070N" aux:SerialNumber="XMP-SERIAL">
 <xmpMM:History><rdf:Seq><rdf:li>XMP-HISTORY</rdf:li></rdf:Seq></xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
PREVIEW = b"THUMBNAIL-13" + base64.b64encode(bytes(range(200)))
KINDS = ("png", "webp", "jpeg")
SOURCES = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF")
EVERYTHING = ("copyright", "artist", "description", "captured", "make", "model", "place")
KEPT = PhotoMetadata(
    "© Lee", "Lee Ann", "A red disc", "2026:05:01 10:11:12+02:00", "Camera Co", "C-1",
    f"{53 + 20 / 60 + 42.4242 / 3600:.7f}, {-6 - 15 / 60 - 31.3131 / 3600:.7f}, 123.5",
)  # fmt: skip


def telltale_exif() -> Image.Exif:
    exif = Image.Exif()
    exif.update({
        0x8298: "© Lee".encode(), 0x013B: "Lee Ann", 0x010E: "A red disc", 0x010F: "Camera Co", 0x0110: "C-1",
        0x0131: "OWNER-Lee's editor", 0x013C: "HOST-ws12", 0xC62F: "SERIAL-4711", 0x9C9C: b"COMMENT-42",
    })  # fmt: skip
    exif.get_ifd(ExifTags.IFD.Exif).update({
        0x9003: "2026:05:01 10:11:12", 0x9011: "+02:00", 0xA430: "OWNER-Lee", 0xA431: "SERIAL-4711",
        0xA435: "LENS-0815", 0xA420: "UNIQUE-ID-9", 0x927C: b"MAKERNOTE-77" + PREVIEW, 0x9286: b"ASCII\0\0\0COMMENT-42",
    })  # fmt: skip
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(GPS)
    return exif


def telltale(kind: str) -> bytes:
    """A photo full of what is nobody's business."""
    exif = telltale_exif()
    image = Image.fromarray(scene())
    options: dict[str, Any] = {"exif": exif}
    if kind == "HEIF":
        file = io.BytesIO()
        pillow_heif.from_pillow(image).save(file, quality=90, exif=exif.tobytes(), xmp=XMP)
        return file.getvalue()
    if kind == "TIFF":
        exif.load(exif.tobytes())  # only what was read has the directories for a TIFF
        exif.update({700: XMP, 33723: b"IPTC-CITY", 0x8298: "© Lee".encode()})
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = XMP
    if kind == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add_text("Comment", "COMMENT-42")
        options["pnginfo"] = texts
    data = saved(image, kind, **options)
    return with_jpeg_extras(data) if kind == "JPEG" else data


def with_jpeg_extras(data: bytes) -> bytes:
    """Photoshop's resources with IPTC, a comment, and a preview behind the picture, as phones write it."""
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0e\x1c\x02\x5a\0\x09IPTC-CITY"
    segments = b"".join(
        b"\xff" + marker + struct.pack(">H", len(content) + 2) + content
        for marker, content in ((b"\xed", iptc), (b"\xfe", b"COMMENT-42"))
    )
    return data[:2] + segments + data[2:] + saved(scene(48, 32), "JPEG", comment=PREVIEW)


@pytest.mark.parametrize("source", SOURCES)
def test_the_photos_are_telltale(source):
    data = telltale(source)
    assert any(number in data for number in GPS_NUMBERS)
    assert sum(secret in data for secret in SECRETS) >= 8
    assert decode(data).source.metadata == KEPT


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_it_is_published(source, kind):
    photo = decode(telltale(source))
    stamp = Stamp([StampedStage("matte", "4", {"model": "u2netp"}, {"u2netp": "ab" * 16})])
    data = encode(photo.picture, PublishConfig(format=kind), photo.source.metadata, stamp)
    leaked = [secret for secret in (*SECRETS, *GPS_NUMBERS, b"Camera Co", b"2026:05:01", b"GPS") if secret in data]
    assert leaked == []
    assert decode(data).source.metadata == KEPT.kept(("copyright", "artist", "description"))
    with Image.open(io.BytesIO(data)) as image:
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [(), ("place",), ("captured", "make"), EVERYTHING])
def test_what_the_recipe_names_is_kept_and_nothing_else(kind, keep):
    photo = decode(telltale("JPEG"))
    data = encode(photo.picture, PublishConfig(format=kind, keep=keep), photo.source.metadata)
    assert decode(data).source.metadata == KEPT.kept(keep)
    assert [secret for secret in SECRETS if secret in data] == []


@pytest.mark.parametrize(
    "place",
    ["0.0000000, 0.0000000", "-33.8567844, 151.2152967, -4.5", "89.9999999, -179.9999999", "7.9999999, 8.0000001, 0.0"],
)
def test_a_place_is_written_exactly_to_a_centimetre(place):
    data = encode(decode(telltale("JPEG")).picture, PublishConfig(keep=("place",)), PhotoMetadata(place=place))
    read = np.array([float(part) for part in decode(data).source.metadata.place.split(",")])
    wanted = np.array([float(part) for part in place.split(",")])
    assert read.shape == wanted.shape
    assert np.abs(read - wanted).max() < 1e-7


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (1, 2)},
        {1: "N", 2: (IFDRational(0, 0),) * 3, 3: "E", 4: (1, 2, 3)},
        {1: "N", 2: (500, 0, 0), 3: "E", 4: (1, 2, 3)},
        {1: 7, 2: (1, 2, 3), 3: b"", 4: (1, 2, 3)},
    ],
)
def test_a_damaged_place_is_no_place(gps):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    assert decode(saved(scene(), "JPEG", exif=exif)).source.metadata == PhotoMetadata()
