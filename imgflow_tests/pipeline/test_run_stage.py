"""Stages with models in place of their own methods, and what is told of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.errors import PhotoError
from imgflow.models.loader import Choice
from imgflow.photos.picture import Picture
from imgflow.pipeline.run_stage import run_stage
from imgflow.recipe import Chain, DenoiseConfig, EnhanceConfig, MatteConfig, StageConfig


class Fake:
    """A model that does what it is given."""

    input_size = 4096

    precision, device, weights_hash = "fp32", "cpu", "0123"

    def __init__(self, name: str, call: Callable[..., Any], scale: int = 1, fallback: str | None = None) -> None:
        self.name, self.call, self.scale, self.fallback = name, call, scale, fallback

    def __call__(self, *pictures: Any) -> Any:
        return self.call(*pictures)


class Shelf:
    """In place of `Models`: what is on it by name; a name that is not falls back on the next."""

    def __init__(self, *models: Fake) -> None:
        self.models = {model.name: model for model in models}

    def choose(self, chain: Chain) -> Choice:
        told = None
        for name in chain.names:
            if name in chain.methods or name in self.models:
                return Choice(name, self.models.get(name), told)  # type: ignore[arg-type]
            told = f"{name} was wanted, but is not here"
        raise AssertionError(chain)


def run(config: StageConfig, picture: Picture, *models: Fake, strict: bool = False) -> Any:
    stage = type(config).__name__.removesuffix("Config").lower()
    return run_stage(stage, config, picture, Shelf(*models), strict)  # type: ignore[arg-type]


def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)


def test_a_denoiser_in_place_of_the_filters():
    after, step = run(DenoiseConfig(method="clean"), Picture(photo()), Fake("clean", lambda rgb: rgb // 2))
    np.testing.assert_array_equal(after.rgb, photo() // 2)
    assert (step.model, step.device, step.fallback) == ("clean", "cpu", None)
    assert step.details == {"method": "clean", "precision": "fp32", "weights": "0123"}


def test_a_fallback_is_told_and_fails_where_the_recipe_is_strict():
    config = DenoiseConfig(method="clean, bilateral")
    _, step = run(config, Picture(photo()))
    assert (step.model, step.fallback) == (None, "clean was wanted, but is not here")
    assert step.doubt == "fell back: clean was wanted, but is not here"
    assert step.details["method"] == "bilateral"
    with pytest.raises(PhotoError) as failure:
        run(config, Picture(photo()), strict=True)
    assert failure.value.code == "fell_back" and "clean was wanted" in failure.value.message
    small = Fake("clean", lambda rgb: rgb, fallback="a smaller input: not enough memory")
    with pytest.raises(PhotoError, match="a smaller input"):
        run(config, Picture(photo()), small, strict=True)


@pytest.mark.parametrize("scale", [2.0, 3.0, 1.5])
def test_an_upscaler_enlarges_the_colours_and_alpha_goes_apart(scale: float):
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, 30:] = (200, 120, 40)  # the product; the ground beside it is black
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    seen: list[NDArray[np.uint8]] = []

    def double(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        seen.append(colours)
        return colours.repeat(2, 0).repeat(2, 1)

    after, step = run(EnhanceConfig(method="double", scale=scale), Picture(rgb, alpha), Fake("double", double, 2))
    assert (after.height, after.width) == (40 * scale, 60 * scale)
    assert step.model == "double"
    assert tuple(seen[0][20, 28]) == (200, 120, 40), "the model must not see the ground's colour beside the product"
    assert after.alpha is not None and set(np.unique(after.alpha[:, : int(28 * scale)])) == {0}
    np.testing.assert_allclose(after.rgb[after.alpha > 0], [(200, 120, 40)] * int((after.alpha > 0).sum()), atol=1)


def test_an_upscaler_without_alpha_and_one_that_makes_too_much():
    double = Fake("double", lambda rgb: rgb.repeat(2, 0).repeat(2, 1), 2)
    after, _ = run(EnhanceConfig(method="double"), Picture(photo()), double)
    np.testing.assert_array_equal(after.rgb, photo().repeat(2, 0).repeat(2, 1))
    huge = Fake("huge", lambda rgb: rgb, 1000)
    with pytest.raises(PhotoError, match=r"too_many_pixels.*1000 x of the model"):
        run(EnhanceConfig(method="huge"), Picture(photo()), huge)


def test_a_matting_model_finds_alpha_in_the_band():
    rgb = np.full((80, 80, 3), 230, np.uint8)
    rgb[20:60, 20:60] = (30, 60, 90)
    inside = (rgb[..., 0] < 100).astype(np.float32)
    trimaps: list[NDArray[np.uint8]] = []

    def matte(_rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        trimaps.append(trimap)
        return np.where(trimap == 128, 0.5, inside).astype(np.float32)

    models = Fake("finds", lambda _: inside), Fake("mattes", matte)
    after, step = run(MatteConfig(model="finds", refine="mattes"), Picture(rgb), *models)
    assert step.model == "finds, mattes" and step.details["refine"] == "mattes"
    assert set(np.unique(trimaps[0])) == {0, 128, 255}
    assert after.alpha is not None
    assert set(np.unique(after.alpha[trimaps[0] == 128])) == {128}
