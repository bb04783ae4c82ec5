"""Animations, several pages, and photos in which there is nothing."""

import struct

import numpy as np
import pytest
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.source import inspect
from imgflow_tests.photos.hard_files import psnr, saved, scene, tiff

FRAMES = [Image.fromarray(np.roll(scene(), 9 * i, 1)) for i in range(3)]


def code_of(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(data)
    return caught.value.code


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_several_frames(kind):
    data = saved(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:])
    assert code_of(data) == "animated"
    with pytest.raises(PhotoError, match="animated"):
        inspect(data)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_one_frame_saved_as_an_animation(kind):
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}}.get(kind, {})
    picture = decode(saved(FRAMES[0], kind, save_all=True, **options)).picture
    assert psnr(picture.rgb, scene()) > 28


def test_gif_whose_second_frame_is_huge():
    """A frame of 65,535 x 65,535 pixels costs nothing, since it is never looked at."""
    first = saved(Image.fromarray(scene()).quantize(), "GIF")
    assert first.endswith(b"\x3b")
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x4c\x01\x00"
    assert code_of(first[:-1] + frame + b"\x3b") == "animated"


@pytest.mark.parametrize("tag", [{254: 1}, {255: 2}, {254: 4}], ids=["reduced", "reduced (old)", "mask"])
def test_tiff_with_a_preview_page_is_one_picture(tag):
    data = tiff([(scene(), {}), (scene(48, 32), tag)])
    assert psnr(decode(data).picture.rgb, scene()) > 99


def test_tiff_with_two_pages():
    assert code_of(tiff([(scene(), {}), (scene(48, 32), {})])) == "animated"


@pytest.mark.parametrize("tags", [{254: 1}, {262: 32803}, {50706: 257}], ids=["NEF", "CFA", "DNG"])
def test_raw_files_in_tiff_clothes(tags):
    samples = scene() if 262 not in tags else scene()[..., 0]
    assert code_of(tiff([(samples, tags)])) == "unsupported_format"


# -- nothing in it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_one_colour(mode):
    assert code_of(saved(Image.new(mode, (512, 512)), "PNG")) == "no_foreground"


def test_one_colour_with_compression_noise():
    image = Image.new("RGB", (300, 200), (201, 180, 33))
    assert code_of(saved(image, "JPEG", quality=40)) == "no_foreground"
    noisy = np.asarray(image) + np.random.default_rng(1).integers(-1, 2, (200, 300, 3)).astype(np.uint8)
    assert code_of(saved(noisy, "PNG")) == "no_foreground"


def test_a_speck_is_something():
    rgb = np.full((400, 400, 3), 255, np.uint8)
    rgb[203, 77] = 240
    assert decode(saved(rgb, "PNG")).picture.width == 400


def test_a_shape_in_alpha_alone_is_something():
    alpha = np.zeros((100, 100), np.uint8)
    alpha[30:60, 30:60] = 255
    picture = decode(saved(np.dstack([np.zeros((100, 100, 3), np.uint8), alpha]), "PNG")).picture
    assert picture.alpha is not None
    assert (picture.alpha == alpha).all()


@pytest.mark.parametrize(("most", "refused"), [(0, True), (16, True), (25, True), (26, False), (255, False)])
def test_alpha_that_nobody_sees(most, refused):
    alpha = np.tile(np.linspace(0, most, 96).round().astype(np.uint8), (64, 1))
    data = saved(np.dstack([scene(), alpha]), "PNG")
    if refused:
        assert code_of(data) == "no_foreground"
    else:
        assert decode(data).picture.alpha is not None


def test_even_alpha_over_one_colour():
    assert code_of(saved(Image.new("RGBA", (64, 64), (9, 9, 9, 128)), "PNG")) == "no_foreground"
