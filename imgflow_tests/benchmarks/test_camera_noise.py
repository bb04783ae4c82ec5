"""The simulated noise is that of cameras."""

import cv2
import numpy as np
import pytest

from imgflow_tests.benchmarks.camera_noise import CAMERAS, Camera


def grey(value: int, side: int = 256):
    return np.full((side, side, 3), value, np.uint8)


def noise(camera: Camera, clean, seed: int = 0):
    photo, truth = camera.photograph(clean, np.random.default_rng(seed))
    return photo.astype(np.float32) - truth


@pytest.mark.parametrize("colour", [(200, 60, 40), (40, 120, 180), (240, 240, 240), (20, 22, 25)])
def test_without_noise_a_colour_stays_what_it_is(colour):
    clean = np.full((64, 64, 3), colour, np.uint8)
    for camera in CAMERAS.values():
        _, truth = camera.photograph(clean, np.random.default_rng(0))
        assert np.abs(truth.astype(int) - clean).max() <= 2


def test_an_edge_stays_where_it_is():
    clean = grey(40)
    clean[:, 128:] = 220
    _, truth = Camera(0, 0).photograph(clean, np.random.default_rng(0))
    assert np.abs(truth.astype(int) - clean)[:, :125].max() <= 2
    assert np.abs(truth.astype(int) - clean)[:, 131:].max() <= 2


@pytest.mark.parametrize("name", CAMERAS)
def test_noise_is_alike_in_neighbours_and_without_bias(name):
    apart = noise(CAMERAS[name], grey(128))
    assert 1 < apart.std() < 8
    assert abs(apart.mean()) < 0.5
    for channel in np.moveaxis(apart, 2, 0):
        neighbours = np.corrcoef(channel[:, :-1].ravel(), channel[:, 1:].ravel())[0, 1]
        assert neighbours > 0.15


def test_noise_depends_on_the_tone_as_shot_noise_does():
    deviations = [noise(Camera(0.002, 0.0), grey(value))[..., 1].std() for value in (60, 128, 220)]
    # In linear light it grows with the root of the light; the display curve is flatter where it is bright.
    assert deviations[0] > deviations[1] > deviations[2] > 0.5


def test_iso_makes_noise_and_seeds_make_it_different():
    weak, strong = CAMERAS["single-lens, ISO 800"], CAMERAS["single-lens, ISO 6400"]
    assert noise(strong, grey(100)).std() > 1.5 * noise(weak, grey(100)).std()
    assert not np.array_equal(noise(weak, grey(100), 1), noise(weak, grey(100), 2))
    assert np.array_equal(noise(weak, grey(100), 1), noise(weak, grey(100), 1))


def test_a_jpeg_has_blocks():
    rng = np.random.default_rng(0)
    clean = cv2.resize(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), (256, 256), interpolation=cv2.INTER_CUBIC)
    plain, compressed = (Camera(0, 0, quality=quality).photograph(clean, rng)[0] for quality in (0, 50))
    assert np.abs(plain.astype(int) - compressed).max() > 5
