"""The before/after sheet stays small and shows what it should."""

import base64
import io

import numpy as np
from PIL import Image

from imgflow.photos.picture import Picture
from imgflow.pipeline.contact_sheet import contact_sheet, make_pair


def noise(seed: int) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (300, 400, 3), np.uint8))


def decoded(sheet: str) -> Image.Image:
    head, _, data = sheet.partition("base64,")
    assert head == "![before and after](data:image/jpeg;"
    return Image.open(io.BytesIO(base64.b64decode(data.removesuffix(")"))))


def test_the_sheet_of_many_noisy_photos_stays_below_the_limit():
    pairs = [make_pair(noise(n), noise(n + 50)) for n in range(30)]
    sheet = contact_sheet(pairs, 60_000)
    assert len(sheet) <= 60_000
    image = decoded(sheet)
    assert image.width == 480
    assert image.height == 6 * 120


def test_transparency_shows_as_a_checkerboard_without_a_dark_rim():
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[50:150, 50:150] = (200, 30, 30)
    alpha = np.zeros((200, 200), np.uint8)
    alpha[50:150, 50:150] = 255
    pixels = np.asarray(make_pair(Picture(rgb), Picture(rgb, alpha)).after)
    assert set(map(tuple, pixels[:20, :20].reshape(-1, 3))) <= {(255, 255, 255), (214, 214, 214)}
    assert pixels[58, 58].tolist() == [200, 30, 30]
    assert pixels.min(axis=(0, 1))[0] >= 199  # no black from below the transparent pixels


def test_no_photos_no_sheet():
    assert contact_sheet([], 60_000) == ""
