"""Noise removal: classical filters, and a measurement which spares photos that have none."""

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Restorer
from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.denoise.noise_level import ByCamera, noise_of
from imgflow.stages.denoise.shrinkage import without_noise

LEAST_NOISE = 1.0
"""Grey levels. Less is left alone."""

LEAST_TRUST = 0.5
"""What is more likely texture is left alone too."""

REST = 4.0
"""What the shrinkage has left is smoothed over colour differences of this many times the noise's deviation, times
`strength`."""

REST_FROM = ByCamera(smoothed=0.0, others=3.3)
"""Grey levels of deviation that do not count for it: in photos with colours smoothed by a camera, and in others, where
the shrinkage leaves little but texture."""

NLM_STRENGTH = (3.0, 15.0)
"""Filter strength h of non-local means at strength 0 and 1."""


def denoise(picture: Picture, config: DenoiseConfig, restorer: Restorer | None = None) -> StageOutput:
    """Smooths the colours; alpha stays.

    Args:
        picture: of any size.
        config: `method` is that of the stage, if there is no `restorer`.
        restorer: a model that denoises, in place of the stage's own methods.

    Methods: `auto` measures the noise and, if it is no texture, takes it out by shrinkage; `bilateral` (Tomasi and
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
        colour, space = 50 * config.strength, 10 * config.strength
        smooth = _bilateral(picture.rgb, 7, colour, space) if config.strength else picture.rgb
        return _output(picture, smooth, {"method": "bilateral"})
    noise = noise_of(picture.rgb)
    details: dict[str, object] = {
        "noise": round(noise.level, 2),
        "noise_channels": [round(channel, 2) for channel in noise.channels],
    }
    if noise.level < LEAST_NOISE or noise.trust < LEAST_TRUST or config.strength == 0:
        return StageOutput(picture, {"method": "none"} | details)
    clean = without_noise(picture.rgb, noise, config.strength)
    rest = noise.level - REST_FROM.at(noise.is_smoothed)
    if rest > 0:
        clean = _bilateral(clean, 5, REST * config.strength * rest, sigma_space=5)
    return _output(picture, clean, {"method": "shrinkage"} | details)


def _bilateral(rgb: NDArray[np.uint8], size: int, sigma_colour: float, sigma_space: float) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.bilateralFilter(rgb, size, sigma_colour, sigma_space), np.uint8)


def _non_local_means(rgb: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    import cv2

    weakest, strongest = NLM_STRENGTH
    h = weakest + strength * (strongest - weakest)
    return np.asarray(cv2.fastNlMeansDenoisingColored(rgb, None, h, h, 7, 21), np.uint8)


def _output(picture: Picture, rgb: NDArray[np.uint8], details: dict[str, object]) -> StageOutput:
    return StageOutput(Picture(rgb, picture.alpha), details)
