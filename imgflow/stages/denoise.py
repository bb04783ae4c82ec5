"""Noise removal: classical filters, and a measurement which spares photos that have none."""

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Restorer
from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.noise_level import noise_of
from imgflow.stages.shrinkage import without_noise

VISIBLE_NOISE = 1.7
"""Grey levels. What is less is left alone: it is hardly seen, and may be the ground's own fine texture."""

FULL_NOISE = 1.9
"""Grey levels. From here on noise is taken out as `strength` says; at `VISIBLE_NOISE` half of that, in between more."""

NLM_STRENGTH = (3.0, 15.0)
"""Filter strength h of non-local means at strength 0 and 1."""


def denoise(picture: Picture, config: DenoiseConfig, restorer: Restorer | None = None) -> StageOutput:
    """Smooths the colours; alpha stays.

    Args:
        picture: of any size.
        config: `method` is that of the stage, if there is no `restorer`.
        restorer: a model that denoises, in place of the stage's own methods.

    Methods: `auto` measures the noise and takes it out by shrinkage, if it is visible; `bilateral` (Tomasi and
    Manduchi 1998) and `nlm` (Buades, Coll and Morel 2005) filter every photo, whatever its noise.

    Returns:
        The picture; details: `method` that ran ("none" where nothing was done) and, for `auto`, `noise` in grey levels,
        and `noise_channels`, that of luma and the two colour differences.
    """
    if restorer is not None:
        return _output(picture, restorer(picture.rgb), {"method": restorer.name})
    if config.method == "nlm":
        return _output(picture, _non_local_means(picture.rgb, config.strength), {"method": "nlm"})
    if config.method == "bilateral":
        return _output(picture, _bilateral(picture.rgb, config.strength), {"method": "bilateral"})
    noise = noise_of(picture.rgb)
    details: dict[str, object] = {
        "noise": round(noise.level, 2),
        "noise_channels": [round(channel, 2) for channel in noise.channels],
    }
    if noise.level < VISIBLE_NOISE or config.strength == 0:
        return StageOutput(picture, {"method": "none"} | details)
    share = min(1.0, 0.5 + 0.5 * (noise.level - VISIBLE_NOISE) / (FULL_NOISE - VISIBLE_NOISE))
    clean = without_noise(picture.rgb, noise, config.strength * share)
    return _output(picture, clean, {"method": "shrinkage"} | details)


def _bilateral(rgb: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    import cv2

    if strength == 0:
        return rgb
    smooth = cv2.bilateralFilter(rgb, 7, 50 * strength, 10 * strength)
    return np.asarray(smooth, np.uint8)


def _non_local_means(rgb: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    import cv2

    weakest, strongest = NLM_STRENGTH
    h = weakest + strength * (strongest - weakest)
    return np.asarray(cv2.fastNlMeansDenoisingColored(rgb, None, h, h, 7, 21), np.uint8)


def _output(picture: Picture, rgb: NDArray[np.uint8], details: dict[str, object]) -> StageOutput:
    return StageOutput(Picture(rgb, picture.alpha), details)
