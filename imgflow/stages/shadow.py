"""Taking the cast shadow away. `background_gain` changes nothing but the ground."""

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Segmenter
from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.ground import Ground, find_ground
from imgflow.stages.retinex import lift_dark_tones
from imgflow.stages.strips import enlarged_at, strips

LIKE = 0.1
"""Natural logarithm: how far from the shaded ground's colour a pixel at the product's edge may be, to be ground."""

THING = 0.3
"""Natural logarithm: from here on a pixel on the ground is a thing that the segmenter missed, such as a thin part."""


PIXELS = 65_536
"""Pixels worked on at a time."""


def remove_shadow(picture: Picture, config: ShadowConfig, segmenter: Segmenter | None) -> StageOutput:
    """Evens out the shadow that the product casts on its ground; a photo that is cut out already stays.

    `background_gain` fits the ground's light from ground pixels alone and multiplies each pixel of the ground by
    what the shadow took; texture stays, and so does every pixel of the product. Where what surrounds the product is not
    one smooth ground, or has no shadow, no bit changes. `retinex` is the literal LAB rule; it lifts dark products and
    needs no segmenter.

    Returns:
        The picture; details: `method` that ran ("none" where nothing was done, with the `reason`), and for
        `background_gain` `shadow_share` (of the photo) and `ground_fit` (share of the surroundings that fits a ground).
    """
    if config.strength == 0:
        return StageOutput(picture, {"method": "none", "reason": "strength is 0"})
    if picture.alpha is not None:
        # Its own transparency says that what is left is the product.
        return StageOutput(picture, {"method": "none", "reason": "the photo is cut out already"})
    if config.method == "retinex":
        lifted = lift_dark_tones(picture.rgb, config.strength)
        return StageOutput(Picture(lifted), {"method": "retinex"})
    if segmenter is None:
        raise ValueError(f"the method {config.method} needs a segmenter")
    ground = find_ground(picture.rgb, segmenter(picture.rgb), config.keep_contact)
    if ground.gain is None:
        return StageOutput(picture, {"method": "none", "reason": ground.reason} | ground.details)
    rgb = _apply_gain(picture.rgb, ground, config.strength)
    return StageOutput(Picture(rgb), {"method": "background_gain"} | ground.details)


def _apply_gain(rgb: NDArray[np.uint8], ground: Ground, strength: float) -> NDArray[np.uint8]:
    """Gives the ground its light back, where some is missing; everywhere else every bit stays.

    Close to the product's edge, where the segmenter is too coarse to tell, a pixel is ground if it has the colour
    which the ground has in this shadow: so the shadow goes right up to the edge, and the product is not lit with it.
    """
    assert ground.gain is not None
    result = rgb.copy()
    pixels = result.reshape(-1, 3)
    fields = np.dstack([ground.gain, ground.shaded, ground.certain, ground.possible])
    where = _dark_pixels(ground.gain, rgb.shape)
    for part in strips(where.size, PIXELS):
        some = where[part]
        found = enlarged_at(fields, some, rgb.shape)
        gain, shaded, certain, possible = found[:, :3], found[:, 3:6], found[:, 6], found[:, 7]
        dark = pixels[some].astype(np.float32)
        unlike = np.abs(np.log(dark + 1) - shaded).max(1)
        thing = np.clip(unlike / THING - 1, 0, 1)
        alike = np.clip(2 - unlike / max(LIKE, 4 * ground.texture), 0, 1)
        share = certain * (1 - thing) + (1 - certain) * possible * alike
        lift = strength * gain * share[:, None]
        changed = (lift > 1e-3).any(1)
        lifted = np.rint(np.clip(dark[changed] * np.exp(lift[changed]), 0, 255))
        pixels[some[changed]] = lifted.astype(np.uint8)
    return result


def _dark_pixels(gain: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Flat indices of the large photo's pixels which the small field says anything about."""
    import cv2

    dark = cv2.dilate(np.asarray((gain > 0).any(2), np.uint8), np.ones((3, 3), np.uint8))
    large = np.asarray(cv2.resize(dark, shape[1::-1], interpolation=cv2.INTER_NEAREST))
    return np.flatnonzero(large).astype(np.int32)
