"""Enlarging an alpha along the edges of its picture.

Method: He, Sun, "Fast Guided Filter", arXiv:1505.00996: alpha is taken to be a straight line of the picture's lightness
within each small window of the small picture, and the lines are enlarged in place of alpha.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def guided_up(
    alpha: NDArray[np.float32],
    small: NDArray[np.uint8],
    full: NDArray[np.uint8],
    radius: int = 4,
    epsilon: float = 1e-4,
) -> NDArray[np.float32]:
    """Alpha in the size of `full`.

    Args:
        alpha: h x w, 0..1.
        small: h x w x 3, sRGB: the picture that alpha was found in.
        full: H x W x 3, sRGB: the same at full size.
        radius: of a window, pixels of the small picture.
        epsilon: variance of lightness (0..1) below which a window has no edge.

    Returns:
        H x W, float32, 0..1.
    """
    import cv2

    def mean(values: Any) -> Any:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1))

    def lightness(rgb: NDArray[np.uint8]) -> Any:
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def enlarged(values: Any) -> Any:
        return cv2.resize(values, full.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    guide = lightness(small)
    mean_guide, mean_alpha = mean(guide), mean(alpha)
    slope = (mean(guide * alpha) - mean_guide * mean_alpha) / (mean(guide * guide) - mean_guide**2 + epsilon)
    offset = mean_alpha - slope * mean_guide
    return np.clip(enlarged(mean(slope)) * lightness(full) + enlarged(mean(offset)), 0, 1, dtype=np.float32)
