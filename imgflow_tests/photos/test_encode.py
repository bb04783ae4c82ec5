"""What is written can be read back to the same picture, is marked sRGB, and says no more than it should."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.encode import CONTENT_TYPES, EXTENSIONS, encode, encode_png
from imgflow.photos.intermediate import read_intermediate
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.recipe import PublishConfig
from imgflow_tests.photos.hard_files import detailed, png_chunks, psnr, saved, scene

ALPHA = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
CUTOUT = Picture(scene(), ALPHA)
SIGNED = PhotoMetadata("© 2026 Müller GmbH", "Ana Ñuñez", "Red disc")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("compression", [0, 1, 6, 9])
def test_png_is_exact_rgba(compression):
    image = opened(encode(CUTOUT, PublishConfig(compression=compression)))
    assert image.mode == "RGBA"
    assert (np.asarray(image) == CUTOUT.rgba).all()


def test_opaque_png_is_still_rgba():
    image = opened(encode(Picture(scene()), PublishConfig()))
    assert image.mode == "RGBA"
    assert (np.asarray(image)[..., 3] == 255).all()


def test_png_chunks_are_in_order_and_sound():
    data = encode(CUTOUT, PublishConfig(), SIGNED)
    names = [name for name, _ in png_chunks(data)]
    assert names[:3] == [b"IHDR", b"iCCP", b"eXIf"]
    assert names[-1] == b"IEND"
    assert decode(data).source.warnings == ()


def test_compression_is_heeded():
    photo = Picture(detailed())
    fast, small = (len(encode(photo, PublishConfig(compression=level))) for level in (1, 9))
    assert small < fast


def test_png_is_no_larger_than_pillows():
    rgba = Picture(detailed()).rgba
    assert len(encode(Picture(detailed()), PublishConfig())) < 1.03 * len(saved(rgba, "PNG", compress_level=6))


def test_png_of_a_cutout_is_within_a_tenth_of_pillows():
    y, x = np.mgrid[:480, :640]
    alpha = np.clip(255 * (180 - np.hypot(x - 300, y - 220)), 0, 255).astype(np.uint8)
    rgb = np.where(alpha[..., None] > 0, detailed(), 0).astype(np.uint8)
    size = len(encode(Picture(rgb, alpha), PublishConfig()))
    assert size < 1.1 * len(saved(np.dstack([rgb, alpha]), "PNG", compress_level=6))


def test_intermediates_are_exact():
    for picture in (CUTOUT, Picture(scene())):
        for again in (decode(encode_png(picture)).picture, read_intermediate(encode_png(picture))):
            assert (again.rgb == picture.rgb).all()
            assert (again.alpha is None) == (picture.alpha is None)
            assert again.alpha is None or (again.alpha == picture.alpha).all()
            assert again.rgb.flags.writeable and again.rgb.flags.c_contiguous


def test_lossless_webp_keeps_colours_below_transparent_pixels():
    image = opened(encode(CUTOUT, PublishConfig(format="webp")))
    assert (np.asarray(image.convert("RGBA")) == CUTOUT.rgba).all()


def test_lossy_webp():
    picture = Picture(scene(), np.where(ALPHA > 100, 255, ALPHA).astype(np.uint8))
    pixels = np.asarray(
        opened(encode(picture, PublishConfig(format="webp", lossless=False, quality=95))).convert("RGBA")
    )
    assert (pixels[..., 3] == picture.alpha).all()
    seen = picture.alpha == 255
    assert psnr(pixels[..., :3][seen], picture.rgb[seen]) > 30


@pytest.mark.parametrize("background", ["#ffffff", "#20a040"])
def test_jpeg_is_laid_on_the_background(background):
    config = PublishConfig(format="jpeg", background=background)
    image = opened(encode(CUTOUT, config))
    assert image.mode == "RGB"
    truth = scene() * (ALPHA[..., None] / 255) + np.array(config.background_rgb) * (1 - ALPHA[..., None] / 255)
    assert psnr(np.asarray(image), truth) > 38


@pytest.mark.parametrize(("quality", "sampling"), [(95, (1, 1)), (90, (1, 1)), (89, (2, 2))])
def test_jpeg_keeps_full_colour_from_quality_90(quality, sampling):
    image: Any = opened(encode(CUTOUT, PublishConfig(format="jpeg", quality=quality)))
    assert image.layer[0][1:3] == sampling


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_marked_as_srgb(kind):
    data = encode(CUTOUT, PublishConfig(format=kind))
    profile = opened(data).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert len(profile) < 1024
    assert data == encode(CUTOUT, PublishConfig(format=kind)), "the same bytes every time"


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_only_the_metadata_worth_keeping_is_written(kind):
    exif = Image.Exif()
    exif[0x8298], exif[0x013B], exif[0x010F], exif[0xA431] = "© Müller".encode(), "Ana", "Camera Co", "SERIAL-4711"
    exif[0x0112] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    photo = decode(saved(scene(), "JPEG", exif=exif))
    data = encode(photo.picture, PublishConfig(format=kind), photo.source.metadata)
    assert b"SERIAL" not in data
    assert b"Camera Co" not in data
    again = opened(data)
    mandatory = {0x011A, 0x011B, 0x0128, 0x0213, 0x8769} if kind == "jpeg" else set[int]()
    assert set(again.getexif()) == {0x8298, 0x013B} | mandatory
    assert decode(data).source.metadata == PhotoMetadata("© Müller", "Ana")
    assert decode(data).source.orientation == 1


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_metadata_round_trip(kind):
    assert decode(encode(CUTOUT, PublishConfig(format=kind), SIGNED)).source.metadata == SIGNED
    assert not opened(encode(CUTOUT, PublishConfig(format=kind), PhotoMetadata())).getexif()


@pytest.mark.parametrize(("kind", "side"), [("webp", 16_384), ("jpeg", 65_501)])
def test_a_side_too_long_for_the_format(kind, side):
    with pytest.raises(PhotoError) as caught:
        encode(Picture(np.zeros((1, side, 3), np.uint8)), PublishConfig(format=kind))
    assert caught.value.code == "too_large"


def test_tables_know_every_format():
    known = set(PublishConfig.model_fields["format"].annotation.__args__)
    assert set(EXTENSIONS) == set(CONTENT_TYPES) == known
