"""The matting Laplacian of a band of pixels, and conjugate gradients on it: numba kernels, imported when first used.

The band is a list. `near` has the flat index of each unknown pixel and of all within 2 of one, in order; `own` is where
the unknown ones stand in that list; `beside` is where the pixels 2 above, 1 above, 1 below and 2 below stand. As
everything within 2 is in the list, the pixels left and right of any of these stand left and right of it in the list.
Two of no pixel stand at either end (-1, and the number of pixels), so that no reading leaves the list.

A kernel works on the unknown pixels from `start` to `stop`, so that threads can share the work.
"""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

REACH = 2
"""A pixel shares a 3 x 3 window with those up to this far away."""

ENTRIES = (2 * REACH + 1) ** 2
"""Entries in a row of the Laplacian: the pixel's surroundings, row by row, itself in the middle."""

FIVE, TEN, FIFTEEN, TWENTY = np.uint64(5), np.uint64(10), np.uint64(15), np.uint64(20)
# Unsigned, as all indices in the innermost loops: numba would test signed ones for counting from the end.


@njit(cache=True, nogil=True)
def neighbours(near: Any, own: Any, width: int, pixels: int, beside: Any) -> None:
    """Fills `beside` (N x 4) by walking along `near` once for each; above or below the photo it is the pixel itself."""
    for k, shift in enumerate((-2 * width, -width, width, 2 * width)):
        place = 0
        for n in range(own.size):
            wanted = near[own[n]] + shift
            if wanted < 0 or wanted >= pixels:
                beside[n, k] = own[n]
                continue
            while near[place] < wanted:
                place += 1
            beside[n, k] = place


@njit(cache=True, nogil=True)
def laplacian(rgb: Any, near: Any, own: Any, beside: Any, start: int, stop: int, epsilon: float, rows: Any) -> None:
    """Rows of the matting Laplacian (Levin, Lischinski and Weiss 2008, equation 12) into `rows` (N x 25, float32)."""
    height, width = rgb.shape[:2]
    first = max(min(beside[start, 1], own[start]) - 1, 0)
    last = min(max(beside[stop - 1, 2], own[stop - 1]) + 2, near.size)
    mean = np.empty((last - first, 3))
    inverse = np.empty((last - first, 6))
    for n in range(first, last):
        y, x = near[n] // width, near[n] % width
        if y < 1 or y > height - 2 or x < 1 or x > width - 2:
            continue
        s0 = s1 = s2 = 0.0
        c00 = c01 = c02 = c11 = c12 = c22 = 0.0
        for ny in range(y - 1, y + 2):
            for nx in range(x - 1, x + 2):
                v, u = np.uint64(ny), np.uint64(nx)
                a, b, c = rgb[v, u, 0] / 255.0, rgb[v, u, 1] / 255.0, rgb[v, u, 2] / 255.0
                s0, s1, s2 = s0 + a, s1 + b, s2 + c
                c00, c01, c02 = c00 + a * a, c01 + a * b, c02 + a * c
                c11, c12, c22 = c11 + b * b, c12 + b * c, c22 + c * c
        s0, s1, s2 = s0 / 9, s1 / 9, s2 / 9
        c00, c01, c02 = (c00 + epsilon) / 9 - s0 * s0, c01 / 9 - s0 * s1, c02 / 9 - s0 * s2
        c11, c12, c22 = (c11 + epsilon) / 9 - s1 * s1, c12 / 9 - s1 * s2, (c22 + epsilon) / 9 - s2 * s2
        m00, m01, m02 = c11 * c22 - c12 * c12, c02 * c12 - c01 * c22, c01 * c12 - c02 * c11
        scale = 1 / (c00 * m00 + c01 * m01 + c02 * m02)
        m = n - first
        mean[m, 0], mean[m, 1], mean[m, 2] = s0, s1, s2
        inverse[m, 0], inverse[m, 1], inverse[m, 2] = m00 * scale, m01 * scale, m02 * scale
        inverse[m, 3] = (c00 * c22 - c02 * c02) * scale
        inverse[m, 4] = (c01 * c02 - c00 * c12) * scale
        inverse[m, 5] = (c00 * c11 - c01 * c01) * scale
    row = np.empty(ENTRIES)
    for n in range(start, stop):
        y, x = near[own[n]] // width, near[own[n]] % width
        i0, i1, i2 = rgb[y, x, 0] / 255.0, rgb[y, x, 1] / 255.0, rgb[y, x, 2] / 255.0
        row[:] = 0
        for dy in range(-1, 2):
            middle = own[n] if dy == 0 else beside[n, 1 if dy < 0 else 2]
            for dx in range(-1, 2):
                if y + dy < 1 or y + dy > height - 2 or x + dx < 1 or x + dx > width - 2:
                    continue
                m = middle + dx - first
                d0, d1, d2 = i0 - mean[m, 0], i1 - mean[m, 1], i2 - mean[m, 2]
                v0 = inverse[m, 0] * d0 + inverse[m, 1] * d1 + inverse[m, 2] * d2
                v1 = inverse[m, 1] * d0 + inverse[m, 3] * d1 + inverse[m, 4] * d2
                v2 = inverse[m, 2] * d0 + inverse[m, 4] * d1 + inverse[m, 5] * d2
                base = 1 - v0 * mean[m, 0] - v1 * mean[m, 1] - v2 * mean[m, 2]
                v0, v1, v2 = v0 / 255.0, v1 / 255.0, v2 / 255.0
                for ey in range(dy - 1, dy + 2):
                    for ex in range(dx - 1, dx + 2):
                        v, u = np.uint64(y + ey), np.uint64(x + ex)
                        share = base + v0 * rgb[v, u, 0] + v1 * rgb[v, u, 1] + v2 * rgb[v, u, 2]
                        row[(ey + 2) * 5 + ex + 2] -= share / 9
        row[12] = 0
        row[12] = -row.sum()
        for k in range(ENTRIES):
            rows[n, k] = row[k]


