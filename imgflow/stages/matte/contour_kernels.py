"""Alpha held to its contour, as a numba kernel; imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)


@njit(cache=True, nogil=True)
def hold_to_contour(alpha: Any, near: Any, where: Any, reach: int, play: float, held: Any, slope: Any) -> None:
    """Limits alpha to a ramp across the contour of one half, as steep as the contour is at its steepest within reach.

    The contour crosses between pixels side by side, at the place that linear interpolation tells.

    Args:
        alpha: H x W, float32, 0 to 1.
        near: H x W, uint8: not 0 where the contour may be within reach.
        where: N flat indices, int32.
        reach: pixels.
        play: pixels by which the ramp may be moved either way; alpha between the two ramps stays as it is.
        held: N, float32, written: alpha; 0 or 1 where there is no contour within reach.
        slope: N, float32, written: how steep the ramp is, per pixel, at most 1; 1 where there is no contour.
    """
    height, width = alpha.shape
    zero, half, one, shift = np.float32(0), np.float32(0.5), np.float32(1), np.float32(play)
    for i in range(len(where)):
        y, x = where[i] // width, where[i] % width
        side = one if alpha[y, x] >= half else -one
        closest, steepest = np.float32(reach * reach), np.float32(0)
        if near[y, x]:
            for row in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
                for column in range(max(x - reach, 0), min(x + reach, width - 1) + 1):
                    for down in range(2):
                        below, right = row + down, column + 1 - down
                        if below >= height or right >= width:
                            continue
                        here, there = alpha[row, column] - half, alpha[below, right] - half
                        if (here >= 0) == (there >= 0):
                            continue
                        part = here / (here - there)
                        away_y, away_x = row + part * down - y, column + part * (1 - down) - x
                        distance = np.float32(away_y * away_y + away_x * away_x)
                        if distance > reach * reach:
                            continue
                        closest = min(closest, distance)
                        across = _across(alpha, row, column, down)
                        beside = _across(alpha, below, right, down)
                        aside = across + np.float32(part) * (beside - across)
                        steepest = max(steepest, np.sqrt((here - there) ** 2 + aside * aside))
        steepness = min(steepest, one) if steepest > 0 else one
        place = side * np.sqrt(closest)
        lowest = min(max(half + (place - shift) * steepness, zero), one)
        highest = min(max(half + (place + shift) * steepness, zero), one)
        held[i] = min(max(alpha[y, x], lowest), highest)
        slope[i] = steepness


@njit(cache=True, nogil=True)
def _across(alpha: Any, y: int, x: int, down: int) -> Any:
    """Slope at a pixel along its row, or along its column if `down` is 0."""
    height, width = alpha.shape
    if down:
        first, last = max(x - 1, 0), min(x + 1, width - 1)
        return (alpha[y, last] - alpha[y, first]) / np.float32(max(last - first, 1))
    first, last = max(y - 1, 0), min(y + 1, height - 1)
    return (alpha[last, x] - alpha[first, x]) / np.float32(max(last - first, 1))
