import cv2
import numpy as np
import pytest
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.picture import Picture
from imgflow.recipe import EnhanceConfig
from imgflow.stages import enhance
from imgflow.stages.enhance import enlarge
from imgflow_tests.stages.scenes import box, delta_e, fringe, psnr, scene, to_bytes


@pytest.mark.parametrize(
    ("size", "scale"), [((173, 251), 2), ((173, 251), 1.37), ((16, 16), 8), ((31, 57), 0.5), ((40, 40), 1)]
)
def test_the_size_is_the_scaled_and_rounded_one(size, scale):
    picture = Picture(scene(box(*size)).rgb, to_bytes(box(*size) * 255))
    result = enlarge(picture, EnhanceConfig(scale=scale)).picture
    assert (result.height, result.width) == (round(size[0] * scale), round(size[1] * scale))
    assert result.alpha is not None and result.alpha.shape == result.rgb.shape[:2]


def test_it_is_closer_to_the_truth_than_bilinear():
    large = scene(fringe(480, 480), texture=3).rgb
    small = cv2.resize(large, (240, 240), interpolation=cv2.INTER_AREA)
    bilinear = cv2.resize(small, (480, 480), interpolation=cv2.INTER_LINEAR)
    assert psnr(enlarge(Picture(small), EnhanceConfig()).picture.rgb, large) > psnr(bilinear, large) + 0.5


def test_alpha_neither_rings_nor_bleeds():
    alpha = np.zeros((60, 60), np.uint8)
    alpha[20:40, 20:40] = 255
    result = enlarge(Picture(np.full((60, 60, 3), 200, np.uint8), alpha), EnhanceConfig(scale=4)).picture
    assert result.alpha is not None
    assert not result.alpha[:74].any() and not result.alpha[:, 166:].any()
    assert (result.alpha[86:154, 86:154] == 255).all()
    assert (np.diff(result.alpha[120, 60:120].astype(int)) >= 0).all()


def test_black_below_transparent_pixels_makes_no_dark_rim():
    alpha = to_bytes(fringe(120, 120) * 255)
    rgb = np.where(alpha[..., None] > 0, np.uint8([230, 200, 40]), np.uint8(0))
    result = enlarge(Picture(rgb, alpha), EnhanceConfig(scale=3)).picture
    white = result.over((255, 255, 255))
    opacity = result.alpha[..., None] / np.float32(255)
    truth = to_bytes(np.float32([230, 200, 40]) * opacity + 255 * (1 - opacity))
    assert delta_e(white, truth).max() < 1.5


def test_strips_meet_without_a_seam(monkeypatch):
    picture = Picture(scene(box(173, 251), texture=8).rgb)
    whole = enlarge(picture, EnhanceConfig(scale=1.7)).picture.rgb
    reference = Image.fromarray(picture.rgb).resize((427, 294), Image.Resampling.LANCZOS)
    monkeypatch.setattr(enhance, "STRIP_PIXELS", 427 * 20)
    strips = enlarge(picture, EnhanceConfig(scale=1.7)).picture.rgb
    assert np.abs(whole.astype(int) - strips).max() <= 2
    assert psnr(strips, np.asarray(reference)) > 35


@pytest.mark.parametrize(("size", "scale"), [((16, 3000), 8), ((8000, 8000), 3)])
def test_too_large_results_are_refused_before_they_are_made(size, scale):
    picture = Picture(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (*size, 3)))
    with pytest.raises(PhotoError) as raised:
        enlarge(picture, EnhanceConfig(scale=scale))
    assert raised.value.code == "too_many_pixels"
