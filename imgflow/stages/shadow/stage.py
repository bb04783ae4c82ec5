"""Taking the cast shadow away. `background_gain` changes nothing but the ground."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from imgflow.cores import usable_cores
from imgflow.models.base import Segmenter
from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.colour import greatest_of
from imgflow.stages.shadow.ground import Ground, find_ground
from imgflow.stages.shadow.retinex import lift_dark_tones
from imgflow.stages.sizes import SHOWN_SIDE, at_most_side
from imgflow.stages.strips import strips

LONGER_SIDE = 768
"""Light is smooth, so it is measured on a copy of at most this longer side, pixels."""

ROWS = 128
"""Rows of the photo that a thread takes at a time."""

FAINT = 0.002
"""Change, as a share of a grey level, that no pixel shows."""


def remove_shadow(picture: Picture, config: ShadowConfig, segmenter: Segmenter | None) -> StageOutput:
    """Evens out the shadow that the product casts on its ground; a photo that is cut out already stays.

    `background_gain` measures the ground's light from ground pixels alone, on a small copy, and multiplies each pixel
    of the ground by what the shadow took; texture stays, and so does every pixel of the product. Where what surrounds
    the product is not one smooth ground, or has no shadow, no bit changes. `retinex` is the literal LAB rule; it lifts
    dark products and needs no segmenter.

    Returns:
        The picture, with what it was before if a shadow was removed; details: `method` that ran ("none" where nothing
        was done, with the `reason`), and for `background_gain` `shadow_share` (of the photo) and `ground_fit` (share of
        the surroundings that fits a ground).
    """
    if config.strength == 0 and config.even_light == 0:
        return StageOutput(picture, {"method": "none", "reason": "strength is 0"})
    if picture.alpha is not None:
        # Its own transparency says that what is left is the product.
        return StageOutput(picture, {"method": "none", "reason": "the photo is cut out already"})
    if config.method == "retinex":
        lifted = lift_dark_tones(picture.rgb, config.strength)
        return StageOutput(Picture(lifted, shadowed=picture.rgb), {"method": "retinex"})
    if segmenter is None:
        raise ValueError(f"the method {config.method} needs a segmenter")
    small = at_most_side(picture.rgb, max(SHOWN_SIDE, segmenter.input_size))
    likely = segmenter(small)
    ground = find_ground(*_measured(small, likely), config)
    if ground.lift is None:
        return StageOutput(picture, {"method": "none", "reason": ground.reason} | ground.details)
    lit = Picture(_lit(picture.rgb, ground), shadowed=picture.rgb)
    return StageOutput(lit, {"method": "background_gain"} | ground.details)


def _measured(small: NDArray[np.uint8], likely: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Both at the size at which light is measured, whatever size the segmenter was shown."""
    import cv2

    smaller = at_most_side(small, LONGER_SIDE)
    if smaller.shape == small.shape:
        return small, likely
    return smaller, np.asarray(cv2.resize(likely, smaller.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)


def _lit(rgb: NDArray[np.uint8], ground: Ground) -> NDArray[np.uint8]:
    import cv2

    from imgflow.stages.shadow.ground_kernel import THING, TONE, lift_rows

    assert ground.lift is not None and ground.edge is not None
    factor = np.expm1(ground.lift)
    fields = np.dstack([factor, ground.shaded, ground.edge.away, ground.edge.product])
    changing = (greatest_of(np.abs(factor)) > FAINT) & (ground.edge.away > -1.5)
    active = np.asarray(cv2.dilate(changing.astype(np.uint8), np.ones((3, 3), np.uint8)))
    thing = np.float32(max(THING, 6 * ground.texture))
    result = rgb.copy()

    def work(rows: slice) -> None:
        lift_rows(result, fields, active, TONE, thing, rows.start, rows.stop)

    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        list(pool.map(work, strips(len(rgb), ROWS)))
    return result
