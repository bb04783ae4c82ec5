"""What OpenCV's morphology is asked for again and again."""

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
