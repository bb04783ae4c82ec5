"""Each of the eight orientations is applied exactly once, wherever it is written."""

import numpy as np
import pytest
from PIL import Image

from imgflow.photos.decode import decode
from imgflow.photos.source import inspect
from imgflow_tests.photos.hard_files import (
    SIGNATURE,
    orientation_exif,
    orientation_xmp,
    png_chunk,
    png_chunks,
    psnr,
    saved,
    scene,
    stored_turned,
)
from imgflow_tests.photos.test_formats import heic


def _late_exif(pixels, orientation: int) -> bytes:
    """A PNG whose EXIF comes behind the pixels."""
    chunks = png_chunks(saved(pixels, "PNG", exif=orientation_exif(orientation)))
    chunks.sort(key=lambda chunk: (chunk[0] == b"IEND", chunk[0] == b"eXIf"))
    return SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks)


WRITERS = {
    "jpeg": lambda p, o: saved(p, "JPEG", quality=95, subsampling=0, exif=orientation_exif(o)),
    "jpeg, XMP only": lambda p, o: saved(p, "JPEG", quality=95, subsampling=0, xmp=orientation_xmp(o)),
    "png": lambda p, o: saved(p, "PNG", exif=orientation_exif(o)),
    "png, EXIF last": _late_exif,
    "webp": lambda p, o: saved(p, "WEBP", lossless=True, exif=orientation_exif(o)),
    "tiff": lambda p, o: saved(p, "TIFF", tiffinfo={274: o}),
    "tiff, LZW": lambda p, o: saved(p, "TIFF", tiffinfo={274: o}, compression="tiff_lzw"),
    "avif": lambda p, o: saved(p, "AVIF", quality=95, subsampling="4:4:4", exif=orientation_exif(o)),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", WRITERS)
def test_upright(name, orientation):
    data = WRITERS[name](stored_turned(scene(), orientation), orientation)
    photo = decode(data)
    assert psnr(photo.picture.rgb, scene()) > 30
    assert (photo.source.width, photo.source.height, photo.source.orientation) == (96, 64, orientation)
    seen = inspect(data)
    assert (seen.width, seen.height, seen.orientation) == (96, 64, orientation)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_heic_is_turned_by_its_container_alone(orientation):
    data = heic(
        stored_turned(scene(), orientation), quality=95, chroma=444, exif=orientation_exif(orientation).tobytes()
    )
    photo = decode(data)
    assert (photo.source.width, photo.source.height) == photo.picture.rgb.shape[1::-1]
    assert psnr(photo.picture.rgb, scene()) > 30


@pytest.mark.parametrize("orientation", range(2, 9))
def test_alpha_turns_along(orientation):
    rgba = np.dstack([scene(), scene()[..., 0]])
    data = saved(stored_turned(rgba, orientation), "PNG", exif=orientation_exif(orientation))
    picture = decode(data).picture
    assert picture.alpha is not None
    assert psnr(picture.rgba, rgba) > 99


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientation_is_ignored(orientation):
    photo = decode(saved(scene(), "PNG", exif=orientation_exif(orientation)))
    assert photo.source.orientation == 1
    assert psnr(photo.picture.rgb, scene()) > 99


def test_damaged_exif_is_a_warning():
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\x00" * 3
    photo = decode(saved(scene(), "JPEG", quality=95, exif=exif))
    assert photo.picture.rgb.shape == (64, 96, 3)


def test_sixteen_bits_turn_too():
    stored = stored_turned(scene()[..., 0].astype(np.uint16) * 257, 6)
    image = Image.fromarray(stored)
    picture = decode(saved(image, "PNG", exif=orientation_exif(6))).picture
    assert psnr(picture.rgb[..., 0], scene()[..., 0]) > 99
