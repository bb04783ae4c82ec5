"""Every way of storing colour comes out as the right sRGB, by PSNR against the truth."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from imgflow.errors import PhotoError
from imgflow.photos.colour import srgb_profile, to_srgb
from imgflow.photos.decode import decode
from imgflow.photos.depth import scale_to_8_bits
from imgflow_tests.photos.hard_files import (
    cmyk_profile,
    png,
    png_chunk,
    psnr,
    saved,
    scene,
    swapped_profile,
    tiff,
)

GREY = scene()[..., 0]
GREY_RGB = np.dstack([GREY] * 3)
ALPHA = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))


def wide(samples):
    """8 bits as 16, with a low byte that must not matter after rounding."""
    return samples.astype(np.uint16) * 257


# -- bit depth ---------------------------------------------------------------------------------------------------------


def test_scaling_is_exact_rounding():
    values = np.arange(65536)
    assert (scale_to_8_bits(values.astype(np.uint16)) == np.rint(values / 257)).all()
    assert (scale_to_8_bits(values[:4096].astype(np.uint16), 12) == np.rint(values[:4096] * 255 / 4095)).all()


@pytest.mark.parametrize(
    ("samples", "colour", "truth"),
    [(wide(GREY), 0, GREY_RGB), (wide(scene()), 2, scene())],
    ids=["grey", "colour"],
)
def test_png_16_bit(samples, colour, truth):
    photo = decode(png(samples, 16, colour))
    assert photo.source.bits == 16
    assert psnr(photo.picture.rgb, truth) > 99


def test_16_bit_rounds_rather_than_cuts():
    samples = np.minimum(wide(scene()).astype(int) + 127, 65535)
    cut_off = np.minimum(wide(scene()).astype(int) - 127, 65535).clip(0)
    for each in (samples, cut_off):
        assert psnr(decode(png(each.astype(np.uint16), 16, 2)).picture.rgb, scene()) > 99


@pytest.mark.parametrize("colour", [4, 6], ids=["grey", "colour"])
def test_png_16_bit_alpha(colour):
    pixels = np.dstack([GREY if colour == 4 else scene(), ALPHA])
    picture = decode(png(wide(pixels), 16, colour)).picture
    assert psnr(picture.rgb, GREY_RGB if colour == 4 else scene()) > 99
    assert picture.alpha is not None
    assert psnr(picture.alpha, ALPHA) > 99


def test_png_16_bit_transparent_colour_is_compared_in_16_bits():
    samples = wide(scene())
    samples[:8] = (30000, 20000, 10000)
    samples[8:16] = (30000, 20000, 10001)  # the same in 8 bits, yet not transparent
    key = png_chunk(b"tRNS", struct.pack(">HHH", 30000, 20000, 10000))
    alpha = decode(png(samples, 16, 2, key)).picture.alpha
    assert alpha is not None
    assert (alpha[:8] == 0).all()
    assert (alpha[8:] == 255).all()


def test_png_16_bit_grey_transparent_colour():
    samples = wide(GREY)
    samples[:8] = 777
    alpha = decode(png(samples, 16, 0, png_chunk(b"tRNS", struct.pack(">H", 777)))).picture.alpha
    assert alpha is not None
    assert (alpha[:8] == 0).all()
    assert (alpha[8:] == 255).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_png_few_bits_grey_with_transparent_level(bits):
    most = (1 << bits) - 1
    samples = (np.indices((32, 40)).sum(0) // 4 % (most + 1)).astype(np.uint8)
    level = min(most, 15)
    picture = decode(png(samples, bits, 0, png_chunk(b"tRNS", struct.pack(">H", level)))).picture
    assert psnr(picture.rgb[..., 0], np.rint(samples * (255 / most)).astype(np.uint8)) > 99
    assert picture.alpha is not None
    assert ((picture.alpha == 0) == (samples == level)).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("samples", [GREY, scene(), wide(GREY), wide(scene())], ids=["L", "RGB", "I;16", "RGB;16"])
def test_tiff_byte_orders(samples, order):
    photo = decode(tiff([(samples, {})], order))
    assert photo.source.bits == samples.dtype.itemsize * 8
    assert psnr(photo.picture.rgb, scene() if samples.ndim == 3 else GREY_RGB) > 99


@pytest.mark.parametrize("samples", [255 - GREY, 65535 - wide(GREY)], ids=["8", "16"])
def test_tiff_white_is_zero(samples):
    assert psnr(decode(tiff([(samples, {262: 0})])).picture.rgb, GREY_RGB) > 99


@pytest.mark.parametrize(
    ("samples", "tags"),
    [(scene().astype(np.float32)[..., 0], {339: 3}), (GREY.astype(np.uint32), {}), (GREY.astype(np.int16), {339: 2})],
    ids=["float", "32 bits", "signed"],
)
def test_numbers_that_are_not_a_picture(samples, tags):
    with pytest.raises(PhotoError) as caught:
        decode(tiff([(samples, tags)]))
    assert caught.value.code == "unsupported_mode"


# -- palettes, grey, transparency --------------------------------------------------------------------------------------


def test_palette_with_soft_alpha():
    image = Image.fromarray(np.tile(np.arange(96, dtype=np.uint8) // 4, (64, 1)), "P")
    image.putpalette([c for i in range(24) for c in (i * 10, 255 - i * 10, 40)])
    steps = bytes(i * 11 for i in range(24))
    picture = decode(saved(image, "PNG", transparency=steps)).picture
    truth = np.tile(np.arange(96) // 4 * 11, (64, 1)).astype(np.uint8)
    assert picture.alpha is not None
    assert psnr(picture.alpha, truth) > 99
    assert tuple(picture.rgb[0, 95]) == (230, 25, 40)


def test_gif_transparency():
    image = Image.fromarray(scene()).quantize(16)
    index = np.asarray(image)[0, 0]
    picture = decode(saved(image, "GIF", transparency=int(index))).picture
    assert picture.alpha is not None
    assert ((picture.alpha == 0) == (np.asarray(image) == index)).all()


def test_grey_with_alpha_and_one_bit():
    picture = decode(saved(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), "PNG")).picture
    assert psnr(picture.rgb, GREY_RGB) > 99
    assert picture.alpha is not None
    assert psnr(picture.alpha, ALPHA) > 99
    ink = Image.fromarray(GREY > 150)
    assert (
        psnr(decode(saved(ink, "TIFF", compression="group4")).picture.rgb[..., 0], np.asarray(ink) * np.uint8(255)) > 99
    )


# -- colour spaces -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_profile_is_heeded(kind):
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
    photo = decode(saved(scene(), kind, icc_profile=swapped_profile(), **options.get(kind, {})))
    assert photo.source.icc_profile
    assert psnr(photo.picture.rgb, scene()[..., [1, 0, 2]]) > 28
    assert psnr(photo.picture.rgb, scene()) < 15


def test_srgb_profile_changes_nothing():
    photo = decode(saved(scene(), "PNG", icc_profile=srgb_profile()))
    assert psnr(photo.picture.rgb, scene()) > 99


@pytest.mark.parametrize(
    "profile", [b"", b"nonsense" * 40, cmyk_profile(), srgb_profile()[:300]], ids=["empty", "nonsense", "CMYK", "cut"]
)
def test_unusable_profile_is_taken_as_srgb(profile):
    space = np.array(scene())
    image = Image.fromarray(space)
    if profile:
        photo = decode(saved(image, "JPEG", quality=95, subsampling=0, icc_profile=profile))
    else:
        segment = b"\xff\xe2\x00\x10ICC_PROFILE\0\x01\x01"
        data = saved(image, "JPEG", quality=95, subsampling=0)
        photo = decode(data[:2] + segment + data[2:])
    assert psnr(photo.picture.rgb, scene()) > 35
    assert photo.source.icc_profile is None
    assert any("profile" in warning for warning in photo.source.warnings)


def test_damaged_profile_chunk_of_a_png():
    data = png(scene(), 8, 2, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb_profile())[:100]))
    photo = decode(data)
    assert psnr(photo.picture.rgb, scene()) > 99
    assert any("iCCP" in warning for warning in photo.source.warnings)


def test_cmyk_without_profile_is_no_negative():
    cmyk = Image.fromarray(scene()).convert("CMYK")
    for data in (saved(cmyk, "JPEG", quality=95, subsampling=0), saved(cmyk, "TIFF")):
        photo = decode(data)
        assert photo.source.mode == "CMYK"
        assert psnr(photo.picture.rgb, scene()) > 30


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(kind):
    ink = np.zeros((64, 96, 4), np.uint8)
    ink[:, 48:, 0] = 255  # an ink which this profile says is red
    cmyk = Image.frombytes("CMYK", (96, 64), ink.tobytes())
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    photo = decode(saved(cmyk, kind, icc_profile=cmyk_profile(), **options))
    assert photo.source.icc_profile == "red cyan"
    assert np.abs(photo.picture.rgb[32, 16].astype(int) - 255).max() < 6
    assert np.abs(photo.picture.rgb[32, 80].astype(int) - (255, 0, 0)).max() < 12


def test_lab_tiff():
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(scene()), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert image is not None
    photo = decode(saved(image, "TIFF"))
    assert photo.source.mode == "LAB"
    assert psnr(photo.picture.rgb, scene()) > 35


def test_wide_gamut_survives_down_to_one_pixel():
    """A picture of a single pixel is below every limit, but its colour can be told."""
    rgb, _, _ = to_srgb(Image.new("RGB", (1, 1), (255, 0, 10)), swapped_profile())
    assert np.abs(rgb[0, 0].astype(int) - (0, 255, 10)).max() <= 1


def test_srgb_profile_is_small_and_always_the_same():
    assert len(srgb_profile()) < 1024
    srgb_profile.cache_clear()
    first = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == first
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(first)))
