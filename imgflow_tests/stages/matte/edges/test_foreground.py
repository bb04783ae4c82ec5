"""Colours at soft edges, by the measure of `benchmarks.edge_colour`."""

import numpy as np
import pytest

from imgflow.samples import render
from imgflow.stages.matte.edges.foreground import clean_colours
from imgflow_tests.benchmarks.edge_colour import GROUNDS, edge_error, improvement


@pytest.mark.parametrize("name", ["bottle", "plush", "scissors", "jug", "backpack"])
def test_with_true_alpha_the_edge_is_three_times_closer_to_the_truth(name):
    scene = render(name, megapixels=0.5)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    cleaned = clean_colours(scene.photo, alpha)
    before, after = improvement(scene.photo, cleaned, alpha / 255, scene.foreground, scene.alpha)
    assert after < before / 3


def test_the_measure_is_zero_for_the_truth_and_right_for_a_known_error():
    alpha = np.full((4, 4), 0.5, np.float32)
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert all(edge_error(grey, alpha, grey, alpha, ground) == 0 for ground in GROUNDS.values())
    white = np.full((4, 4, 3), 255, np.uint8)  # over black, half: grey 128 against black
    assert edge_error(white, alpha, grey * 0, alpha, (0, 0, 0)) == pytest.approx(53.6, abs=0.5)


def test_on_a_large_photo_the_estimate_at_reduced_size_is_as_good(monkeypatch):
    scene = render("mug", megapixels=0.5)
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    errors = []
    for most in (4_000_000, 170_000):
        monkeypatch.setattr("imgflow.stages.matte.edges.foreground.MOST_PIXELS", most)
        cleaned = clean_colours(scene.photo, alpha)
        errors.append(improvement(scene.photo, cleaned, alpha / 255, scene.foreground, scene.alpha)[1])
    assert errors[1] < 1.25 * errors[0]


def test_a_transparent_photo_has_no_colours_and_an_opaque_one_its_own():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert not clean_colours(rgb, np.zeros((40, 50), np.uint8)).any()
    assert np.array_equal(clean_colours(rgb, np.full((40, 50), 255, np.uint8)), rgb)
