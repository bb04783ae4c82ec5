"""The band's solver against a direct solution of pymatting's whole Laplacian."""

import cv2
import numpy as np
import pytest
import scipy.sparse
from pymatting import cf_laplacian
from scipy.sparse.linalg import spsolve

from imgflow.stages.matte.closed_form import band_solver
from imgflow.stages.matte.closed_form.band_solver import EPSILON, find_band, solve_band
from imgflow.stages.matte.closed_form.chroma import HALVED, LUMA

HEIGHT, WIDTH = 60, 80


def unknown_at(*places):
    unknown = np.zeros((HEIGHT, WIDTH), bool)
    for place in places:
        unknown[place] = True
    return unknown


UNKNOWN = {
    "every corner and a line": unknown_at(
        np.s_[:20, :30], np.s_[30:, 50:], np.s_[25, 3:70], np.s_[:9, -4:], np.s_[-5:, :4]
    ),
    "one pixel": unknown_at(np.s_[30, 40]),
    "the first and the last pixel": unknown_at(np.s_[0, 0], np.s_[-1, -1]),
    "the right edge": unknown_at(np.s_[:, -1:]),
    "all but one pixel": ~unknown_at(np.s_[30, 40]),
}


def problem(unknown):
    random = np.random.default_rng(0)
    rgb = cv2.GaussianBlur(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 1.5)
    alpha = random.random((HEIGHT, WIDTH)).astype(np.float32)
    prior = random.random(int(unknown.sum())).astype(np.float32)
    return rgb, alpha, prior, np.full(prior.size, 1e-3, np.float32)


def direct(unknown, chroma, rgb, alpha, prior, weight):
    inside = unknown.ravel()
    luma = rgb / 255 @ LUMA
    colours = np.dstack([luma, *(chroma * (rgb[..., k] / 255 - luma) for k in (2, 0))])
    rows = cf_laplacian(colours, epsilon=EPSILON, is_known=~unknown)[inside]
    matrix = rows[:, inside] + scipy.sparse.diags(weight.astype(np.float64))
    return spsolve(matrix.tocsc(), weight * prior - rows[:, ~inside] @ alpha.ravel()[~inside])


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("part", [64, 16_384])
@pytest.mark.parametrize("chroma", [1.0, HALVED])
def test_the_answer_is_that_of_the_whole_laplacian(name, part, chroma, monkeypatch):
    monkeypatch.setattr(band_solver, "PART", part)
    unknown = UNKNOWN[name]
    wanted = problem(unknown)
    answer, _ = solve_band(wanted[0], find_band(unknown), chroma, *wanted[1:], tolerance=1e-7, most_iterations=2000)
    assert np.abs(answer - direct(unknown, chroma, *wanted)).max() < 1e-3


def test_the_number_of_threads_does_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(band_solver, "PART", 64)
    unknown = UNKNOWN["all but one pixel"]
    rgb, *rest = problem(unknown)
    answers = []
    for threads in (1, 4):
        monkeypatch.setattr(band_solver, "MOST_THREADS", threads)
        answers.append(solve_band(rgb, find_band(unknown), 1.0, *rest, 1e-4, 50)[0])
    assert np.array_equal(*answers)


def test_it_stops_at_the_tolerance_and_at_most_iterations():
    unknown = UNKNOWN["every corner and a line"]
    wanted = problem(unknown)
    exact = direct(unknown, 1.0, *wanted)
    band = find_band(unknown)
    rough, few = solve_band(wanted[0], band, 1.0, *wanted[1:], tolerance=1e-2, most_iterations=500)
    fine, many = solve_band(wanted[0], band, 1.0, *wanted[1:], tolerance=1e-4, most_iterations=500)
    assert 0 < few < many < 500
    assert np.abs(fine - exact).mean() < np.abs(rough - exact).mean() / 5
    assert solve_band(wanted[0], band, 1.0, *wanted[1:], tolerance=0, most_iterations=7)[1] == 7
