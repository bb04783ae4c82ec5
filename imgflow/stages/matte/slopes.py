"""How steeply a map rises, away from its noise."""

import numpy as np
from numpy.typing import NDArray

SIGMA = 1.5
"""Of the Gaussian that the map is smoothed by first, pixels."""


def slopes(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """h x w to h x w each: the rise a pixel along x, and along y."""
    import cv2

    soft = cv2.GaussianBlur(values, (0, 0), SIGMA)
    across, down = (
        np.asarray(cv2.Sobel(soft, cv2.CV_32F, *order, scale=1 / 8), np.float32) for order in ((1, 0), (0, 1))
    )
    return across, down
