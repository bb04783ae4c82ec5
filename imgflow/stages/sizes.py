"""Smaller copies of a picture."""

import numpy as np
from numpy.typing import NDArray

SHOWN_SIDE = 1280
"""Longer side, pixels, of the copy that segmenters are shown (of a larger one, if they see more). Every stage shows the
same, so that a photo which two stages ask about is looked at once."""


def scaled_size(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Width and height, as OpenCV wants them, of an H x W (x anything) picture at `scale`; at least one pixel each."""
    height, width = shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def at_most_side(picture: NDArray[np.uint8], longer_side: int) -> NDArray[np.uint8]:
    """The picture, or a copy with that longer side if its own is longer.

    Args:
        picture: H x W or H x W x 3, uint8.
        longer_side: pixels.
    """
    import cv2

    scale = longer_side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, scaled_size(picture.shape, scale), interpolation=cv2.INTER_AREA), np.uint8)
