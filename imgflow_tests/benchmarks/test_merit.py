"""Figures of merit, on cases whose answer is known."""

import cv2
import numpy as np
import pytest

from imgflow_tests.benchmarks.merit import (
    GROUNDS,
    delta_e,
    edge_colour,
    edge_error,
    iou,
    laid_on,
    psnr,
    rim,
    sad,
    soft,
    texture_kept,
)

RANDOM = np.random.default_rng(0)


def flat(*colour: int, height: int = 20, width: int = 30):
    return np.full((height, width, 3), colour, np.uint8)


def test_psnr_of_one_level_is_48_13_db_and_of_nothing_infinite():
    assert psnr(flat(10, 10, 10), flat(11, 11, 11)) == pytest.approx(48.1308, abs=1e-3)
    assert psnr(flat(10, 10, 10), flat(10, 10, 10)) == float("inf")


def test_delta_e_is_the_distance_in_cielab():
    # White is L* = 100, black 0; of sRGB red, CIELAB is (53.24, 80.09, 67.20) (Lindbloom).
    apart = delta_e(flat(255, 255, 255, height=600), flat(0, 0, 0, height=600))
    assert apart.shape == (600, 30)
    assert apart == pytest.approx(100, abs=0.05)
    assert delta_e(flat(255, 0, 0), flat(255, 255, 255)) == pytest.approx(
        np.linalg.norm([46.76, 80.09, 67.20]), abs=0.1
    )


def half(height: int = 40, width: int = 60):
    alpha = np.zeros((height, width), np.float32)
    alpha[:, : width // 2] = 1
    return alpha


def test_sad_and_iou_of_half_the_product():
    truth = half()
    found = truth.copy()
    found[:20] = 0
    assert (sad(found, truth), iou(found, truth)) == (0.6, 0.5)
    assert (sad(truth, truth), iou(truth, truth), iou(0 * truth, 0 * truth)) == (0, 1, 1)


def test_the_edge_error_counts_the_edge_alone():
    truth = half()
    truth[:, 29] = 0.5
    assert soft(truth).sum() == 40
    wrong_far_away = truth.copy()
    wrong_far_away[:, 50:] = 1
    assert edge_error(wrong_far_away, truth, reach=2) == 0
    wrong_at_the_edge = truth.copy()
    wrong_at_the_edge[:, 29] = 1
    assert edge_error(wrong_at_the_edge, truth, reach=2) == pytest.approx(0.5 / 5)
    assert edge_error(truth, half()) == 0  # a truth without soft pixels has no edge to be measured


def test_edge_colours_of_the_ground_are_told_and_those_of_the_product_are_not():
    truth = half()
    truth[:, 29] = 0.5
    product = flat(200, 0, 0, height=40, width=60)
    assert edge_colour(product, truth, product, truth) == dict.fromkeys(GROUNDS, 0.0)
    tainted = product.copy()
    tainted[:, 29] = (100, 100, 100)
    told = edge_colour(tainted, truth, product, truth)
    wanted = delta_e(laid_on(tainted, truth, (0, 160, 0)), laid_on(product, truth, (0, 160, 0)))[:, 29].mean()
    assert told["green"] == pytest.approx(float(wanted), abs=1e-3)
    assert min(told.values()) > 5


def test_texture_kept_is_relative_to_its_tone_and_counts_the_truth_s_alone():
    grain = cv2.GaussianBlur(RANDOM.normal(0, 1, (200, 300)).astype(np.float32), (0, 0), 1)
    grain *= 0.05 / grain.std()
    everywhere = np.ones(grain.shape, bool)

    def ground(light, contrast=1.0):
        return np.repeat(np.rint(light * np.exp(contrast * grain)).astype(np.uint8)[..., None], 3, 2)

    truth = ground(200)
    assert texture_kept(truth, truth, everywhere) == 1
    assert texture_kept(ground(120), truth, everywhere) == pytest.approx(1, abs=0.03)
    assert texture_kept(ground(200, 0.4), truth, everywhere) == pytest.approx(0.4, abs=0.03)
    assert texture_kept(ground(200, 0), truth, everywhere) == pytest.approx(0, abs=0.01)
    shaded = ground(200 - 60 * np.exp(-np.abs(np.arange(300) - 150) / 20))
    assert texture_kept(shaded, truth, everywhere) == pytest.approx(1, abs=0.05)
    product = truth.copy()
    product[:, 150:] = 20
    assert texture_kept(product, truth, half(200, 300) > 0) == pytest.approx(1, abs=0.001)


def test_the_rim_is_a_band_outside():
    band = rim(half(), 2, 5)
    assert np.array_equal(np.flatnonzero(band[10]), [31, 32, 33])
