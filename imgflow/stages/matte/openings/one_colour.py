"""A ground of one colour (a studio's white, or a cutout on white), where it shows in the product."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.morphology import disc, opened

ONE_COLOUR, ALL_ALIKE = 2, 0.6
"""Levels from its median, and share of the ground within them, from which on a ground is of one colour (a studio's
white, or a cutout on white)."""

SPARSE = 4
"""Every so many pixels along both axes the ground is looked at for that."""

BLURRED = 16
"""Levels within which compression leaves that colour beside an edge."""

HALF_SURE = 0.93
"""Mean belief in an area of exactly that colour up to which it is ground; the segmenter knows white products better."""


def identical_ground(
    rgb: NDArray[np.uint8], outside: NDArray[np.bool_], certainty: NDArray[np.float32], least: float, reach: int
) -> NDArray[np.uint8]:
    """1 where a ground of one colour shows that very colour in the product, and the segmenter is not sure of it; and
    beside it, where compression has blurred that colour.

    Args:
        rgb: h x w x 3, uint8.
        outside: h x w, ground around the product.
        certainty: h x w, 0 to 1, the segmenter's value.
        least: pixels from which on an area counts.
        reach: pixels to which compression blurs.
    """
    import cv2

    sample = rgb[::SPARSE, ::SPARSE][outside[::SPARSE, ::SPARSE]]
    if not len(sample):
        return np.zeros(outside.shape, np.uint8)
    colour = np.median(sample, axis=0)
    if (np.abs(sample - colour) <= ONE_COLOUR).all(1).mean() < ALL_ALIKE:
        return np.zeros(outside.shape, np.uint8)
    same = _within(rgb, colour, ONE_COLOUR)
    count, found = cv2.connectedComponents(opened(same & ~outside), connectivity=4)
    labels = np.asarray(found, np.intp)
    areas, beliefs = np.bincount(labels.ravel(), None, count), np.bincount(labels.ravel(), certainty.ravel(), count)
    chosen = (areas >= least) & (beliefs < HALF_SURE * areas)
    chosen[0] = False
    cells = chosen[labels].astype(np.uint8)
    around = np.asarray(cv2.dilate(cells, disc(reach)), np.uint8)
    return cells | (around & opened(_within(rgb, colour, BLURRED)))


def _within(rgb: NDArray[np.uint8], colour: NDArray[np.float64], levels: int) -> NDArray[np.bool_]:
    import cv2

    low, high = (tuple(float(level) for level in np.clip(colour + by, 0, 255)) for by in (-levels, levels))
    return np.asarray(cv2.inRange(rgb, low, high)) > 0
