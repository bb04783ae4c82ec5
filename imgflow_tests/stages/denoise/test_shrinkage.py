import numpy as np
import pytest

from imgflow.stages.denoise import shrinkage
from imgflow.stages.denoise.frequencies import SIDE
from imgflow.stages.denoise.noise_level import NOISELESS, Noise, noise_of
from imgflow.stages.denoise.shrinkage import coarser, without_noise
from imgflow_tests.stages.noise import camera_noise
from imgflow_tests.stages.scenes import box, scene

CLEAN = scene(box(), texture=1).rgb
NOISY = camera_noise(CLEAN, 6)


@pytest.mark.parametrize("shape", [(240, 320), (16, 16), (17, 250), (101, 3)])
def test_without_noise_to_take_nothing_changes(shape):
    photo = NOISY[: shape[0], : shape[1]]
    assert np.array_equal(without_noise(photo, NOISELESS, 0.5), photo)


def test_tiles_and_threads_leave_no_trace(monkeypatch):
    noise = noise_of(NOISY)
    whole = without_noise(NOISY, noise, 0.5)
    monkeypatch.setattr(shrinkage, "TILE", 64)
    tiled = without_noise(NOISY, noise, 0.5)
    monkeypatch.setattr(shrinkage, "usable_cores", lambda: 1)
    assert np.array_equal(without_noise(NOISY, noise, 0.5), tiled)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_white_noise_halves_when_the_photo_does():
    spectrum = np.ones((3, SIDE * SIDE), np.float32)
    assert coarser(spectrum, 1) == pytest.approx(spectrum / 4)
    assert coarser(spectrum, 2) == pytest.approx(spectrum / 16)


def test_blotches_wider_than_a_block_are_reduced():
    flat = np.full((256, 256, 3), 120, np.uint8)
    noisy = camera_noise(flat, 8)
    cleaned = without_noise(noisy, noise_of(noisy), 0.5).astype(np.float32)

    def blotches(photo):
        return np.asarray(photo, np.float32).reshape(32, 8, 32, 8, 3).mean((1, 3)).std()

    assert blotches(cleaned) < 0.6 * blotches(noisy)


def test_noise_is_taken_only_where_its_tone_is():
    ramp = np.repeat([60, 200], 128).astype(np.uint8)
    photo = camera_noise(np.tile(ramp[None, :, None], (256, 1, 3)), 5)
    spectrum = noise_of(photo).spectrum
    dark = Noise(np.array([60, 130, 131], np.float32), np.float32([[5] * 3, [5] * 3, [0] * 3]), 5, 1, spectrum)
    cleaned = without_noise(photo, dark, 0.5)
    assert cleaned[16:-16, 16:100].std() < 0.5 * photo[16:-16, 16:100].std()
    assert np.array_equal(cleaned[16:-16, 200:240], photo[16:-16, 200:240])
