"""Noise removal: classical filters, and a measurement which spares photos that have none."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Restorer
from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.denoise.noise_level import Noise, noise_of
from imgflow.stages.denoise.shrinkage import without_noise

SOFT = 0.4
"""A camera's noise has lost its highest frequencies in the colour differences, since colours were interpolated between
the sensor's pixels. Up to this `Noise.colour_sharpness` it is a camera's: of real photos it is 0.08 to 0.2, of rounding
errors and of the texture of rendered pictures 0.5 to 1."""

COLOUR_NOISE = 0.4
"""Grey levels: mean of the two colour differences, from which on a camera's noise is certain."""

LEAST_NOISE = {"colour": 0.9, "camera": 1.7, "other": 2.3}
"""Grey levels. Less is left alone: noise with colour and of a camera, of a camera without (which may be fine texture
in a photo that was compressed), and of other kinds (which may be any fine texture)."""

FULL_NOISE = 1.7
"""Grey levels from which on noise is taken out as `strength` says; of less, less, by the power of 1.5."""

SHRINKAGE = 0.8
"""Strength of the shrinkage, as a share of `strength`."""

REST = 30.0
"""Grey levels, times `strength`: what the shrinkage has left is smoothed over colour differences of this size. They
gain more than either does alone (115 real pairs: 1.88 dB; a bilateral filter alone 1.57), and none gets worse."""

NLM_STRENGTH = (3.0, 15.0)
"""Filter strength h of non-local means at strength 0 and 1."""


def denoise(picture: Picture, config: DenoiseConfig, restorer: Restorer | None = None) -> StageOutput:
    """Smooths the colours; alpha stays.

    Args:
        picture: of any size.
        config: `method` is that of the stage, if there is no `restorer`.
        restorer: a model that denoises, in place of the stage's own methods.

    Methods: `auto` measures the noise and takes it out, if it is visible, by shrinkage and a weak bilateral filter;
    `bilateral` (Tomasi and Manduchi 1998) and `nlm` (Buades, Coll and Morel 2005) filter every photo, whatever its
    noise.

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
    if noise.level < LEAST_NOISE[_kind(noise)] or config.strength == 0:
        return StageOutput(picture, {"method": "none"} | details)
    strength = config.strength * min(1.0, noise.level / FULL_NOISE) ** 1.5
    clean = _bilateral(without_noise(picture.rgb, noise, SHRINKAGE * strength), 5, REST * strength, sigma_space=5)
    return _output(picture, clean, {"method": "shrinkage"} | details)


def _kind(noise: Noise) -> Literal["colour", "camera", "other"]:
    if noise.colour_sharpness > SOFT:
        return "other"
    return "colour" if np.mean(noise.channels[1:]) >= COLOUR_NOISE else "camera"


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
