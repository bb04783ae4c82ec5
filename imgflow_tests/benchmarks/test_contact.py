"""Contact sheets show cutouts on each ground, and their softest edge at 100 %."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgflow.photos.picture import Picture
from imgflow_tests.benchmarks import contact

SOFT = (700, 500)
"""Column and row of the soft part."""


def cutout():
    alpha = np.zeros((800, 1000), np.uint8)
    alpha[100:400, 100:400] = 255
    left, top = SOFT
    alpha[top : top + 40, left : left + 40] = 128
    rgb = np.zeros((800, 1000, 3), np.uint8)
    rgb[..., 1] = 200
    return Picture(rgb, alpha)


def test_the_crop_is_where_alpha_is_soft():
    left, top = contact.softest(cutout())
    assert left <= SOFT[0] and left + contact.CELL >= SOFT[0] + 40
    assert top <= SOFT[1] and top + contact.CELL >= SOFT[1] + 40


def test_sheets_show_each_photo_on_every_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photos, cutouts = tmp_path / "photos", tmp_path / "cutouts"
    for folder in (photos, cutouts):
        folder.mkdir()
    for number in range(contact.ROWS + 1):
        Image.fromarray(np.arange(800 * 1000 * 3, dtype=np.uint32).reshape(800, 1000, 3).astype(np.uint8)).save(
            photos / f"{number}.png"
        )
        Image.fromarray(cutout().rgba).save(cutouts / f"{number}.png")
    monkeypatch.setattr("sys.argv", ["contact", str(photos), str(cutouts), str(tmp_path / "out")])
    contact.main()
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 2
    with Image.open(files[1]) as opened:
        sheet = np.asarray(opened.convert("RGB"))
    row = 18 + contact.CELL // 20  # transparent in every cutout
    colours = [tuple(sheet[row, column * (contact.CELL + 6) + 5]) for column in (1, 2, 3)]
    assert colours == [(255, 255, 255), (0, 0, 0), (255, 0, 255)]
