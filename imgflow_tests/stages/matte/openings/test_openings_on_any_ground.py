"""Openings that show the ground in a shadow, two grounds at once, or a textured one."""

import cv2
import numpy as np
import pytest

from imgflow.stages.matte.openings.find import find_openings
from imgflow.stages.matte.openings.two_grounds import meeting_line
from imgflow_tests.stages.matte.openings.test_find import (
    HEIGHT,
    WIDTH,
    ball,
    clock,
    found_share,
    keyboard,
    label,
    wheel,
)
from imgflow_tests.stages.scenes import to_bytes


def even():
    return np.full((HEIGHT, WIDTH, 3), (176, 174, 170), np.uint8)


def two(slant=0.0):
    """A light wall above a brown table; the edge between is soft."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    wall = cv2.GaussianBlur((y < 200 + slant * (x - WIDTH / 2)).astype(np.float32), (0, 0), 2)[..., None]
    return to_bytes(wall * (218, 218, 213) + (1 - wall) * (183, 158, 127))


def wood():
    """Grain along the photo's longer side."""
    random = np.random.default_rng(3)
    grain = random.standard_normal((HEIGHT // 4, WIDTH // 80)).astype(np.float32)
    return to_bytes((168, 128, 92) * (1 + 0.08 * cv2.resize(grain, (WIDTH, HEIGHT))[..., None]))


def noisy(photo):
    return to_bytes(photo + np.random.default_rng(0).normal(0, 1, photo.shape))


@pytest.mark.parametrize("depth", [0.15, 0.3])
def test_the_ground_of_a_wheel_is_open_in_its_shadow_too(depth):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shadow = cv2.GaussianBlur((y + 0.3 * x > 350).astype(np.float32), (0, 0), 8)
    assert found_share(*wheel(to_bytes(even() * (1 - depth * shadow[..., None])))) > 0.85


def test_a_wheel_is_open_in_the_shadow_of_its_own_rim():
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(shadow, (360, 330), (150, 60), 0, 0, 360, 1, 18)
    shadow = 0.25 * cv2.GaussianBlur(shadow, (0, 0), 9)[..., None]
    assert found_share(*wheel(to_bytes(even() * (1 - shadow)))) > 0.85


@pytest.mark.parametrize("slant", [0.0, 0.1])
def test_a_wheel_is_open_before_two_grounds(slant):
    assert found_share(*wheel(two(slant))) > 0.85


def test_a_wheel_is_open_on_wood():
    assert found_share(*wheel(wood())) > 0.8


@pytest.mark.parametrize("ground", [two, wood])
@pytest.mark.parametrize("product", [keyboard, ball, label, clock])
@pytest.mark.parametrize("certainty", [1.0, 0.97])
def test_parts_of_such_a_ground_s_colours_stay(product, ground, certainty):
    photo, mask = product(ground())
    mask = mask * np.float32(certainty)
    assert find_openings(noisy(photo), mask, mask) is None


def test_spokes_printed_on_the_colour_of_wood_stay():
    flat = np.full((HEIGHT, WIDTH, 3), (168, 128, 92), np.uint8)
    printed, mask, _ = wheel(flat)
    photo = noisy(np.where(mask[..., None] > 0, printed, wood()))
    assert find_openings(photo, mask, mask) is None


def test_the_line_between_two_colours_is_found_and_there_is_none_in_one():
    rows, columns = (each.ravel() for each in np.indices((90, 120)))
    random = np.random.default_rng(0)
    tones = np.log(200 - 60 * (rows > 30 + 0.1 * columns))[:, None] + random.normal(0, 0.02, (rows.size, 3))
    line = meeting_line(tones, rows, columns, (90, 120))
    assert line is not None
    places = np.array([30, 42]), np.array([0, 120])
    assert np.abs(line.side(*places)).max() < 1
    assert line.side(np.array([0]), np.array([60]))[0] > 0
    assert meeting_line(random.normal(0, 0.02, (rows.size, 3)), rows, columns, (90, 120)) is None
