"""Differences of brightness and colours between pixels side by side: a numba kernel, imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)


@njit(cache=True, nogil=True)
def sum_differences(rgb: Any, where: Any, step: int, luma: Any, near: Any, far: Any) -> None:
    """Squared differences of Y, B - Y and R - Y along rows and along columns, in sum.

    Args:
        rgb: H x W x 3, uint8.
        where: N flat indices; what has no neighbour on some side is left out.
        step: only each of so many counts.
        luma: 3, float32: the weights of R, G, B in Y.
        near: 3, float64, added to: over one pixel, mean of the two.
        far: 3, float64, added to: over two pixels.
    """
    height, width = rgb.shape[:2]
    for n in range(0, len(where), step):
        y, x = where[n] // width, where[n] % width
        if not (0 < y < height - 1 and 0 < x < width - 1):
            continue
        middle = _planes(rgb, y, x, luma)
        for down in range(2):
            before = _planes(rgb, y - down, x - 1 + down, luma)
            after = _planes(rgb, y + down, x + 1 - down, luma)
            for k in range(3):
                first, second, both = middle[k] - before[k], after[k] - middle[k], after[k] - before[k]
                near[k] += np.float64(first * first + second * second) / 2
                far[k] += np.float64(both * both)


@njit(inline="always")
def _planes(rgb: Any, y: Any, x: Any, luma: Any) -> Any:
    """Y, B - Y and R - Y of a pixel."""
    red, green, blue = np.float32(rgb[y, x, 0]), np.float32(rgb[y, x, 1]), np.float32(rgb[y, x, 2])
    brightness = luma[0] * red + luma[1] * green + luma[2] * blue
    return brightness, blue - brightness, red - brightness
