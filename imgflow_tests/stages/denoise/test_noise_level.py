import numpy as np
import pytest

from imgflow.stages.denoise.frequencies import SIDE
from imgflow.stages.denoise.noise_level import noise_of
from imgflow.stages.denoise.stage import LEAST_NOISE, LEAST_TRUST
from imgflow_tests.benchmarks.camera_noise import CAMERAS
from imgflow_tests.stages.noise import camera_noise, checked_cloth, photos
from imgflow_tests.stages.scenes import box, scene, to_bytes

CLEAN = scene(box(), texture=0).rgb


@pytest.mark.parametrize("sigma", [2, 5, 10])
def test_white_noise_is_measured_in_every_channel_and_frequency(sigma):
    noise = noise_of(to_bytes(CLEAN + np.random.default_rng(1).normal(0, sigma, CLEAN.shape)))
    assert noise.level == pytest.approx(sigma, rel=0.2)
    assert noise.channels == pytest.approx([sigma] * 3, rel=0.25)
    assert noise.spectrum[:, 1:].min() > 0.6
    assert noise.spectrum[:, 1:].max() < 1.6


@pytest.mark.parametrize("sigma", [2, 4])
def test_colours_tell_how_much_of_an_even_grey_grain_is_noise(sigma):
    rng = np.random.default_rng(1)
    grain = CLEAN + 4 * rng.normal(0, 1, (*CLEAN.shape[:2], 1))
    noise = noise_of(to_bytes(grain + rng.normal(0, sigma, CLEAN.shape)))
    assert not noise.is_smoothed
    assert noise.channels == pytest.approx([sigma] * 3, rel=0.25)


def test_photos_of_cameras_have_softer_colours_than_luma():
    clean = np.repeat(np.repeat(CLEAN, 2, 0), 2, 1)
    for name, camera in CAMERAS.items():
        noisy, _ = camera.photograph(clean, np.random.default_rng(1))
        assert noise_of(noisy).is_smoothed == (name != "single-lens, ISO 800")  # that one is developed and no more


def test_correlated_noise_is_strong_in_low_frequencies():
    spectrum = noise_of(camera_noise(CLEAN, 5)).spectrum.reshape(3, SIDE, SIDE)
    assert (spectrum[:, :3, :3].mean((1, 2)) > 10 * spectrum[:, 5:, 5:].mean((1, 2))).all()


def test_noise_that_grows_with_light_is_measured_by_tone():
    ramp = np.tile(np.linspace(20, 230, 512), (384, 1))[..., None]
    deviation = np.sqrt(4 + 0.15 * ramp)
    noise = noise_of(to_bytes(ramp + deviation * np.random.default_rng(1).normal(0, 1, (384, 512, 3))))
    wanted = np.sqrt(4 + 0.15 * noise.tones)
    assert noise.deviation[:, 0] == pytest.approx(wanted, rel=0.2)


def test_noise_under_clipped_white_is_not_mistaken_for_none():
    noisy = camera_noise(CLEAN, 6)
    noisy[:, :100] = 255
    assert noise_of(noisy).level > 4


def test_texture_is_not_noise():
    for clean in (checked_cloth(), *photos()):
        noise = noise_of(clean)
        assert noise.level < 1.5 and (noise.level < LEAST_NOISE or noise.trust < LEAST_TRUST)


def test_a_small_coloured_picture_is_not_noisy():
    stripes = np.zeros((150, 150, 3), np.uint8)
    stripes[::3] = (200, 40, 90)
    assert noise_of(stripes).level == 0
    assert noise_of(stripes[:5]).level == 0
