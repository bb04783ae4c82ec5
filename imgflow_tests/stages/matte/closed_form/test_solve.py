import cv2
import numpy as np
import pytest
from pymatting import estimate_alpha_cf

from imgflow.samples import render
from imgflow.stages.matte.closed_form import solve
from imgflow.stages.matte.closed_form.band_solver import find_band
from imgflow.stages.matte.closed_form.prior import contradiction
from imgflow.stages.matte.closed_form.solve import solve_alpha
from imgflow.stages.matte.trimap import BACKGROUND, FOREGROUND, UNKNOWN, trimap
from imgflow_tests.stages.scenes import BlurredTruth, bicycle, box, fringe, scene


def test_an_edge_inside_the_unknown_band_is_found_and_fixed_pixels_stay():
    rgb = np.full((60, 80, 3), 30, np.uint8)
    rgb[:, 43:] = 210
    regions = np.full((60, 80), UNKNOWN, np.uint8)
    regions[:, :30], regions[:, 50:] = BACKGROUND, FOREGROUND
    solution = solve_alpha(rgb, regions, np.full((60, 80), 0.5, np.float32), band=10)
    assert (solution.alpha[:, :42] < 0.02).all() and (solution.alpha[:, 44:] > 0.98).all()
    assert (solution.alpha[:, :30] == 0).all() and (solution.alpha[:, 50:] == 1).all()


def test_where_the_photo_says_nothing_the_segmenter_is_believed():
    rgb = np.full((60, 60, 3), 128, np.uint8)
    guess = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (60, 1))
    regions = np.full((60, 60), UNKNOWN, np.uint8)
    solution = solve_alpha(rgb, regions, guess, band=2)
    assert np.abs(solution.alpha - guess).mean() < 0.1


def test_thin_parts_are_unknown_not_ground():
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, 50] = 0.3  # a spoke, as a coarse network sees it
    alpha[70:, 20:80] = 1
    regions = trimap(alpha, band=5)
    assert (regions[:, 50] != BACKGROUND).all()
    assert (regions[85, 40:60] == FOREGROUND).all() and (regions[10, :20] == BACKGROUND).all()


@pytest.mark.parametrize("shape", [fringe, bicycle])
def test_looking_for_detail_only_where_the_coarse_answer_is_not_flat_loses_nothing(shape, monkeypatch):
    drawn = scene(shape(600, 800) if shape is bicycle else shape(600, 600))
    guess = BlurredTruth(drawn.alpha, 100)(drawn.rgb)
    regions = trimap(guess, band=16)
    unknown = regions == UNKNOWN
    before = np.abs(guess - drawn.alpha)[unknown].mean()
    errors = []
    monkeypatch.setattr(solve, "MODERATE", 300)
    for flat in (-1.0, solve.FLAT):
        monkeypatch.setattr(solve, "FLAT", flat)
        alpha = solve_alpha(drawn.rgb, regions, guess, band=16).alpha
        errors.append(np.abs(alpha - drawn.alpha)[unknown].mean())
    assert errors[1] < 1.02 * errors[0] and errors[1] < 0.6 * before


def test_finer_levels_solve_fewer_pixels(monkeypatch):
    monkeypatch.setattr(solve, "MODERATE", 400)
    drawn = scene(box(600, 800))
    guess = BlurredTruth(drawn.alpha, 100)(drawn.rgb)
    regions = trimap(guess, band=20)
    solved = []

    def counted(unknown):
        solved.append(int(unknown.sum()))
        return find_band(unknown)

    monkeypatch.setattr(solve, "find_band", counted)
    solve_alpha(drawn.rgb, regions, guess, band=20)
    assert len(solved) == 3 and solved[-1] < 0.5 * (regions == UNKNOWN).sum()


def trimap_of_truth(alpha, band):
    """What is certain farther than `band` from where alpha is half."""
    inside = (alpha >= 0.5).astype(np.uint8)
    regions = np.full(alpha.shape, UNKNOWN, np.uint8)
    regions[(cv2.distanceTransform(inside, cv2.DIST_L2, 5) > band) & (alpha > 0.998)] = FOREGROUND
    regions[(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) > band) & (alpha < 0.002)] = BACKGROUND
    return regions


@pytest.mark.parametrize(("name", "most"), [("plush", 1.1), ("watch", 1.1), ("backpack", 1.1), ("bicycle", 1.0)])
def test_with_a_trimap_near_the_truth_it_is_about_as_good_as_pymatting_s(name, most):
    drawn = render(name, megapixels=0.2)
    regions = trimap_of_truth(drawn.alpha, band=3)
    unknown = regions == UNKNOWN
    guess = BlurredTruth(drawn.alpha, 160)(drawn.photo)
    ours = solve_alpha(drawn.photo, regions, guess, band=3).alpha
    theirs = estimate_alpha_cf(drawn.photo / 255, np.where(unknown, 0.5, regions / 255))
    errors = [np.abs(alpha - drawn.alpha)[unknown].mean() for alpha in (ours, theirs)]
    assert errors[0] < most * errors[1]


def test_a_trimap_that_cuts_through_fur_is_contradicted_and_one_near_the_truth_is_not():
    drawn = render("plush", megapixels=0.2)
    guess = BlurredTruth(drawn.alpha, 40)(drawn.photo)
    narrow = trimap((guess >= 0.5).astype(np.float32), band=3)
    near = trimap_of_truth(drawn.alpha, band=3)
    found = [contradiction(solve_alpha(drawn.photo, some, guess, band=3).alpha, some) for some in (near, narrow)]
    assert found[0] < 0.1 and found[1] > 0.5
