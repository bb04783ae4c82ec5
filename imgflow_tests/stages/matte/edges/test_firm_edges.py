import cv2
import numpy as np
import pytest

from imgflow.samples import render
from imgflow.stages.matte.closed_form.solve import solve_alpha
from imgflow.stages.matte.edges.firm_edges import firm_edges
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


def _astray(alpha, truth):
    """Pixels on the other side of one half."""
    return int(np.count_nonzero((alpha >= 0.5) != (truth >= 0.5)))


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


def _disc_and_box(product, ground):
    """A disc and a box of one tone before another, with a little noise."""
    y, x = np.mgrid[:600, :800].astype(np.float32)
    disc = np.clip(150.5 - np.hypot(y - 300, x - 250), 0, 1)
    truth = np.maximum(disc, (np.abs(y - 300) < 150) & (np.abs(x - 600) < 100)).astype(np.float32)
    photo = ground + (product - ground) * truth + np.random.default_rng(0).normal(0, 2, truth.shape)
    rgb = np.repeat(np.clip(photo, 0, 255).astype(np.uint8)[..., None], 3, 2)
    return rgb, np.full(truth.shape, UNKNOWN, np.uint8), truth


def _ragged(truth):
    """An alpha whose edge is off by some pixels, differently everywhere."""
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, truth.shape).astype(np.float32), (0, 0), 0.8)
    beside = [cv2.distanceTransform((side > 0.5).astype(np.uint8), cv2.DIST_L2, 5) for side in (truth, 1 - truth)]
    return np.clip(0.5 + 0.15 * (beside[0] - beside[1] + 1.5 * noise / noise.std()), 0, 1).astype(np.float32)


@pytest.mark.parametrize(("product", "ground"), [(236, 240), (30, 26), (140, 132)])
def test_an_edge_between_sides_that_look_alike_has_no_teeth(product, ground):
    rgb, regions, truth = _disc_and_box(product, ground)
    ragged = _ragged(truth)
    firm = firm_edges(rgb, regions, ragged.copy())
    assert _sad(firm, truth) < 0.5 * _sad(ragged, truth)
    assert _astray(firm, truth) < 0.6 * _astray(ragged, truth)


def test_an_edge_that_the_photo_tells_stays_where_it_was_found():
    rgb, regions, truth = _disc_and_box(200, 90)
    ragged = _ragged(truth)
    assert _astray(firm_edges(rgb, regions, ragged.copy()), ragged) < 0.01 * _astray(ragged, truth)


def test_corners_and_bends_between_sides_that_look_alike_stay():
    rgb, regions, truth = _disc_and_box(235, 240)
    soft = cv2.GaussianBlur(truth, (0, 0), 1.5)
    assert _astray(firm_edges(rgb, regions, soft.copy()), truth) < 45
