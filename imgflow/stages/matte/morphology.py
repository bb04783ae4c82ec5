"""Morphology that is asked for again and again."""

import numpy as np
from numpy.typing import NDArray


def opened(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 where 3 x 3 pixels of the mask are together."""
    import cv2

    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def disc(radius: int) -> NDArray[np.uint8]:
    """Of that radius, pixels: a structuring element."""
    import cv2

    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2), np.uint8)


def depth_in(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels from each place of it to the nearest outside; 0 elsewhere."""
    import cv2

    return np.asarray(cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3), np.float32)


def near(mask: NDArray[np.bool_] | NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """1 up to that distance from it: a dilation by a large disc, quickly."""
    return (depth_in(mask == 0) <= radius).view(np.uint8)


def opened_by(mask: NDArray[np.bool_] | NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """1 where it is wider than a disc of that radius: an opening, quickly."""
    if not mask.any():
        return mask.view(np.uint8)
    hearts = depth_in(mask) > radius
    return near(hearts, radius) if hearts.any() else hearts.view(np.uint8)
