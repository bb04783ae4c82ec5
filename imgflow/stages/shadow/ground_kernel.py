"""The ground of a large photo gets its light back, pixel by pixel: a numba kernel, imported when first used."""

import math
from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

LIFT, SHADED, AWAY, PRODUCT, FIELDS = 0, 3, 6, 7, 10
"""Where each begins among the channels of `fields`."""

THING = np.float32(0.3)
"""Natural logarithm: from here on a pixel on the ground is a thing that the segmenter missed, such as a thin part."""

ALIKE = np.float32(16.0)
"""Grey levels: where ground and product differ by less than this, the segmenter's edge tells them apart."""

STRANGE = np.float32(24.0)
"""Grey levels off the line from the ground's colour to the product's, from which on a pixel is neither's mixture."""

MIXED = np.float32(0.25), np.float32(0.75)
"""Way from the ground's colour to the product's up to which a pixel is ground alone, grain and all; and from which on
it is product."""

TONE = np.log(np.arange(256, dtype=np.float32) + 1)
"""Natural logarithm of each grey level plus 1."""


@njit(cache=True, nogil=True)
def lift_rows(rgb: Any, fields: Any, active: Any, tone: Any, thing: Any, first: int, last: int) -> None:
    """Multiplies what is ground by what its small copy says; changes the rows from `first` to `last` of `rgb`.

    Beyond the unsure band about the product's edge a pixel is ground unless it is quite unlike the ground there. In the
    band its colour is taken for a mixture of ground and product, and only the ground's share is lit.

    Args:
        rgb: H x W x 3, uint8; changed.
        fields: h x w x 10, float32: factor minus 1 of each channel; logarithm of the smooth ground; distance from the
            segmenter's edge in half widths of the band, negative inside; the product's colour.
        active: h x w, uint8, 0 where no pixel changes.
        tone: 256, float32, logarithm of each grey level plus 1.
        thing: how unlike a pixel must be, natural logarithm.
        first, last: rows.
    """
    height, width = rgb.shape[:2]
    small_height, small_width = active.shape
    down, across = np.float32(small_height / height), np.float32(small_width / width)
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    v = np.empty(10, np.float32)
    for y in range(first, last):
        place = (y + half) * down - half
        y0 = min(max(math.floor(place), 0), small_height - 1)
        y1 = min(y0 + 1, small_height - 1)
        fy = min(max(place - y0, zero), one)
        for x in range(width):
            place = (x + half) * across - half
            x0 = min(max(math.floor(place), 0), small_width - 1)
            if not active[y0, x0]:
                continue
            x1 = min(x0 + 1, small_width - 1)
            fx = min(max(place - x0, zero), one)
            a, b, c, d = (one - fy) * (one - fx), (one - fy) * fx, fy * (one - fx), fy * fx
            for k in range(7):
                v[k] = a * fields[y0, x0, k] + b * fields[y0, x1, k] + c * fields[y1, x0, k] + d * fields[y1, x1, k]
            away = v[6]
            if away <= -one:
                continue
            share = one
            if away < one:
                length, along = zero, zero
                for k in range(3):
                    p = k + 7
                    v[p] = a * fields[y0, x0, p] + b * fields[y0, x1, p] + c * fields[y1, x0, p] + d * fields[y1, x1, p]
                    ground = np.float32(math.exp(v[k + 3])) - one
                    length += (v[p] - ground) * (v[p] - ground)
                    along += (rgb[y, x, k] - ground) * (v[p] - ground)
                along = min(max(along / max(length, one), zero), one)
                mixed = min(max((along - MIXED[0]) / (MIXED[1] - MIXED[0]), zero), one)
                off = zero
                for k in range(3):
                    ground = np.float32(math.exp(v[k + 3])) - one
                    rest = rgb[y, x, k] - ground - along * (v[k + 7] - ground)
                    off += rest * rest
                trust = length / (length + ALIKE * ALIKE)
                behind = min(max(half - half * away, zero), one)
                share = one - (trust * mixed + (one - trust) * behind)
                share *= min(max(np.float32(2) - np.float32(math.sqrt(off)) / STRANGE, zero), one)
                share *= min(one + away, one)
            else:
                unlike = zero
                for k in range(3):
                    unlike = max(unlike, abs(tone[rgb[y, x, k]] - v[k + 3]))
                share = min(max(np.float32(2) - unlike / thing, zero), one)
            if share <= zero:
                continue
            for k in range(3):
                old = np.float32(rgb[y, x, k])
                new = old + share * v[k] * old
                rgb[y, x, k] = np.uint8(min(max(new + half, zero), np.float32(255)))
