import cv2
import numpy as np
import pytest

from imgflow.samples import render
from imgflow.stages.matte.closed_form import solve_alpha
from imgflow.stages.matte.firm_edges import firm_edges
from imgflow.stages.matte.trimap import BACKGROUND, FOREGROUND, UNKNOWN, trimap


def _solved(name, megapixels=0.3):
    """Truth, trimap and the solver's answer for a rendered scene, with a trimap near the truth."""
    scene = render(name, megapixels=megapixels)
    guess = cv2.GaussianBlur(scene.alpha, (0, 0), 0.003 * max(scene.alpha.shape))
    band = 0.0055 * max(scene.alpha.shape)
    regions = trimap(guess, band)
    return scene, regions, solve_alpha(scene.photo, regions, guess, band).alpha


def _sad(alpha, truth):
    return float(np.abs(alpha - truth).sum())


@pytest.mark.parametrize(("name", "left"), [("mug", 0.75), ("bottle", 0.8), ("backpack", 0.9)])
def test_haze_beside_firm_edges_goes(name, left):
    scene, regions, alpha = _solved(name)
    firm = firm_edges(scene.photo, regions, alpha.copy())
    assert _sad(firm, scene.alpha) < left * _sad(alpha, scene.alpha)
    assert ((firm >= 0.5) == (alpha >= 0.5)).mean() > 0.999  # the contour stays where the solver found it


@pytest.mark.parametrize("name", ["plush", "tumbler"])
def test_fur_and_glass_stay_as_they_were_solved(name):
    scene, regions, alpha = _solved(name)
    assert np.abs(firm_edges(scene.photo, regions, alpha.copy()) - alpha).max() < 0.02


def test_only_unknown_pixels_change():
    scene, regions, alpha = _solved("mug")
    regions[:, : regions.shape[1] // 2] = np.where(alpha[:, : regions.shape[1] // 2] >= 0.5, FOREGROUND, BACKGROUND)
    known = regions != UNKNOWN
    assert (firm_edges(scene.photo, regions, alpha.copy())[known] == alpha[known]).all()
    nothing = np.full_like(regions, BACKGROUND)
    assert (firm_edges(scene.photo, nothing, alpha.copy()) == alpha).all()


def _edge(slope, haze=0.0):
    """A slanted edge of that slope in a plain photo with a little noise, and haze on its ground side."""
    y, x = np.mgrid[:200, :300].astype(np.float32)
    place = (x - 150) * np.cos(0.3) + (y - 100) * np.sin(0.3)
    truth = np.clip(0.5 + place * slope, 0, 1)
    photo = 60 + 140 * truth + np.random.default_rng(0).normal(0, 3, truth.shape)
    rgb = np.repeat(np.clip(photo, 0, 255).astype(np.uint8)[..., None], 3, 2)
    hazy = np.maximum(truth, np.where((place < 0) & (place > -5), np.float32(haze), 0))
    return rgb, np.full(truth.shape, UNKNOWN, np.uint8), truth, hazy


def test_haze_goes_and_the_edge_keeps_its_place_and_width():
    for slope in (1.0, 0.4):
        rgb, regions, truth, hazy = _edge(slope, haze=0.2)
        firm = firm_edges(rgb, regions, hazy.copy())
        assert np.abs(firm - truth).max() < 0.21 and _sad(firm, truth) < 0.15 * _sad(hazy, truth)


def test_an_edge_out_of_focus_stays_soft():
    rgb, regions, truth, _ = _edge(0.04)
    assert np.abs(firm_edges(rgb, regions, truth.copy()) - truth).max() < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (40, 1)])
def test_photos_of_a_few_pixels(shape):
    alpha = np.full(shape, 0.3, np.float32)
    firm = firm_edges(np.zeros((*shape, 3), np.uint8), np.full(shape, UNKNOWN, np.uint8), alpha)
    assert firm.shape == shape and ((firm >= 0) & (firm <= 1)).all()
