"""How far a place inside the product is the ground itself: its tone, its tint, its light and its texture.

Many products have a face of nearly the ground's colour. Hardly any has that colour to within half a percent all over
where the colour is a rare one, or where the light changes across the place; and next to none has the texture of the
concrete or the cloth that it lies on. On a plain grey or white ground nothing of this tells.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.openings.ground_colour import NEIGHBOURHOOD, GroundColour
from imgflow.stages.matte.openings.ground_tones import TONE, differences_of

BANDS = (1, 5), (3, 9), (7, 25)
"""Sides of the windows, pixels, between whose means a texture's fine, middle and coarse parts lie. (Noise alone has
next to no coarse part.)"""

LEAST_TEXTURE = 0.008
"""Coarse texture, natural logarithm, from which on a ground has one that is no noise. (Noise of 6 grey
levels that a camera blurred over 1 pixel leaves a coarse part of .004; concrete has .015, cloth .009 or .010.)"""

ALIKE = 0.7, 1.4
"""A place's fine and middle texture in the ground's, between which it is the same. (29 places that show concrete or
cloth: .73 to 1.34; 22 faces of a like tone before them: up to .19.)"""

SAME_TONE, SAME_TINT = 0.004, 0.0035
"""Difference of the place's median from the ground's, natural logarithm, up to which it is the same."""

SAME_LIGHT = 0.0035
"""Standard deviation, natural logarithm, of a place's mean tones from the ground's, up to which it is as lit."""

COLOURED = 0.1
"""Difference between the ground's channels, natural logarithm, from which on its colour is a rare one."""

CHANGING = 0.06
"""Change of the ground's light across a place, natural logarithm, from which on it tells."""

BLOCK = 17
"""Side of the windows, pixels, over which a place's tones are averaged to see its light."""

SPARSE = 4
"""Every so many pixels of a place its figures are taken from."""


class Likeness(NamedTuple):
    """Of a place to the ground; natural logarithms."""

    tone: float
    """Median difference of brightness."""
    light: float
    """Standard deviation of the mean tones' difference."""
    change: float
    """Of the ground's brightness across the place."""
    colour: float
    """Greatest difference between the ground's channels."""
    texture: NDArray[np.float64]
    """Of the place, a part for each of `BANDS`."""
    ground_texture: NDArray[np.float64]

    def has_its_texture(self) -> bool:
        """Whether the ground has a texture that is no noise, and the place has the same."""
        shares = self.texture[:2] / np.maximum(self.ground_texture[:2], 1e-6)
        return bool(self.ground_texture[2] > LEAST_TEXTURE and shares.min() > ALIKE[0] and shares.max() < ALIKE[1])

    def has_its_light(self) -> bool:
        """Whether the ground is of a rare colour or unevenly lit, and the place is the same all over."""
        return (
            (self.colour > COLOURED or self.change > CHANGING)
            and abs(self.tone) < SAME_TONE
            and self.light < SAME_LIGHT
        )


def has_its_tint(ground: GroundColour, rgb: NDArray[np.uint8], place: NDArray[np.bool_]) -> bool:
    """Whether a place (h x w) has the ground's tint: if not, nothing else need be looked at."""
    offsets = _offsets(ground, rgb, place)
    return float(np.abs(offsets - offsets.mean()).max()) < SAME_TINT


def texture_around(
    ground: GroundColour, rgb: NDArray[np.uint8], away: NDArray[np.float32], product: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The texture of the ground near the product, a part for each of `BANDS`.

    Args:
        ground: behind the product.
        rgb: h x w x 3, uint8.
        away: h x w, from the ground's colour, 1 being the bound.
        product: h x w, 0 to 1.
    """
    reach = round(NEIGHBOURHOOD * max(product.shape))
    rows, columns = (np.flatnonzero((product >= 0.5).any(axis)) for axis in (1, 0))
    near = np.s_[max(rows[0] - reach, 0) : rows[-1] + reach, max(columns[0] - reach, 0) : columns[-1] + reach]
    brightness = differences_of(np.ascontiguousarray(rgb[near]), ground.tones[near])[0]
    return _texture(brightness, (product[near] < 0.1) & (away[near] < 1))


def likeness(
    ground: GroundColour, rgb: NDArray[np.uint8], place: NDArray[np.bool_], ground_texture: NDArray[np.float64]
) -> Likeness:
    """Of a place (h x w) to the ground behind it."""
    brightness = differences_of(rgb, ground.tones)[0]
    behind = ground.tones[place][::SPARSE]
    tones = behind.mean(1)
    return Likeness(
        tone=float(_offsets(ground, rgb, place).mean()),
        light=float(_mean_over(brightness, place, BLOCK)[place].std()),
        change=float(tones.max() - tones.min()),
        colour=float(np.ptp(behind.mean(0))),
        texture=_texture(brightness, place),
        ground_texture=ground_texture,
    )


def _offsets(ground: GroundColour, rgb: NDArray[np.uint8], place: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median difference of each channel from the ground's."""
    return np.median(TONE[rgb[place][::SPARSE]] - ground.tones[place][::SPARSE], axis=0)


def _texture(brightness: NDArray[np.float32], place: NDArray[np.bool_]) -> NDArray[np.float64]:
    import cv2

    within = cv2.erode(place.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not within.any():
        return np.zeros(len(BANDS))
    sides = sorted({side for band in BANDS for side in band})
    means = {side: _mean_over(brightness, place, side)[within][::SPARSE] for side in sides}
    return np.array([1.4826 * float(np.median(np.abs(means[fine] - means[coarse]))) for fine, coarse in BANDS])


def _mean_over(values: NDArray[np.float32], place: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """Means over windows, of what lies in the place."""
    import cv2

    weight = place.astype(np.float32)
    sums, counts = (cv2.blur(each, (side, side)) for each in (values * weight, weight))
    return np.asarray(sums / np.maximum(counts, 1e-4), np.float32)
