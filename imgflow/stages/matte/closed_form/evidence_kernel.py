"""What pixels' colours say about their alpha: a numba kernel, imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

ENTRIES = 5
"""Of the local colours: red, green, blue, variance, and how much of them there is."""

SEEN = 0.02
"""Of a side's colours, from which on they count in full."""


@njit(cache=True, nogil=True)
def project(rgb: Any, product: Any, ground: Any, where: Any, least: float, alpha: Any, trust: Any) -> None:
    """Places pixels on the line between the colours of product and ground around them.

    Args:
        rgb: H x W x 3, uint8.
        product, ground: h x w x 5, float32, on a smaller copy (enlarged, bilinear).
        where: N flat indices, int32.
        least: variance that is added to those of both sides.
        alpha, trust: N, float32, 0 to 1, written.
    """
    height, width = rgb.shape[:2]
    rows, columns = product.shape[:2]
    down, across = np.float32(rows / height), np.float32(columns / width)
    zero, half, one, scale = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1 / 255)
    added, enough = np.float32(least), np.float32(1 / SEEN)
    own, below = np.empty(ENTRIES, np.float32), np.empty(ENTRIES, np.float32)
    line, offset = np.empty(3, np.float32), np.empty(3, np.float32)
    for n in range(len(where)):
        y, x = where[n] // width, where[n] % width
        v = min(max((np.float32(y) + half) * down - half, zero), np.float32(rows - 1))
        u = min(max((np.float32(x) + half) * across - half, zero), np.float32(columns - 1))
        v0, u0 = int(v), int(u)
        v1, u1 = min(v0 + 1, rows - 1), min(u0 + 1, columns - 1)
        lower, right = v - np.float32(v0), u - np.float32(u0)
        w00, w01 = (one - lower) * (one - right), (one - lower) * right
        w10, w11 = lower * (one - right), lower * right
        for k in range(ENTRIES):
            own[k] = w00 * product[v0, u0, k] + w01 * product[v0, u1, k]
            own[k] += w10 * product[v1, u0, k] + w11 * product[v1, u1, k]
            below[k] = w00 * ground[v0, u0, k] + w01 * ground[v0, u1, k]
            below[k] += w10 * ground[v1, u0, k] + w11 * ground[v1, u1, k]
        length = along = zero
        for k in range(3):
            line[k] = own[k] - below[k]
            offset[k] = rgb[y, x, k] * scale - below[k]
            length += line[k] * line[k]
            along += offset[k] * line[k]
        place = min(max(along / max(length, np.float32(1e-6)), zero), one)
        astray = zero
        for k in range(3):
            astray += (offset[k] - place * line[k]) ** 2
        variance = own[3] + below[3] + added
        seen = min(min(own[4], below[4]) * enough, one)
        alpha[n] = place
        trust[n] = length / (length + variance) * variance / (variance + np.float32(4) * astray) * seen
