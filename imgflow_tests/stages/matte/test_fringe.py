"""Fringe that a segmenter paints solid, or leaves out, and patterns that are none."""

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig
from imgflow.stages.matte.fringe import find_fringe
from imgflow.stages.matte.stage import matte
from imgflow_tests.stages.scenes import Canvas, Finds, scene

SIDE = 480
MIDDLE = (SIDE / 2, SIDE / 2)
BALL, TIPS = 85, (115, 145)
"""Radius of a ball, and from which to which its strands reach, pixels."""


def disc(radius):
    canvas = Canvas(SIDE, SIDE)
    canvas.disc(MIDDLE, radius)
    return canvas.alpha()


def pompom():
    """A ball with 300 strands of 1.2 pixels."""
    canvas, random = Canvas(SIDE, SIDE), np.random.default_rng(3)
    canvas.disc(MIDDLE, BALL)
    for angle in random.uniform(0, 2 * np.pi, 300):
        root, tip = BALL - 5, random.uniform(*TIPS)
        ends = ((root, angle), (tip, angle + random.normal(0, 0.05)))
        canvas.line(*((MIDDLE[0] + r * np.cos(t), MIDDLE[1] + r * np.sin(t)) for r, t in ends), 1.2)
    return canvas.alpha()


def cloth():
    canvas = Canvas(SIDE, SIDE)
    canvas.polygon([(0.2, 0.25), (0.8, 0.25), (0.8, 0.75), (0.2, 0.75)])
    return canvas.alpha()


@pytest.mark.parametrize("seen", [130, 120, BALL], ids=["painted solid", "half of it painted solid", "left out"])
def test_fringe_is_cut_out_strand_by_strand(seen):
    drawn = scene(pompom())
    mask = np.asarray(cv2.GaussianBlur(disc(seen), (0, 0), 3), np.float32)
    output = matte(Picture(drawn.rgb), MatteConfig(), Finds(mask))
    assert output.details["fringe_share"] > 0.02 and "doubt" not in output.details
    found = output.picture.alpha
    assert found is not None
    error, before = (np.abs(alpha - drawn.alpha).sum() for alpha in (found / 255.0, mask))
    assert error < 0.25 * before


def striped(rgb, alpha, where):
    """Stripes of 4 pixels in the ground's colour."""
    ground = rgb[alpha == 0].mean(0)
    stripes = where & (np.arange(SIDE)[None] // 4 % 2 == 0) & (alpha == 1)
    return np.where(stripes[..., None], ground, rgb).astype(np.uint8)


@pytest.mark.parametrize("depth", [0, 30, SIDE], ids=["plain", "striped hem", "striped all over"])
def test_patterns_in_the_ground_s_colour_are_no_fringe(depth):
    drawn = scene(cloth(), texture=1.0)
    rows = np.arange(SIDE)[:, None]
    rgb = striped(drawn.rgb, drawn.alpha, rows > 0.75 * SIDE - depth)
    assert find_fringe(rgb, cv2.GaussianBlur(drawn.alpha, (0, 0), 2)) is None
