"""Limits hold before anything is decoded; bombs cost neither memory nor time; Pillow is left as it was."""

import resource
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from imgflow.errors import PhotoError
from imgflow.photos import source
from imgflow.photos.decode import decode
from imgflow.photos.limits import Limits
from imgflow.photos.pillow_terms import pillow_terms
from imgflow.photos.source import inspect
from imgflow.settings import Settings
from imgflow_tests.photos.hard_files import SIGNATURE, png, png_chunk, png_header, psnr, saved, scene, tiff


def code_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(data, limits or Limits())
    return caught.value.code


def test_defaults_are_those_of_the_settings():
    for name in ("max_bytes", "max_pixels", "min_side", "max_side", "max_aspect"):
        assert getattr(Limits(), name) == Settings.model_fields[name].default


def claim(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no data."""
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return SIGNATURE + png_header(width, height, 8, 2) + pixels + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (60_000, 60_000, "too_many_pixels"),
        (2_000_000_000, 2, "too_many_pixels"),
        (17_000, 1_000, "too_large"),
        (15, 15, "too_small"),
        (1, 1, "too_small"),
        (3_000, 100, "too_elongated"),
        (100, 3_000, "too_elongated"),
        (10_000, 10_000, "truncated"),
    ],
)
def test_header_claims(width, height, code):
    assert code_of(claim(width, height)) == code
    with pytest.raises(PhotoError, match=code):
        inspect(claim(width, height))


def test_bytes():
    assert code_of(b"") == "empty_file"
    assert code_of(saved(scene(), "PNG"), Limits(max_bytes=100)) == "too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_limits_hold_for_every_format(kind):
    image = Image.fromarray(scene())
    data = saved(image.quantize() if kind == "GIF" else image, kind)
    assert code_of(data, Limits(max_pixels=6143)) == "too_many_pixels"
    assert code_of(data, Limits(max_side=95)) == "too_large"
    assert code_of(data, Limits(min_side=65)) == "too_small"
    assert code_of(data, Limits(max_aspect=1.4)) == "too_elongated"
    decode(data, Limits(max_pixels=6144, max_side=96, min_side=64, max_aspect=1.5))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "WEBP"])
def test_our_limit_decides_not_pillows(monkeypatch, kind):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    data = saved(Image.fromarray(scene()).quantize() if kind == "GIF" else scene(), kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data).source.width == 96
    assert Image.MAX_IMAGE_PIXELS == 1000


def _webp_claim(width: int, height: int) -> bytes:
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0)
    body += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _jpeg_claim() -> bytes:
    data = saved(scene(), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 10_000, 11_000) + data[at + 4 :]


BOMBS = {
    "zTXt": (
        lambda: png(scene(), 8, 2, *[png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(40_000_000), 9))] * 20),
        None,
    ),
    "iCCP": (lambda: png(scene(), 8, 2, png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(90_000_000), 9))), None),
    "png": (lambda: claim(10_000, 11_000), "truncated"),
    "jpeg": (_jpeg_claim, "truncated"),
    "webp": (lambda: _webp_claim(16_000_000, 16_000_000), "too_many_pixels"),
    "gif": (
        lambda: b"GIF89a" + struct.pack("<HH", 65535, 65535) + saved(Image.fromarray(scene()).quantize(), "GIF")[10:],
        "too_many_pixels",
    ),
    "tiff": (lambda: tiff([(np.zeros((4, 4, 3), np.uint8), {256: 60_000, 257: 60_000})]), "too_many_pixels"),
    "bmp": (
        lambda: saved(scene(), "BMP")[:18] + struct.pack("<ii", 10_000, 11_000) + saved(scene(), "BMP")[26:500],
        "truncated",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_cheap(name):
    build, code = BOMBS[name]
    data = build()
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if code is None:
        assert psnr(decode(data).picture.rgb, scene()) > 99
    else:
        assert code_of(data) == code
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600_000 * (1024 if sys.platform == "darwin" else 1)
    assert time.perf_counter() - begun < 2


def test_memory_of_decoding_is_bounded():
    """The peak of a fresh process is below 12 bytes a pixel, over what it took before."""
    row = np.linspace(0, 255, 4000).astype(np.uint8)
    data = saved(np.tile(row[:, None], (4000, 1, 3)), "JPEG")
    reader = (
        "import resource, sys\n"
        "from imgflow.photos.decode import decode\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decode(data)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", reader], input=data, capture_output=True, check=True)
    grown = int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 12 * 16_000_000


def test_memory_error_is_named(monkeypatch):
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", no_memory)
    assert code_of(saved(scene(), "PNG")) == "out_of_memory"


def test_surprises_of_a_decoder_are_corrupt(monkeypatch):
    def surprise(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", surprise)
    assert code_of(saved(scene(), "PNG")) == "corrupt"
    monkeypatch.setattr(source, "read_metadata", surprise)
    assert code_of(saved(scene(), "BMP")) == "corrupt"


def test_pillow_is_left_as_it_was_by_many_threads():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    files = [saved(scene(), "PNG"), saved(scene(), "JPEG"), saved(scene(), "JPEG")[:500]]
    failures: list[BaseException] = []

    def work(data: bytes) -> None:
        for _ in range(20):
            try:
                assert decode(data).source.width == 96
            except PhotoError as error:
                if error.code != "truncated":
                    failures.append(error)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(files[i % 3],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_terms_within_terms():
    before = Image.MAX_IMAGE_PIXELS
    with pillow_terms():
        with pillow_terms():
            assert Image.MAX_IMAGE_PIXELS is None
        assert Image.MAX_IMAGE_PIXELS is None
    assert before == Image.MAX_IMAGE_PIXELS
