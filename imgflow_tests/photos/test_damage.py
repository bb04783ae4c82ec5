"""Cut and damaged files are refused with the right code; never a half-grey picture, never another exception."""

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from imgflow.errors import PHOTO_ERRORS, PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.source import inspect
from imgflow_tests.photos.hard_files import SIGNATURE, detailed, png, png_chunk, png_header, psnr, saved, scene, tiff
from imgflow_tests.photos.test_formats import heic

WRITERS = {
    "jpeg": lambda p: saved(p, "JPEG", quality=90),
    "jpeg 4:2:0": lambda p: saved(p, "JPEG", quality=60, optimize=True),
    "jpeg restarts": lambda p: saved(p, "JPEG", quality=90, restart_marker_rows=1),
    "jpeg progressive": lambda p: saved(p, "JPEG", quality=90, progressive=True),
    "png": lambda p: saved(p, "PNG"),
    "webp": lambda p: saved(p, "WEBP", quality=90),
    "gif": lambda p: saved(Image.fromarray(p).quantize(64), "GIF"),
    "bmp": lambda p: saved(p, "BMP"),
    "tiff": lambda p: saved(p, "TIFF"),
    "tiff lzw": lambda p: saved(p, "TIFF", compression="tiff_lzw"),
    "avif": lambda p: saved(p, "AVIF", quality=80),
    "heic": lambda p: heic(p, quality=70),
}
INTACT = {name: write(detailed(320, 240)) for name, write in WRITERS.items()}


def code_of(data: bytes) -> str:
    """The error code of a file; empty if it is taken in."""
    try:
        decode(data)
    except PhotoError as error:
        return error.code
    return ""


