"""Taking the cast shadow away. `background_gain` changes nothing but the ground."""

import numpy as np
from numpy.typing import NDArray

from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.stages.base import Segmenter, StageOutput
from imgflow.stages.ground import Ground, find_ground
from imgflow.stages.retinex import lift_dark_tones
from imgflow.stages.strips import enlarged_rows, strips

LIKE = 0.1
"""Natural logarithm: how far from the shaded ground's colour a pixel at the product's edge may be, to be ground."""

THING = 0.3
"""Natural logarithm: from here on a pixel on the ground is a thing that the segmenter missed, such as a thin part."""


def remove_shadow(picture: Picture, config: ShadowConfig, segmenter: Segmenter) -> StageOutput:
    """Evens out the shadow that the product casts on its ground; alpha stays.

    `background_gain` fits the ground's light from ground pixels alone and multiplies each pixel of the ground by
    what the shadow took; texture stays, and so does every pixel of the product. Where what surrounds the product is not
    one smooth ground, or has no shadow, no bit changes. `retinex` is the literal LAB rule; it lifts dark products.

    Returns:
        The picture; details: `method` that ran ("none" where nothing was done, with the `reason`), and for
        `background_gain` `shadow_share` (of the photo) and `ground_fit` (share of the surroundings that fits a ground).
    """
    photo = picture.over((255, 255, 255))
    if config.strength == 0:
        return StageOutput(picture, {"method": "none", "reason": "strength is 0"})
    if config.method == "retinex":
        lifted = lift_dark_tones(photo, config.strength)
        return StageOutput(Picture(lifted, picture.alpha), {"method": "retinex"})
    ground = find_ground(photo, segmenter(photo), config.keep_contact)
    if ground.gain is None:
        return StageOutput(picture, {"method": "none", "reason": ground.reason} | ground.details)
    rgb = _apply_gain(picture.rgb, ground, config.strength)
    return StageOutput(Picture(rgb, picture.alpha), {"method": "background_gain"} | ground.details)


def _apply_gain(rgb: NDArray[np.uint8], ground: Ground, strength: float) -> NDArray[np.uint8]:
    """Gives the ground its light back, in strips of the full photo; where nothing is missing every bit stays.

    Close to the product's edge, where the segmenter is too coarse to tell, a pixel is ground if it has the colour
    which the ground has in this shadow: so the shadow goes right up to the edge, and the product is not lit with it.
    """
    assert ground.gain is not None
    result = rgb.copy()
    for rows in strips(rgb.shape[0]):
        gain, shaded, certain, possible = (
            enlarged_rows(field, rows, rgb.shape)
            for field in (ground.gain, ground.shaded, ground.certain, ground.possible)
        )
        strip = rgb[rows].astype(np.float32)
        unlike = np.abs(np.log(strip + 1) - shaded).max(2)
        thing = np.clip(unlike / THING - 1, 0, 1)
        alike = np.clip(2 - unlike / max(LIKE, 4 * ground.texture), 0, 1)
        share = certain * (1 - thing) + (1 - certain) * possible * alike
        lift = strength * gain * share[..., None]
        changed = (lift > 1e-3).any(2)
        lifted = np.rint(np.clip(strip * np.exp(lift), 0, 255)).astype(np.uint8)
        result[rows][changed] = lifted[changed]
    return result
