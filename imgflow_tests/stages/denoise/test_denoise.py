from functools import cache

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig
from imgflow.samples import render
from imgflow.stages.denoise.stage import denoise
from imgflow_tests.benchmarks.camera_noise import CAMERAS
from imgflow_tests.stages.noise import camera_noise, checked_cloth, photos
from imgflow_tests.stages.scenes import box, psnr, ring, scene, to_bytes

CLEAN = scene(box(), texture=0).rgb


@pytest.mark.parametrize(("sigma", "gain"), [(3, 6), (5, 7), (8, 8)])
def test_camera_noise_is_reduced(sigma, gain):
    noisy = camera_noise(CLEAN, sigma)
    output = denoise(Picture(noisy), DenoiseConfig())
    assert output.details["method"] == "shrinkage"
    assert output.details["noise"] == pytest.approx(sigma, rel=0.25)
    assert psnr(output.picture.rgb, CLEAN) > psnr(noisy, CLEAN) + gain


@pytest.mark.parametrize(
    "clean",
    [CLEAN, scene(ring(), texture=0).rgb, checked_cloth(), np.full((64, 64, 3), 255, np.uint8), CLEAN[:16, :16]],
)
def test_a_photo_without_noise_keeps_every_bit(clean):
    output = denoise(Picture(clean), DenoiseConfig())
    assert output.details["method"] == "none"
    assert np.array_equal(output.picture.rgb, clean)


@pytest.mark.parametrize("method", ["nlm", "bilateral", "auto"])
def test_only_colours_change(method):
    noisy = camera_noise(CLEAN[:200, :300], 6)
    alpha = np.tile(np.arange(300).astype(np.uint8), (200, 1))
    output = denoise(Picture(noisy, alpha), DenoiseConfig(method=method))
    assert np.array_equal(output.picture.alpha, alpha)
    assert not np.array_equal(output.picture.rgb, noisy)


def test_strength_goes_from_next_to_nothing_to_most():
    noisy = camera_noise(CLEAN, 8)

    def change(method, strength):
        output = denoise(Picture(noisy), DenoiseConfig(method=method, strength=strength))
        return np.abs(output.picture.rgb.astype(int) - noisy).mean()

    for method in ("nlm", "bilateral", "auto"):
        changes = [change(method, strength) for strength in (0, 0.1, 1)]
        assert changes[0] < changes[1] < changes[2]
        assert method == "nlm" or changes[0] == 0


@pytest.mark.parametrize(("sigma", "loss"), [(1, 0.7), (2, 0.1), (3, 0.1), (5, 0.1)])  # at 1 it is above 47 dB
def test_texture_loses_no_more_than_it_gains(sigma, loss):
    for clean in (checked_cloth(), scene(box(), texture=1).rgb, *photos()):
        if denoise(Picture(clean), DenoiseConfig()).details["method"] != "none":
            continue  # it has noise of its own, and is no truth
        noisy = camera_noise(clean, sigma)
        assert psnr(denoise(Picture(noisy), DenoiseConfig()).picture.rgb, clean) > psnr(noisy, clean) - loss


@pytest.mark.parametrize("sigma", [1, 1.25, 1.5, 3])
@pytest.mark.parametrize(("width", "contrast"), [((0.1, 0.1), 3), ((0.1, 0.1), 5), ((0.5, 0.5), 5), ((6, 0.5), 5)])
def test_even_grain_under_weak_noise_is_kept(width, contrast, sigma):
    grain = cv2.GaussianBlur(np.random.default_rng(2).normal(0, 1, CLEAN.shape[:2]), (0, 0), *width)
    clean = to_bytes(CLEAN + contrast * (grain / grain.std())[..., None])
    assert denoise(Picture(clean), DenoiseConfig()).details["method"] == "none"
    noisy = camera_noise(clean, sigma)
    assert psnr(denoise(Picture(noisy), DenoiseConfig()).picture.rgb, clean) > psnr(noisy, clean) - 0.1


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize(("scene_name", "gain"), [("plush", -0.1), ("backpack", -0.1), ("jug", 1.5)])
def test_fur_and_cloth_are_not_taken_for_noise_of_a_camera(scene_name, gain, camera):
    noisy, clean = CAMERAS[camera].photograph(_scene(scene_name), np.random.default_rng(5))
    assert psnr(denoise(Picture(noisy), DenoiseConfig()).picture.rgb, clean) > psnr(noisy, clean) + gain


@cache
def _scene(name):
    clean = render(name, megapixels=0.5, seed=5).clean
    return clean[: len(clean) // 2 * 2, : clean.shape[1] // 2 * 2]


def test_a_sharp_edge_in_noise_stays_sharp():
    clean = np.full((400, 128, 3), 60, np.uint8)
    clean[:, 64:] = 190
    noisy = camera_noise(clean, 6)
    cleaned = denoise(Picture(noisy), DenoiseConfig()).picture.rgb
    edge = slice(61, 67)
    assert psnr(cleaned[:, edge], clean[:, edge]) > psnr(noisy[:, edge], clean[:, edge]) + 3
    steps = np.diff(cleaned.mean((0, 2)))
    assert steps[63] > 0.9 * (190 - 60)


def test_colour_noise_in_half_size_colour_is_reduced():
    noise = np.random.default_rng(1).normal(0, 6, (120, 160, 3)).astype(np.float32)
    noise = cv2.resize(noise - noise.mean(2, keepdims=True), (320, 240), interpolation=cv2.INTER_LINEAR)
    noisy = np.clip(np.rint(camera_noise(CLEAN, 3) + noise), 0, 255).astype(np.uint8)
    cleaned = denoise(Picture(noisy), DenoiseConfig()).picture.rgb
    assert psnr(cleaned, CLEAN) > psnr(noisy, CLEAN) + 6
