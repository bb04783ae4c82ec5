import numpy as np
import pytest

from imgflow.samples.canvas import Canvas
from imgflow.samples.shapes import coverage, ellipse, moved, polygon, rounded_box, stroke


@pytest.mark.parametrize("radius", [0.3, 1.0, 7.7, 40.0])
def test_a_circles_area_is_pi_r_squared(radius: float) -> None:
    area = coverage([ellipse(50.3, 49.1, radius)], 100, 101)
    assert area.sum() == pytest.approx(np.pi * radius**2, rel=1e-4)
    assert area.min() == 0
    assert area.max() <= 1


def test_each_pixel_holds_its_exact_share() -> None:
    triangle = polygon([(0, 0), (4, 0), (0, 2)])
    expected = np.zeros((2, 4))
    for row in range(2):
        for column in range(4):  # 400 x 400 samples of the half plane x / 4 + y / 2 < 1
            grid = (np.arange(400) + 0.5) / 400
            inside = ((column + grid[None, :]) / 4 + (row + grid[:, None]) / 2) < 1
            expected[row, column] = inside.mean()
    np.testing.assert_allclose(coverage([triangle], 2, 4), expected, atol=2e-3)


def test_the_way_a_polygon_turns_does_not_matter_and_holes_are_cut() -> None:
    disc, hole = ellipse(20, 20, 15), ellipse(20, 20, 9)
    there, back = coverage([disc], 40, 40, [hole]), coverage([disc[::-1]], 40, 40, [hole[::-1]])
    np.testing.assert_allclose(there, back, atol=1e-6)
    assert there.sum() == pytest.approx(np.pi * (15**2 - 9**2), rel=1e-4)
    assert there[20, 20] == 0


def test_overlapping_solids_are_one() -> None:
    both = coverage([rounded_box(10, 10, 10, 10, 1), rounded_box(12, 10, 10, 10, 1)], 20, 30)
    assert both[10, 11] == 1
    assert both.sum() == pytest.approx(12 * 10 - (4 - np.pi), rel=1e-3)


def test_outlines_beyond_the_picture_are_cut_off() -> None:
    disc = ellipse(50, 50, 40)
    whole = coverage([disc], 100, 100)
    part = coverage([moved(disc, -45, -30)], 40, 30)
    np.testing.assert_allclose(part, whole[30:70, 45:75], atol=1e-5)


def test_a_line_thinner_than_a_pixel_keeps_its_area() -> None:
    line = stroke([(5.2, 5.7), (80.9, 61.3)], 0.2, round_ends=False)
    length = np.hypot(80.9 - 5.2, 61.3 - 5.7)
    assert coverage([line], 70, 90).sum() == pytest.approx(0.2 * length, rel=1e-3)


def test_a_canvas_cuts_like_the_whole_picture() -> None:
    canvas = Canvas(120, 160, np.random.default_rng(0))
    part = canvas.cut(ellipse(0.6, 0.5, 0.2))
    whole = np.zeros((120, 160), np.float32)
    whole[part.window] = part.area
    np.testing.assert_allclose(whole, coverage([ellipse(72, 60, 24)], 120, 160), atol=1e-5)
