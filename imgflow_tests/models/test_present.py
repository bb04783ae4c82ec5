"""Real weights, where they are present, against the truth of rendered scenes.

    IMGFLOW_MODELS_DIR=/where/they/are imgflow models pull birefnet-lite        # and whatever else is to be tried
    IMGFLOW_MODELS_DIR=/where/they/are make test ARGS="imgflow_tests/models/test_present.py -v"

Each model that is there is a test of its own; what is not there is not run. IMGFLOW_DEVICE=cuda tries them on a GPU.

What a wrong architecture, normalisation or scale does to a picture shows as a figure that is missed. Of BiRefNet's two
orders of patches the wrong one still gives a plausible mask, which may well pass: so the weights are run in both, and
the one that the table tells must be the one that is closer to the truth. If that fails, the table is wrong
(`OLD`, `NEW` in imgflow/models/known/torch_segmenters.py).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.models.families import load_model
from imgflow.models.model import Model
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


RUNTIME = Runtime(device=os.environ.get("IMGFLOW_DEVICE", "auto"))

PATCH_ORDERS = ("wg_hg_c", "c_hg_wg")
"""As in birefnet/weights.py, which needs PyTorch."""


def present(purpose: str, family: str = "") -> list[str]:
    return [
        name
        for name, model in MODELS.items()
        if model.purpose == purpose and family in ("", model.family) and name not in SPECIAL and STORE.is_present(model)
    ] or ["none"]


def load(name: str) -> object:
    if name == "none":
        pytest.skip("no weights for this purpose in IMGFLOW_MODELS_DIR")
    return load_model(STORE.find(name, MODELS[name].purpose), STORE.ensure(name), RUNTIME)


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


@pytest.mark.parametrize("name", present("segment", "birefnet"))
def test_the_order_of_patches_is_the_better_one(name: str):
    if name == "none":
        pytest.skip("no weights of BiRefNet in IMGFLOW_MODELS_DIR")
    model, folder = STORE.find(name, "segment"), STORE.ensure(name)
    assert errors_by_order(model, folder, SCENES)[0] == model.options["patch_order"]


def errors_by_order(model: Model, folder: Path, scenes: Sequence[str]) -> list[str]:
    """Both orders of patches, the one first with which the model is closer to the truth."""
    errors: dict[str, float] = {}
    for order in PATCH_ORDERS:
        segmenter: Any = load_model(replace(model, options={**model.options, "patch_order": order}), folder, RUNTIME)
        rendered = [render(scene, megapixels=1.0) for scene in scenes]
        errors[order] = sum(float(np.abs(segmenter(one.photo) - one.alpha).mean()) for one in rendered)
    return sorted(errors, key=errors.__getitem__)


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
