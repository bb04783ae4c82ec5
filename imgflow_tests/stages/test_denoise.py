from pathlib import Path

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig
from imgflow.stages.denoise import denoise, noise_level
from imgflow_tests.stages.scenes import box, psnr, ring, scene, to_bytes

CLEAN = scene(box(), texture=0).rgb


def camera_noise(rgb, sigma, seed=1):
    """Noise as demosaicing leaves it: correlated between neighbours."""
    noise = np.random.default_rng(seed).normal(0, 1, rgb.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.9)
    return to_bytes(rgb + noise / noise.std() * sigma)


@pytest.mark.parametrize("sigma", [3, 5, 8])
def test_camera_noise_is_measured_and_reduced(sigma):
    noisy = camera_noise(CLEAN, sigma)
    output = denoise(Picture(noisy), DenoiseConfig())
    assert output.details["method"] == "bilateral"
    assert output.details["noise"] == pytest.approx(sigma, rel=0.45)
    assert psnr(output.picture.rgb, CLEAN) > psnr(noisy, CLEAN) + 3


def checked_cloth():
    x = np.arange(320)
    wave = 128 + 60 * np.sin(x / 2.1)[None, :] * np.cos(x[:240] / 3.3)[:, None]
    return np.where(box()[..., None] > 0.5, to_bytes(wave)[..., None], CLEAN)


@pytest.mark.parametrize(
    "clean",
    [CLEAN, scene(ring(), texture=0).rgb, checked_cloth(), np.full((64, 64, 3), 255, np.uint8), CLEAN[:16, :16]],
)
def test_a_photo_without_noise_keeps_every_bit(clean):
    output = denoise(Picture(clean), DenoiseConfig())
    assert output.details["method"] == "none"
    assert np.array_equal(output.picture.rgb, clean)


def test_noise_under_clipped_white_is_not_mistaken_for_none():
    noisy = camera_noise(CLEAN, 6)
    noisy[:, :100] = 255
    assert noise_level(noisy) > 3


@pytest.mark.parametrize("method", ["nlm", "bilateral", "auto"])
def test_only_colours_change(method):
    noisy = camera_noise(CLEAN[:80, :100], 6)
    alpha = np.tile(np.arange(100, dtype=np.uint8), (80, 1))
    output = denoise(Picture(noisy, alpha), DenoiseConfig(method=method))
    assert np.array_equal(output.picture.alpha, alpha)
    assert not np.array_equal(output.picture.rgb, noisy)


def test_strength_goes_from_next_to_nothing_to_most():
    noisy = camera_noise(CLEAN, 8)

    def change(method, strength):
        output = denoise(Picture(noisy), DenoiseConfig(method=method, strength=strength))
        return np.abs(output.picture.rgb.astype(int) - noisy).mean()

    for method in ("nlm", "bilateral"):
        changes = [change(method, strength) for strength in (0, 0.5, 1)]
        assert changes[0] < changes[1] < changes[2]
    assert change("bilateral", 0) == 0


def photos():
    folder = Path(__file__).parents[3] / "shared" / "photos" / "product_photos" / "dreambooth"
    names = ("backpack_00", "can_00", "fancy_boot_05", "rc_car_00", "teapot_00")
    return [path for name in names if (path := folder / f"{name}.jpg").is_file()]


@pytest.mark.parametrize("sigma", [1, 2, 3])
def test_texture_loses_no_more_than_it_gains(sigma):
    textured = [checked_cloth(), scene(box(), texture=1).rgb]
    for path in photos():
        photo = cv2.imread(str(path))
        shrunk = cv2.resize(photo, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        textured.append(cv2.cvtColor(shrunk, cv2.COLOR_BGR2RGB))
    for clean in textured:
        noisy = camera_noise(clean, sigma)
        assert psnr(denoise(Picture(noisy), DenoiseConfig()).picture.rgb, clean) > psnr(noisy, clean) - 0.1
