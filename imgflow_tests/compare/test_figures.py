"""What the figures say."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.compare.comparison import fit
from imgflow.compare.figures import measure
from imgflow.photos.picture import Picture
from imgflow_tests.compare.pictures import Pixels, compared, disc, picture, save


def test_equal_pictures_differ_by_nothing():
    figures = measure(picture(disc(30)), picture(disc(30)))
    assert (figures.delta_e, figures.differing, figures.visible, figures.alpha_sad) == (0, 0, 0, 0)
    assert figures.psnr_white is None
    assert figures.psnr_black is None


def test_colours_below_transparent_pixels_do_not_count():
    other = disc(30)
    other[other[..., 3] == 0, :3] = (0, 255, 0)
    assert measure(picture(disc(30)), picture(other)).differing == 0


def test_figures_of_one_changed_patch_are_those_of_the_formulas():
    # Rows beyond one strip of the computation, so that strips are added up.
    a = np.full((600, 100, 3), 255, np.uint8)
    b = a.copy()
    b[280:380, 20:60] = (255, 0, 0)  # Lab 53.24, 80.09, 67.20; white is 100, 0, 0
    figures = measure(Picture(a), Picture(b))
    share = 100 * 40 / (600 * 100)
    delta_e = np.linalg.norm([100 - 53.24, 80.09, 67.20])
    assert figures.delta_e_white == pytest.approx(share * delta_e, rel=2e-3)
    assert figures.delta_e_black == figures.delta_e_white
    assert figures.differing == figures.visible == pytest.approx(share)
    assert figures.psnr_white == pytest.approx(10 * np.log10(1 / (share * 2 / 3)))
    assert figures.alpha_sad == 0
    assert figures.place == (pytest.approx(40, abs=16), pytest.approx(330, abs=16))


def test_delta_e_agrees_with_the_definition_of_lab():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 256, (2, 40, 50, 3), np.uint8)
    expected = np.linalg.norm(_lab(a) - _lab(b), axis=2).mean()
    assert measure(Picture(a), Picture(b)).delta_e_white == pytest.approx(expected, rel=2e-3)


def _lab(rgb: Pixels) -> NDArray[np.float64]:
    """CIE 15 with IEC 61966-2-1 and D65."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
    xyz = linear @ np.array(matrix).T / [0.950456, 1, 1.088754]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_a_white_product_differs_on_black_only():
    white, half = np.full((40, 40, 4), 255, np.uint8), np.full((40, 40, 4), 255, np.uint8)
    half[:, 20:, 3] = 128
    figures = measure(picture(white), picture(half))
    assert figures.delta_e_white == 0
    assert figures.psnr_white is None
    assert figures.delta_e_black > 15
    assert figures.differing == 0.5
    assert figures.alpha_mean == pytest.approx(0.5 * 127 / 255)
    assert figures.alpha_sad == pytest.approx(800 * 127 / 255 / 1000)


def test_the_place_is_at_the_edge_that_differs_not_where_colours_do():
    a = np.zeros((800, 1200, 4), np.uint8)
    a[100:700, 100:1100] = (90, 90, 90, 255)
    b = a.copy()
    b[300:600, 200:500, :3] = 250  # a large change inside
    b[200:240, 1100:1110] = (90, 90, 90, 120)  # a smear beside the right edge
    assert measure(picture(a), picture(b)).place == (pytest.approx(1105, abs=16), pytest.approx(220, abs=16))


def test_sizes_that_differ_are_compared_at_the_smaller_one(tmp_path: Path):
    small, large = save(tmp_path / "a.png", disc(30)), save(tmp_path / "b.png", disc(60, 240, 180))
    (record,) = compared(small, large)
    assert record["compared_size"] == [120, 90]
    assert "sizes differ" in record["notes"][0]
    assert len(record["notes"]) == 1
    assert record["figures"]["psnr_white"] is None
    assert record["figures"]["delta_e"] < 0.3  # the same disc, but for its edge
    assert record["b"]["width"] == 240


def test_shapes_that_differ_are_fitted_and_told(tmp_path: Path):
    (record,) = compared(save(tmp_path / "a.png", disc(30)), save(tmp_path / "b.png", disc(60, 240, 240)))
    assert "shapes differ" in record["notes"][1]
    fitted = fit(picture(np.full((100, 50, 4), 255, np.uint8)), 40, 40)
    assert fitted.alpha is not None
    assert fitted.alpha.sum() == 20 * 40 * 255
    assert fitted.alpha[:, 10:30].min() == 255


def test_scaling_bleeds_no_hidden_colour_into_edges():
    rgba = disc(60, 240, 180, (200, 200, 200))
    rgba[rgba[..., 3] == 0, :3] = (0, 255, 0)
    small = fit(picture(rgba), 120, 90)
    assert small.alpha is not None
    seen = small.rgb[small.alpha > 40].astype(int)
    assert np.abs(seen[:, 1] - seen[:, 0]).max() <= 3
