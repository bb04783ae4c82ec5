"""What the strip shows, on which grounds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgflow.compare.figures import measure
from imgflow.compare.grounds import parse_grounds
from imgflow.compare.strip import GAIN, difference
from imgflow.errors import UsageError
from imgflow.photos.picture import Picture
from imgflow_tests.cli.calls import imgflow
from imgflow_tests.compare.pictures import Pixels, disc, picture, save


def test_a_strip_shows_a_b_and_the_difference_on_each_ground(tmp_path: Path):
    a, b = disc(30, colour=(0, 0, 255)), disc(38, colour=(0, 0, 255))
    out = tmp_path / "strip.png"
    result = imgflow(
        *("compare", save(tmp_path / "a.png", a), save(tmp_path / "b.png", b), "--out", out),
        *("--background", "white", "--background", "black,#ff00ff"),
    )
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        strip = np.asarray(image.convert("RGB"))
    assert strip.shape[1] <= 1300
    found = 0
    for colour in ((255, 255, 255), (0, 0, 0), (255, 0, 255)):
        three = [picture(a).over(colour), picture(b).over(colour)]
        three.append(difference(*three))
        rows = {_rows_with(strip, pixels) for pixels in three}
        assert len(rows) == 1  # side by side
        found += len(rows - {None})
    assert found == 3


def _rows_with(strip: Pixels, pixels: Pixels) -> int | None:
    """The first row of the strip in which these pixels begin, exactly."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 2]
    for top in range(len(strip) - height + 1):
        row = strip[top + height // 2]
        for left in np.flatnonzero((row[: row.shape[0] - width + 1] == middle[0]).all(1)):
            if np.array_equal(strip[top : top + height, left : left + width], pixels):
                return top
    return None


def test_a_large_pair_has_a_crop_at_its_worst_edge(tmp_path: Path):
    a, b = disc(600, 1600, 1400), disc(600, 1600, 1400)
    b[650:750, 1395:1425] = (200, 40, 30, 200)  # a flaw at the right edge of the disc
    out = tmp_path / "strip.png"
    arguments = (save(tmp_path / "a.png", a), save(tmp_path / "b.png", b), "--out", out, "--background", "white")
    assert imgflow("compare", *arguments).exit_code == 0
    with Image.open(out) as image:
        strip = np.asarray(image.convert("RGB"))
    flaw = picture(b).over((255, 255, 255))[640:760, 1380:1440]
    assert _rows_with(strip, flaw) is not None  # at full size, pixel by pixel


def test_a_strip_of_folders_shows_the_most_different_first(tmp_path: Path):
    for number in range(6):
        save(tmp_path / "a" / f"{number}.png", disc(30))
        save(tmp_path / "b" / f"{number}.png", disc(30 + number, colour=(10, 40 * number, 30)))
    for extension in ("jpg", "webp", "png"):
        result = imgflow("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / f"strip.{extension}")
        assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "strip.png") as image:
        strip = np.asarray(image.convert("RGB"))
    tops = [
        _rows_with(strip, picture(disc(30 + number, colour=(10, 40 * number, 30))).over((255, 255, 255)))
        for number in range(6)
    ]
    deltas = [
        measure(picture(disc(30)), picture(disc(30 + number, colour=(10, 40 * number, 30)))).delta_e
        for number in range(6)
    ]
    shown = sorted((top, number) for number, top in enumerate(tops) if top is not None)
    best = sorted(range(6), key=lambda number: -deltas[number])[:4]
    assert [number for _, number in shown] == best


def test_differences_are_amplified_and_do_not_wrap():
    a, b = np.array([[[10, 200, 0]]], np.uint8), np.array([[[12, 100, 0]]], np.uint8)
    assert difference(a, b).tolist() == [[[2 * GAIN, 255, 0]]]
    assert np.array_equal(difference(a, b), difference(b, a))


def test_grounds_have_names_and_numbers():
    grounds = parse_grounds(["White, #010203", "checkerboard"], [])
    assert [ground.colour for ground in grounds] == [(255, 255, 255), (1, 2, 3), None]
    assert [ground.name for ground in parse_grounds([], ["black"])] == ["black"]
    clear = Picture(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8))
    assert set(np.unique(grounds[2].under(clear))) == {214, 255}
    with pytest.raises(UsageError, match="magenta"):
        parse_grounds(["no colour"], [])
