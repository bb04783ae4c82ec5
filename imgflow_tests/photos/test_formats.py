"""Every format that is taken in, told by its content; everything else refused by name."""

import io

import numpy as np
import pytest
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.source import inspect
from imgflow_tests.photos.hard_files import psnr, saved, scene

ALPHA = np.tile(np.linspace(40, 255, 96).astype(np.uint8), (64, 1))


def heic(pixels, **options) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    mode = "RGBA" if pixels.shape[2] == 4 else "RGB"
    file = io.BytesIO()
    image = pillow_heif.from_bytes(mode, pixels.shape[1::-1], pixels.tobytes())
    for extra in options.pop("extra", ()):
        image.add_frombytes("RGB", extra.shape[1::-1], extra.tobytes())
    image.save(file, **options)
    return file.getvalue()


WRITERS = {
    "jpeg": (lambda rgb: saved(rgb, "JPEG", quality=95, subsampling=0), 35),
    "png": (lambda rgb: saved(rgb, "PNG"), 99),
    "webp": (lambda rgb: saved(rgb, "WEBP", lossless=True), 99),
    "gif": (lambda rgb: saved(Image.fromarray(rgb).quantize(256), "GIF"), 30),
    "tiff": (lambda rgb: saved(rgb, "TIFF", compression="tiff_lzw"), 99),
    "bmp": (lambda rgb: saved(rgb, "BMP"), 99),
    "avif": (lambda rgb: saved(rgb, "AVIF", quality=95, subsampling="4:4:4"), 35),
    "heic": (lambda rgb: heic(rgb, quality=95, chroma=444), 33),
}


@pytest.mark.parametrize("name", WRITERS)
def test_format_is_decoded(name):
    write, least = WRITERS[name]
    data = write(scene())
    photo = decode(data)
    assert photo.source.format == name
    assert psnr(photo.picture.rgb, scene()) > least
    assert photo.picture.alpha is None
    assert photo.picture.rgb.flags.writeable
    seen = inspect(data)
    assert (seen.format, seen.width, seen.height, seen.bits) == (name, 96, 64, 8)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_tiff_compressions(compression):
    options = {"quality": 95} if compression == "jpeg" else {}
    photo = decode(saved(scene(), "TIFF", compression=compression, **options))
    assert psnr(photo.picture.rgb, scene()) > (25 if compression == "jpeg" else 99)


@pytest.mark.parametrize("name", ["png", "webp", "tiff", "avif", "heic"])
def test_alpha_is_kept(name):
    rgba = np.dstack([scene(), ALPHA])
    options = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
    data = heic(rgba, quality=-1, chroma=444) if name == "heic" else saved(rgba, name.upper(), **options.get(name, {}))
    picture = decode(data).picture
    assert picture.alpha is not None
    assert psnr(picture.alpha, ALPHA) > 40
    assert psnr(picture.rgb, scene()) > 35


def test_opaque_alpha_is_none():
    assert decode(saved(np.dstack([scene(), np.full((64, 96), 255, np.uint8)]), "PNG")).picture.alpha is None


def test_phone_jpeg_with_preview_is_its_primary_picture():
    data = saved(scene(), "MPO", quality=95, save_all=True, append_images=[Image.fromarray(scene(48, 32))])
    with Image.open(io.BytesIO(data)) as im:
        assert im.format == "MPO"
    photo = decode(data)
    assert photo.source.format == "jpeg"
    assert psnr(photo.picture.rgb, scene()) > 30


def test_jpeg_with_several_views_is_refused():
    data = saved(scene(), "MPO", quality=95, save_all=True, append_images=[Image.fromarray(scene()[:, ::-1])])
    index = data.index(b"MPF\0") + 4
    entry = data.index((0x030000).to_bytes(4, "little"), index + 40)  # each has 16 bytes and begins with its type
    stereo = bytearray(data)
    for at in (entry, entry + 16):
        stereo[at : at + 4] = (0x020002).to_bytes(4, "little")
    with pytest.raises(PhotoError, match="animated"):
        decode(bytes(stereo))


def test_heic_with_several_pictures_is_its_primary_picture():
    data = heic(scene(), quality=95, chroma=444, extra=[np.zeros((32, 48, 3), np.uint8)])
    assert psnr(decode(data).picture.rgb, scene()) > 33


def test_pillow_keeps_not_knowing_heif():
    decode(heic(scene(), quality=90))
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(
    ("start", "code", "word"),
    [
        (b"8BPS\0\1", "unsupported_format", "Photoshop"),
        (b"%PDF-1.7\n", "unsupported_format", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "unsupported_format", "PostScript"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg width="3">', "unsupported_format", "SVG"),
        (b"\xff\x0a\0\0", "unsupported_format", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported_format", "JPEG 2000"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "unsupported_format", "raw"),
        (b"FUJIFILMCCD-RAW 0201", "unsupported_format", "raw"),
        (b"\0\0\0\x18ftypisom\0\0\0\1", "unsupported_format", "video"),
        (b"\0\0\1\0\1\0\x10\x10", "unsupported_format", "icon"),
        (b"P6\n2 2\n255\n", "unsupported_format", "Netpbm"),
        (b"<!DOCTYPE html><html><body>404", "not_an_image", "web page"),
        (b"  <html>", "not_an_image", "web page"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey', "not_an_image", "XML"),
        (b"PK\3\4rest", "not_an_image", "ZIP"),
        (b'{"error": 404}', "not_an_image", "JSON"),
        ("Grüße, hier sind die Fotos".encode(), "not_an_image", "text"),
        (bytes(5000), "not_an_image", "zeros"),
        (b"\x93\x21\xf4 nothing known", "not_an_image", "unknown"),
        (b"B", "not_an_image", ""),
    ],
)
def test_what_is_not_taken_in_is_named(start, code, word):
    with pytest.raises(PhotoError) as caught:
        decode(start)
    assert caught.value.code == code
    assert word in caught.value.detail


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "PCX", "SGI", "JPEG2000", "EPS", "PDF", "DDS", "MSP"])
def test_what_pillow_could_open_is_refused(kind):
    image = Image.fromarray(scene())
    data = saved(image.convert("1") if kind == "MSP" else image, kind)
    with pytest.raises(PhotoError) as caught:
        decode(data)
    assert caught.value.code in ("unsupported_format", "not_an_image")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_metadata_worth_keeping(kind):
    exif = Image.Exif()
    exif[0x8298], exif[0x013B], exif[0x010E] = "© 2026 Müller".encode(), "Ana", "A red disc"
    assert inspect(saved(scene(), kind, exif=exif)).metadata == PhotoMetadata("© 2026 Müller", "Ana", "A red disc")


def test_metadata_from_xmp():
    xmp = b"<rdf:RDF><dc:rights><rdf:Alt><rdf:li>Shop &amp; Co</rdf:li></rdf:Alt></dc:rights></rdf:RDF>"
    assert inspect(saved(scene(), "JPEG", xmp=xmp)).metadata.copyright == "Shop & Co"
