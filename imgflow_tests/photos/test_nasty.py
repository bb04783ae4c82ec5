"""A collection of third-party files that broke other programs, where it is at hand (it is not part of imgflow)."""

import csv
from pathlib import Path

import numpy as np
import pytest

from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.limits import Limits
from imgflow_tests.photos.hard_files import psnr

NASTY = Path(__file__).parents[3] / "shared" / "nasty"
MANIFEST = NASTY / "MANIFEST.tsv"
ROWS = list(csv.DictReader(MANIFEST.read_text("utf-8").splitlines(), delimiter="\t")) if MANIFEST.exists() else []

CODES = {
    "anim/rotating-squares.gif": "animated",
    "anim/delay.png": "animated",
    "bomb/png_decompression_dos.png": "too_small",
    "bomb/decompression_bomb_extents.gif": "animated",
    "bomb/big-height.webp": "animated",
    "color/prophoto.png": "too_small",  # one pixel, as another row of the list wants refused
    "corrupt/ultrahdr.jpg": "truncated",
    "corrupt/truncated.png": "truncated",
    "corrupt/truncated_image.png": "truncated",
    "corrupt/truncated_end_chunk.png": "truncated",
    "corrupt/bad_iCCP.png": "corrupt",
    "corrupt/broken_data_stream.png": "corrupt",
    "corrupt/corrupt-header.jpg": "truncated",
    "corrupt/seven_bytes.jpg": "truncated",
    "corrupt/broken-no-sof-ascii-transfer-mode.jpg": "truncated",
    "depth/16-bit-grey-alpha.png": "no_foreground",
    "depth/10ct_32bit_128.tiff": "unsupported_mode",
    "format/truncated.heic": "truncated",
    "format/check.svg": "unsupported_format",
    "generated/bad_idat_crc_256.png": "corrupt",
    "generated/zero_byte.jpg": "empty_file",
    "generated/html_404.png": "not_an_image",
    "generated/zero_width.png": "corrupt",
    "generated/one_px.png": "too_small",
    "generated/fully_transparent.png": "no_foreground",
    "generated/all_black_L.png": "no_foreground",
    "generated/half_photo.jpg": "truncated",
}

pytestmark = pytest.mark.skipif(not ROWS, reason="the collection is not at hand")


def outcome(name: str) -> str:
    try:
        decode((NASTY / name).read_bytes())
    except PhotoError as error:
        return error.code
    return ""


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_outcome(row):
    code = outcome(row["file"])
    assert code == CODES.get(row["file"], "")
    # HEIC is rejected only by a program that cannot read it.
    expected = "ACCEPT" if row["file"] == "format/with-alpha-512x512.heic" else row["expect"]
    if row["file"] != "color/prophoto.png":
        assert expected in ("EITHER", "REJECT" if code else "ACCEPT")


@pytest.mark.parametrize("name", ["Landscape_3", "Landscape_5", "Landscape_7"])
def test_orientation(name):
    upright = decode((NASTY / "exif" / "Landscape_1.jpg").read_bytes()).picture.rgb
    assert upright.shape == (450, 600, 3)
    assert psnr(decode((NASTY / "exif" / f"{name}.jpg").read_bytes()).picture.rgb, upright) > 20


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("exif/Portrait_6.jpg", 450, 600),
        ("format/rot1mir0.avif", 640, 427),
        ("generated/odd_251x173.png", 251, 173),
        ("generated/orientation_6.png", 200, 320),
    ],
)
def test_size(name, width, height):
    picture = decode((NASTY / name).read_bytes()).picture
    assert (picture.width, picture.height) == (width, height)


def test_cmyk_is_no_negative():
    rgb, cmyk = (decode((NASTY / "color" / f"pil_sample_{kind}.jpg").read_bytes()) for kind in ("rgb", "cmyk"))
    assert psnr(cmyk.picture.rgb, rgb.picture.rgb) > 28


def test_cmyk_goes_through_its_profile():
    source = decode((NASTY / "color" / "Channel_digital_image_CMYK_color.jpg").read_bytes()).source
    assert source.icc_profile == "U.S. Web Coated (SWOP) v2"


def test_alpha_is_kept():
    for name in ("depth/tbgn2c16.png", "depth/RGBA_16__128x128.png", "depth/grey-8bit-alpha.png", "depth/ftbbn3p08.png",
                 "depth/alpha-premultiply-1024x768-paper.png", "format/with-alpha-512x512.heic"):  # fmt: skip
        picture = decode((NASTY / name).read_bytes()).picture
        assert picture.alpha is not None
        assert len(np.unique(picture.alpha)) > 1


def test_only_its_size_and_single_colour_are_wrong_with_one_pixel():
    data = (NASTY / "color" / "prophoto.png").read_bytes()
    with pytest.raises(PhotoError) as caught:
        decode(data, Limits(min_side=1))
    assert caught.value.code == "no_foreground"
