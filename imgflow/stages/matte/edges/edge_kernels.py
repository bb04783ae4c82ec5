"""How haze beside an edge looks, and alpha held to its contour: numba kernels, imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

LEAST_SEEN = 3
"""Certain pixels around another that can tell how its side looks."""

STEP = 2
"""Rows and columns from one pixel that is looked at around another to the next."""


@njit(cache=True, nogil=True)
def unlikeness(
    rgb: Any, alpha: Any, where: Any, reach: int, certain: float, even: float, most: float, told: Any
) -> None:
    """Squared Mahalanobis distance of pixels to the colours of what is certain around them, on their side of one half.

    Args:
        rgb: h x w x 3, uint8.
        alpha: h x w, float32, 0 to 1.
        where: N flat indices, int32.
        reach: half side of the window, pixels.
        certain: distance to 0 or 1 up to which alpha is certain.
        even: variance of colours (0 to 1) that is added.
        most: told where the distance is more, or too little around is certain.
        told: N, float32, written.
    """
    height, width = alpha.shape
    half, scale = np.float32(0.5), np.float32(1 / 255)
    sums = np.empty(9, np.float32)
    for i in range(len(where)):
        y, x = where[i] // width, where[i] % width
        own = alpha[y, x] >= half
        red, green, blue = rgb[y, x, 0] * scale, rgb[y, x, 1] * scale, rgb[y, x, 2] * scale
        sums[:] = 0
        seen = 0
        for row in range(max(y - reach, 0), min(y + reach, height - 1) + 1, STEP):
            for column in range(max(x - reach, 0), min(x + reach, width - 1) + 1, STEP):
                value = alpha[row, column]
                if (value >= half) != own or min(value, 1 - value) > certain:
                    continue
                r, g, b = (
                    rgb[row, column, 0] * scale - red,
                    rgb[row, column, 1] * scale - green,
                    rgb[row, column, 2] * scale - blue,
                )
                seen += 1
                sums[0] += r
                sums[1] += g
                sums[2] += b
                sums[3] += r * r
                sums[4] += r * g
                sums[5] += r * b
                sums[6] += g * g
                sums[7] += g * b
                sums[8] += b * b
        told[i] = _squared_distance(sums / max(seen, 1), even, most) if seen >= LEAST_SEEN else most


@njit(cache=True, nogil=True)
def _squared_distance(moments: Any, even: float, most: float) -> Any:
    """Of 0 to the mean, by the covariance: the means of the three values and of their products."""
    r, g, b = moments[0], moments[1], moments[2]
    rr, rg, rb = moments[3] - r * r + even, moments[4] - r * g, moments[5] - r * b
    gg, gb, bb = moments[6] - g * g + even, moments[7] - g * b, moments[8] - b * b + even
    first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    determinant = rr * first + rg * second + rb * third
    square = r * r * first + g * g * (rr * bb - rb * rb) + b * b * (rr * gg - rg * rg)
    square += 2 * (r * g * second + r * b * third + g * b * (rg * rb - rr * gb))
    return min(max(square / determinant, 0.0), most) if determinant > 0 else most


@njit(cache=True, nogil=True)
def contrast(rgb: Any, inside: Any, where: Any, reach: int, told: Any) -> None:
    """Difference of the mean colours of both sides of a contour around some of its pixels.

    Args:
        rgb: h x w x 3, uint8.
        inside: h x w, uint8: 1 on one side of the contour, 0 on the other.
        where: N flat indices, int32.
        reach: half side of the window, pixels.
        told: N, float32, written: root mean square of the three channels' differences, levels of 255; 0 where there is
            but one side.
    """
    height, width = inside.shape
    sums = np.empty((2, 4), np.float32)
    for i in range(len(where)):
        y, x = where[i] // width, where[i] % width
        sums[:] = 0
        for row in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
            for column in range(max(x - reach, 0), min(x + reach, width - 1) + 1):
                side = inside[row, column]
                sums[side, 0] += rgb[row, column, 0]
                sums[side, 1] += rgb[row, column, 1]
                sums[side, 2] += rgb[row, column, 2]
                sums[side, 3] += 1
        told[i] = 0
        if min(sums[0, 3], sums[1, 3]) > 0:
            for channel in range(3):
                told[i] += (sums[0, channel] / sums[0, 3] - sums[1, channel] / sums[1, 3]) ** 2
            told[i] = np.sqrt(told[i] / np.float32(3))


@njit(cache=True, nogil=True)
def mark_contour(alpha: Any, where: Any, crossed: Any) -> None:
    """Where the contour of one half crosses between one of some pixels and another beside it.

    Args:
        alpha: H x W, float32.
        where: N flat indices, int32.
        crossed: H x W, uint8, written: as `hold_to_contour` takes it; 0 elsewhere, as given.
    """
    height, width = alpha.shape
    half = np.float32(0.5)
    for i in range(len(where)):
        y, x = where[i] // width, where[i] % width
        inside = alpha[y, x] >= half
        if x + 1 < width and (alpha[y, x + 1] >= half) != inside:
            crossed[y, x] |= 1
        if y + 1 < height and (alpha[y + 1, x] >= half) != inside:
            crossed[y, x] |= 2
        if x > 0 and (alpha[y, x - 1] >= half) != inside:
            crossed[y, x - 1] |= 1
        if y > 0 and (alpha[y - 1, x] >= half) != inside:
            crossed[y - 1, x] |= 2


@njit(cache=True, nogil=True)
def hold_to_contour(
    alpha: Any, crossed: Any, where: Any, smooth: Any, trust: Any, reach: int, play: float, held: Any, slope: Any
) -> None:
    """Limits alpha to a ramp across the contour of one half, as steep as the contour is at its steepest within reach.

    The contour crosses between pixels side by side, at the place that linear interpolation tells.

    Args:
        alpha: H x W, float32, 0 to 1.
        crossed: H x W, uint8: 1 if the contour crosses between a pixel and that to the right, plus 2 if to that below.
        where: N flat indices, int32.
        smooth: N, float32: distance to another contour, pixels, positive inside.
        trust: N, float32, 0 to 1: how far that one counts.
        reach: pixels.
        play: pixels by which the ramp may be moved either way; alpha between the two ramps stays as it is.
        held: N, float32, written: alpha; 0 or 1 where no contour is within reach.
        slope: N, float32, written: how steep the ramp is, per pixel, at most 1; 1 where there is no contour.
    """
    height, width = alpha.shape
    zero, half, one, shift = np.float32(0), np.float32(0.5), np.float32(1), np.float32(play)
    for i in range(len(where)):
        y, x = where[i] // width, where[i] % width
        side = one if alpha[y, x] >= half else -one
        closest, steepest = np.float32(reach * reach), np.float32(0)
        for row in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
            for column in range(max(x - reach, 0), min(x + reach, width - 1) + 1):
                if not crossed[row, column]:
                    continue
                for down in range(2):
                    if not crossed[row, column] & (down + 1):
                        continue
                    below, right = row + down, column + 1 - down
                    here, there = alpha[row, column] - half, alpha[below, right] - half
                    part = here / (here - there)
                    away_y, away_x = row + part * down - y, column + part * (1 - down) - x
                    distance = np.float32(away_y * away_y + away_x * away_x)
                    if distance > reach * reach:
                        continue
                    closest = min(closest, distance)
                    across = _across(alpha, row, column, down)
                    aside = across + part * (_across(alpha, below, right, down) - across)
                    steepest = max(steepest, (here - there) ** 2 + aside * aside)
        steepness = min(np.sqrt(steepest), one) if steepest > 0 else one
        place = side * np.sqrt(closest)
        place += trust[i] * (smooth[i] - place)
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
