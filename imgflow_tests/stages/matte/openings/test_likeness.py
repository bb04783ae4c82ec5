"""Rings that no spokes cross, of which the segmenter makes discs that it fully believes in; and plates."""

import cv2
import numpy as np
import pytest

from imgflow.stages.matte.openings.find import find_openings
from imgflow_tests.stages.matte.openings.test_find import HEIGHT, WIDTH, found_share
from imgflow_tests.stages.scenes import to_bytes

Y, X = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)


def blue():
    return np.float32((160, 186, 212)) * (1 - 0.04 * (X * X + Y * Y))[..., None]


def falling_light():
    """From white above to grey below."""
    return np.float32((196, 196, 195)) * (1 - 0.2 * Y)[..., None]


def concrete():
    random = np.random.default_rng(3)
    grain = sum(
        strength
        * cv2.resize(random.standard_normal((HEIGHT // size, WIDTH // size)).astype(np.float32), (WIDTH, HEIGHT))
        for size, strength in ((2, 0.02), (8, 0.03))
    )
    return np.float32((160, 158, 155)) * (1 + grain)[..., None]


def grey():
    return np.full((HEIGHT, WIDTH, 3), (176, 175, 173), np.float32)


def framed(ground, face):
    """The photo, the mask and what is within the frame."""
    mask, within = (np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2))
    cv2.circle(mask, (300, 225), 160, 1, -1, cv2.LINE_AA)
    cv2.circle(within, (300, 225), 145, 1, -1, cv2.LINE_AA)
    frame = np.where(mask[..., None] > 0, np.float32((90, 40, 60)), ground)
    photo = face * within[..., None] + frame * (1 - within[..., None])
    noise = np.random.default_rng(0).normal(0, 1, photo.shape)
    return to_bytes(photo + noise), mask, within == 1


@pytest.mark.parametrize("ground", [blue, falling_light, concrete])
def test_a_ring_opens_though_the_segmenter_is_certain(ground):
    assert found_share(*framed(ground(), ground())) > 0.95


@pytest.mark.parametrize("ground", [blue, falling_light])
@pytest.mark.parametrize("shading", [0.0, 0.03])
def test_a_plate_of_nearly_the_ground_s_colour_stays(ground, shading):
    face = ground() * (1 - shading * X - 0.006)[..., None]
    photo, mask, _ = framed(ground(), face)
    assert find_openings(photo, mask, mask) is None


def test_a_plate_without_the_ground_s_texture_stays():
    photo, mask, _ = framed(concrete(), np.full((HEIGHT, WIDTH, 3), (160, 158, 155), np.float32))
    assert find_openings(photo, mask, mask) is None


def test_on_a_plain_grey_ground_a_disc_of_its_very_colour_stays():
    photo, mask, _ = framed(grey(), grey())
    assert find_openings(photo, mask, mask) is None