@pytest.mark.parametrize("name", INTACT)
def test_cut_files(name):
    data = INTACT[name]
    whole = decode(data).picture.rgb
    for cut in [*(len(data) * share // 24 for share in range(1, 24)), len(data) - 40, len(data) - 3, len(data) - 1]:
        try:
            picture = decode(data[:cut]).picture
        except PhotoError as error:
            assert error.code in ("truncated", "unsupported_mode" if name.startswith("tiff") else "truncated")
        else:  # only what comes behind the last pixel is gone
            assert cut > len(data) - 41
            assert psnr(picture.rgb, whole) > 40


@pytest.mark.parametrize("name", INTACT)
def test_half_a_file_is_truncated(name):
    assert code_of(INTACT[name][: len(INTACT[name]) // 2]) == "truncated"


@pytest.mark.parametrize("name", INTACT)
def test_no_damage_raises_anything_else(name):
    dice = random.Random(name)
    for _ in range(25):
        data = bytearray(INTACT[name])
        at, count = dice.randrange(len(data)), dice.choice((1, 4, 300))
        data[at : at + count] = dice.randbytes(min(count, len(data) - at))
        assert code_of(bytes(data)) in {"", *PHOTO_ERRORS} - {"internal", "crashed"}


# -- JPEG: what libjpeg paints over ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jpeg", "jpeg 4:2:0"])
def test_jpeg_without_end_marker_or_with_garbage_behind(name):
    data = INTACT[name]
    whole = decode(data).picture.rgb
    assert data.endswith(b"\xff\xd9")
    for odd in (
        data[:-2],
        data[:-1],
        data + b"\0" * 5000,
        data + b"<html>\xff\xd8\xff\xda",
        data[:-2] + b"\xff" + data[-2:],
    ):
        assert psnr(decode(odd).picture.rgb, whole) > 40


def test_jpeg_cut_and_closed_again():
    data = INTACT["jpeg"]
    assert code_of(data[: len(data) * 2 // 3] + b"\xff\xd9") == "truncated"


def test_progressive_jpeg_cut_and_closed_again():
    data = INTACT["jpeg progressive"]
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    assert code_of(data[: scans[4]] + b"\xff\xd9") == "truncated"


def test_jpeg_with_a_stray_marker_in_its_data():
    data = bytearray(INTACT["jpeg"])
    data[len(data) // 2 : len(data) // 2 + 2] = b"\xff\x3a"
    assert code_of(bytes(data)) == "corrupt"


def test_jpeg_with_a_hole_of_zeros():
    data = bytearray(INTACT["jpeg"])
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    assert code_of(bytes(data)) == "corrupt"


def test_jpeg_whose_decoder_lost_its_way():
    data = bytearray(INTACT["jpeg"])
    noise = np.random.default_rng(3).integers(0, 255, 2000, dtype=np.uint8).tobytes()  # has no 255: no marker
    data[len(data) // 3 : len(data) // 3 + 2000] = noise
    assert code_of(bytes(data)) in ("corrupt", "truncated")


def test_jpeg_with_a_missing_restart_marker():
    data = INTACT["jpeg restarts"]
    at = data.index(b"\xff\xd3", data.index(b"\xff\xda"))
    assert code_of(data[:at] + data[at + 2 :]) == "corrupt"


def test_white_jpeg_is_no_hole():
    """With tables made for it, a plain white ground is a long run of zero bits."""
    rgb = np.full((1200, 1600, 3), 255, np.uint8)
    rgb[400:500, 700:800] = detailed(100, 100)
    assert psnr(decode(saved(rgb, "JPEG", quality=80, optimize=True)).picture.rgb, rgb) > 30


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xd8", "corrupt"),
        (b"\xff\xd8\xec\x7f\xff\xe1\0", "truncated"),
        (b"\xff\xd8\xff\xe1%HExif" + bytes(range(256)) * 3, "truncated"),
        (b"\xff\xd8\xff\xee \x0eAdobe d\x80   \x01\xff\xdb \x84" + bytes(1900), "truncated"),
        (b"\xff\xd8\xff\xd9", "corrupt"),
        (INTACT["jpeg"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "unsupported_mode"),
        (INTACT["jpeg"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc3\0\x11\x08"), "unsupported_mode"),
        (INTACT["jpeg"][: INTACT["jpeg"].index(b"\xff\xda")], "truncated"),
    ],
)
def test_jpeg_headers(data, code):
    assert code_of(data) == code


def test_pillow_told_to_paint_over_is_not_obeyed(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("jpeg", "png", "gif", "bmp"):
        assert code_of(INTACT[name][: len(INTACT[name]) // 2]) == "truncated"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


# -- PNG ---------------------------------------------------------------------------------------------------------------


def test_png_flipped_bit_is_corrupt():
    data = bytearray(INTACT["png"])
    data[len(data) // 2] ^= 1
    assert code_of(bytes(data)) == "corrupt"


def test_png_broken_stream_with_right_checksum():
    pixels = png_chunk(b"IDAT", b"\x78\x9c" + bytes(range(200)))
    assert code_of(SIGNATURE + png_header(64, 64, 8, 2) + pixels + png_chunk(b"IEND", b"")) == "corrupt"


def test_png_with_too_few_rows():
    """A sound file in every other way: its rows just end early, and Pillow gives black ones for the rest."""
    rows = b"".join(b"\0" + row.tobytes() for row in scene()[:40])
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    assert code_of(SIGNATURE + png_header(96, 64, 8, 2) + pixels + png_chunk(b"IEND", b"")) == "truncated"


def test_png_whose_last_rows_are_really_black():
    rgb = scene()
    rgb[40:] = 0
    for mode in ("RGB", "RGBA", "L", "P", "1"):
        image = Image.fromarray(rgb)
        image = image.quantize(16) if mode == "P" else image.convert(mode)
        assert decode(saved(image, "PNG")).picture.rgb.shape == rgb.shape


def test_png_on_plain_white():
    rgb = np.full((2000, 1500, 3), 255, np.uint8)
    rgb[700:800, 700:800] = detailed(100, 100)
    assert psnr(decode(saved(rgb, "PNG")).picture.rgb, rgb) > 99


def test_png_interlaced():
    """Written pass by pass (Adam7), complete and without its last pass."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 1))
    rgb = scene()
    rgb[-2:] = 0

    def file(count: int) -> bytes:
        rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes[:count] for row in rgb[y::dy, x::dx])
        return SIGNATURE + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")

    assert psnr(decode(file(7)).picture.rgb, rgb) > 99
    assert code_of(file(6)) == "truncated"


def test_png_damaged_note_is_left_out():
    data = bytearray(png(scene(), 8, 2, png_chunk(b"tEXt", b"Comment\0hello")))
    data[data.index(b"hello")] ^= 1
    photo = decode(bytes(data))
    assert psnr(photo.picture.rgb, scene()) > 99
    assert photo.source.warnings


def test_png_sent_in_text_mode():
    assert code_of(INTACT["png"].replace(b"\r\n", b"\n")) == "corrupt"


def test_png_without_width():
    assert code_of(SIGNATURE + png_header(0, 64, 8, 2) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")) == "corrupt"


# -- TIFF --------------------------------------------------------------------------------------------------------------


def test_tiff_pages_that_loop():
    data = bytearray(tiff([(scene(), {})]))
    first = int.from_bytes(data[4:8], "little")
    data[-4:] = first.to_bytes(4, "little")
    assert psnr(decode(bytes(data)).picture.rgb, scene()) > 99


def test_inspect_decodes_no_pixels():
    """The header of a file with damaged pixels is still told."""
    pixels = png_chunk(b"IDAT", b"\x78\x9c" + bytes(range(200)))
    data = SIGNATURE + png_header(64, 48, 8, 2) + pixels + png_chunk(b"IEND", b"")
    assert (inspect(data).width, inspect(data).height) == (64, 48)
