"""Enlarging an alpha along the edges of a larger photo."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIP = 512
"""Rows of the small picture worked on at a time."""

RADIUS = 2
"""Half side of the windows in which alpha is taken as a linear function of brightness, pixels of the small picture."""

EPSILON = 1e-4
"""Squared brightness (0 to 1) below which a window has no edge to follow."""


def enlarge_alpha(
    alpha: NDArray[np.float32], small: NDArray[np.uint8], large: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Alpha of the large photo from that of its small copy, by a fast guided filter (He and Sun 2015), in strips.

    Args:
        alpha: h x w, 0 to 1.
        small: h x w x 3, uint8.
        large: H x W x 3, uint8.

    Returns:
        H x W, 0 to 1; exact 0 and 1 stay so away from edges.
    """
    import cv2

    height, width = large.shape[:2]
    rows = alpha.shape[0]
    margin = 2 * RADIUS + 2
    result = np.empty((height, width), np.float32)
    for top in range(0, rows, STRIP):
        bottom = min(top + STRIP, rows)
        first, last = max(top - margin, 0), min(bottom + margin, rows)
        slope, offset = _local_lines(_brightness(small[first:last]), alpha[first:last])
        begin, end = round(top * height / rows), round(bottom * height / rows)
        y = (np.arange(begin, end, dtype=np.float32) + 0.5) * (rows / height) - 0.5 - first
        x = (np.arange(width, dtype=np.float32) + 0.5) * (alpha.shape[1] / width) - 0.5
        x_map, y_map = np.meshgrid(x, y)

        def stretch(picture: NDArray[np.float32], maps: tuple[Any, Any] = (x_map, y_map)) -> NDArray[np.float32]:
            stretched = cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(stretched, np.float32)

        guided = stretch(slope) * _brightness(large[begin:end]) + stretch(offset)
        kernel = np.ones((3, 3), np.uint8)
        low = stretch(np.asarray(cv2.erode(alpha[first:last], kernel), np.float32))
        high = stretch(np.asarray(cv2.dilate(alpha[first:last], kernel), np.float32))
        result[begin:end] = np.clip(guided, low, high)
    return result


def _local_lines(
    guide: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset of the line that gives alpha from brightness around each pixel."""
    import cv2

    def mean(values: Any) -> NDArray[np.float32]:
        side = 2 * RADIUS + 1
        return np.asarray(cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)

    guide_mean, alpha_mean = mean(guide), mean(alpha)
    slope = (mean(guide * alpha) - guide_mean * alpha_mean) / (mean(guide * guide) - guide_mean**2 + EPSILON)
    return mean(slope), mean(alpha_mean - slope * guide_mean)


def _brightness(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
    return (grey / 255).astype(np.float32, copy=False)
