"""Files of the PNG writer are read back to the same pixels by two independent decoders, and do not vary."""

import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from imgflow.photos import png_writer
from imgflow.photos.png_writer import write_png
from imgflow_tests.photos.hard_files import detailed, png_chunks, saved

NOISE = np.random.default_rng(0).integers(0, 256, (90, 70, 4), dtype=np.uint8)
PICTURES = {
    "RGBA": NOISE,
    "RGB": NOISE[..., :3],
    "one pixel": NOISE[:1, :1],
    "one column": NOISE[:, :1],
    "one row": NOISE[:1],
    "not contiguous": NOISE[::2, ::-3, :3],
    "transparent": np.zeros((50, 40, 4), np.uint8),
    "smooth": np.tile(np.arange(200, dtype=np.uint8), (100, 3, 1)).transpose(0, 2, 1),
}


@pytest.fixture
def many_strips(monkeypatch):
    monkeypatch.setattr(png_writer, "STRIP_BYTES", 1000)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("level", [0, 1, 4, 9])
@pytest.mark.usefixtures("many_strips")
def test_two_decoders_see_the_same_pixels(name, level):
    pixels = PICTURES[name]
    data = write_png(pixels, level)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (np.asarray(image) == pixels).all()
    swap = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    assert (cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), swap) == pixels).all()


@pytest.mark.usefixtures("many_strips")
def test_the_joined_stream_and_its_checksum_are_sound():
    chunks = png_chunks(write_png(NOISE, 4))
    stream = zlib.decompressobj()
    rows = stream.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    assert stream.eof and not stream.unused_data  # zlib has compared the Adler-32
    assert len(rows) == 90 * (70 * 4 + 1)


@pytest.mark.usefixtures("many_strips")
def test_the_number_of_threads_does_not_change_a_byte(monkeypatch):
    files = []
    for threads in (1, 4):
        monkeypatch.setattr(png_writer, "MOST_THREADS", threads)
        files.append(write_png(NOISE, 4))
    assert files[0] == files[1]


def test_filters_pay():
    gradient = PICTURES["smooth"]
    assert len(write_png(gradient, 4)) < 0.1 * gradient.size
    assert len(write_png(detailed(), 6)) < 1.03 * len(saved(detailed(), "PNG", compress_level=6))