@njit(cache=True, nogil=True, fastmath=True)
def multiply(rows: Any, own: Any, beside: Any, start: int, stop: int, values: Any, product: Any) -> float:
    """Laplacian times `values` (one for each of `near`) into `product` (N); its scalar product with `values`."""
    total = 0.0
    for n in range(start, stop):
        here = np.uint64(own[n] - REACH)
        a, b = np.uint64(beside[n, 0] - REACH), np.uint64(beside[n, 1] - REACH)
        c, d = np.uint64(beside[n, 2] - REACH), np.uint64(beside[n, 3] - REACH)
        summed = np.float32(0)
        for column in range(2 * REACH + 1):
            k = np.uint64(column)
            summed += (
                rows[n, k] * values[a + k]
                + rows[n, k + FIVE] * values[b + k]
                + rows[n, k + TEN] * values[here + k]
                + rows[n, k + FIFTEEN] * values[c + k]
                + rows[n, k + TWENTY] * values[d + k]
            )
        product[n] = summed
        total += values[own[n]] * summed
    return total


@njit(cache=True, nogil=True, fastmath=True)
def descend(
    start: int, stop: int, step: float, own: Any, direction: Any, product: Any, diagonal: Any, answer: Any, rest: Any
) -> float:
    """One step along `direction`: changes `answer` and `rest`; returns the preconditioned square of the new rest."""
    length = np.float32(step)
    total = 0.0
    for n in range(start, stop):
        answer[n] += length * direction[own[n]]
        rest[n] -= length * product[n]
        total += rest[n] * rest[n] / diagonal[n]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def turn(start: int, stop: int, keep: float, own: Any, rest: Any, diagonal: Any, direction: Any) -> None:
    """The next direction: the preconditioned rest and `keep` times the last direction."""
    share = np.float32(keep)
    for n in range(start, stop):
        direction[own[n]] = rest[n] / diagonal[n] + share * direction[own[n]]
