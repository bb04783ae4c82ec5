"""Real weights, where they are present: `IMGFLOW_MODELS_DIR=... make test ARGS=imgflow_tests/models/test_present.py`.

What a wrong architecture, patch order, normalisation or scale would do to a picture shows here as a figure against the
truth of a rendered scene. (Of BiRefNet's two patch orders the wrong one still gives a plausible mask, but a worse one.)
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.models.families import load_model
from imgflow.models.registry import MODELS
from imgflow.models.runtime import Runtime
from imgflow.models.store import ModelStore
from imgflow.samples import render

STORE = ModelStore(Path(os.environ.get("IMGFLOW_MODELS_DIR", "nowhere")))
"""Read before the fixtures take imgflow's settings out of the environment."""

SCENES = ("bottle", "mug", "chair")

LEAST_IOU = {"u2netp": 0.97, "u2net": 0.97, "silueta": 0.95}
OF_OTHERS = 0.98

SPECIAL = {"u2net_human_seg", "isnet-anime", "birefnet-portrait", "birefnet-cod"}
"""Trained for something else than products."""


def present(purpose: str) -> list[str]:
    return [
        name
        for name, model in MODELS.items()
        if model.purpose == purpose and name not in SPECIAL and STORE.is_present(model)
    ] or ["none"]


def load(name: str) -> object:
    if name == "none":
        pytest.skip("no weights for this purpose in IMGFLOW_MODELS_DIR")
    return load_model(STORE.find(name, MODELS[name].purpose), STORE.ensure(name), Runtime())


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


@pytest.mark.parametrize("name", present("segment"))
def test_segmenters_find_the_product(name: str):
    segmenter = load(name)
    for scene in SCENES:
        rendered = render(scene, megapixels=1.0)
        found, truth = segmenter(rendered.photo) >= 0.5, rendered.alpha >= 0.5  # type: ignore[operator]
        iou = (found & truth).sum() / (found | truth).sum()
        assert iou >= LEAST_IOU.get(name, OF_OTHERS), f"{scene}: IoU {iou:.3f}"


@pytest.mark.parametrize("name", present("denoise"))
def test_denoisers_take_the_noise(name: str):
    rendered = render("plush", megapixels=0.3)
    noise = np.random.default_rng(0).normal(0, 8, rendered.clean.shape)
    noisy = np.clip(np.rint(rendered.clean + noise), 0, 255).astype(np.uint8)
    after = load(name)(noisy)  # type: ignore[operator]
    assert psnr(after, rendered.clean) > psnr(noisy, rendered.clean) + 3


@pytest.mark.parametrize("name", present("upscale"))
def test_upscalers_are_sharper_than_bicubic(name: str):
    upscaler = load(name)
    clean = render("sneaker", megapixels=0.4).clean
    scale = MODELS[name].scale
    height, width = (side // scale * scale for side in clean.shape[:2])
    clean = clean[:height, :width]
    small = cv2.resize(clean, (width // scale, height // scale), interpolation=cv2.INTER_AREA)
    bicubic = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    # Networks trained to please the eye (Real-ESRGAN) lose a little against the truth; a wrong one loses all.
    least = -2.0 if name.startswith("realesrgan") else 0.0
    assert psnr(upscaler(small), clean) > psnr(bicubic, clean) + least  # type: ignore[operator]


@pytest.mark.parametrize("name", present("matte"))
def test_matters_find_alpha(name: str):
    rendered = render("plush", megapixels=0.5)
    trimap = np.full(rendered.alpha.shape, 128, np.uint8)
    kernel = np.ones((25, 25), np.uint8)
    trimap[cv2.erode((rendered.alpha >= 1).astype(np.uint8), kernel) > 0] = 255
    trimap[cv2.erode((rendered.alpha <= 0).astype(np.uint8), kernel) > 0] = 0
    alpha = load(name)(rendered.photo, trimap)  # type: ignore[operator]
    unknown = trimap == 128
    assert np.abs(alpha - rendered.alpha)[unknown].mean() < 0.08
