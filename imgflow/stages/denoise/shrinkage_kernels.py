"""Shrinkage of overlapping 8 x 8 blocks in the frequency domain: numba kernels, imported when first used.

Blocks start at every second pixel along both axes. The transform is separable and linear, so a row of blocks shares its
vertical transforms, and all blocks of a row are added up along x before the one vertical transform back. Pixels of even
and odd columns are kept apart (`halves`: H x 2 x W/2), so that each innermost loop runs over neighbours in memory, and
is vectorised.
"""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

SIDE = 8
"""Of a block, pixels."""

STEP = 2
"""From one block to the next, pixels."""

ONE, ZERO, TINY = np.float32(1), np.float32(0), np.float32(1e-6)


@njit(cache=True, nogil=True, fastmath=True)
def shrink(
    picture: Any,
    variance: Any,
    tones: Any,
    basis: Any,
    colour_step: int,
    most: float,
    least: float,
    knee: float,
    grain: float,
    out: Any,
) -> None:
    """Takes the noise out of the blocks of one picture.

    Each coefficient t of a block with noise variance v becomes t * max(0, 1 - c v / t²), the non-negative garrote
    (Breiman 1995, Gao 1998). c is `most` in blocks that hold hardly more than noise and falls to `least` in busy ones,
    where noise is masked and texture is at stake. Blocks that lost most weigh most where they overlap.

    Args:
        picture: H x W x 3, float32, H and W even: luma and two colour differences.
        variance: 3 x 64, float32: of the noise in each coefficient, before `tones`; a channel of zeros is copied.
        tones: 3 x 256, float32: factor for `variance` by the block's mean luma (first channel over sqrt(3)).
        basis: 8 x 4, float32: left half of the cosine transform's matrix.
        colour_step: from one row of blocks to the next in the colour differences, pixels; 2 or 4.
        most, least: the factor c.
        knee: a block whose energy is up to this many times that of the noise gets c = `most`.
        grain: least gain in luma; 0 to 1.
        out: H x W x 3, float32; filled. Pixels nearer than 6 to the border are in fewer blocks.
    """
    height, columns = picture.shape[0], picture.shape[1] // 2
    halves = np.empty((3, height, 2, columns), np.float32)
    for y in range(height):
        for i in range(columns):
            for channel in range(3):
                halves[channel, y, 0, i] = picture[y, 2 * i, channel]
                halves[channel, y, 1, i] = picture[y, 2 * i + 1, channel]
    sums = np.zeros((3, height, 2, columns), np.float32)
    count = columns - SIDE // 2 + 1
    mixed = np.zeros((SIDE, 2, columns), np.float32)
    coefficients = np.empty((SIDE * SIDE, count), np.float32)
    even, odd = np.empty(columns, np.float32), np.empty(columns, np.float32)
    energy, kept, factor = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    tone = np.empty(count, np.uint8)
    weights = np.zeros((3, height, columns), np.float32)
    across = np.zeros(columns, np.float32)
    high, low, bend = np.float32(most), np.float32(least), np.float32(knee)
    for y in range(0, height - SIDE + 1, STEP):
        for channel in range(3):
            if channel and (y % colour_step or not variance[channel].any()):
                continue
            _forth_columns(halves[channel], y, basis, mixed)
            _forth_rows(mixed, basis, coefficients)
            if channel == 0:
                scale = np.float32(1 / (SIDE * np.sqrt(3.0)))
                for i in range(count):
                    tone[i] = np.uint8(min(max(coefficients[0, i] * scale, ZERO), np.float32(255)))
            for i in range(count):
                factor[i] = tones[channel, tone[i]]
                energy[i] = ZERO
                kept[i] = ONE
            for q in range(1, SIDE * SIDE):
                share = ONE / (variance[channel, q] * np.float32(SIDE * SIDE - 1) + TINY)
                values = coefficients[q]
                for i in range(count):
                    energy[i] += values[i] * values[i] * share
            for i in range(count):
                quiet = min(ONE, bend * factor[i] / (energy[i] + TINY))
                factor[i] *= low + (high - low) * quiet * quiet
            floor = np.float32(grain) if channel == 0 else ZERO
            for q in range(1, SIDE * SIDE):
                noise = variance[channel, q]
                values = coefficients[q]
                for i in range(count):
                    gain = max(floor, ONE - noise * factor[i] / (values[i] * values[i] + TINY))
                    values[i] *= gain
                    kept[i] += gain * gain
            for i in range(count):
                kept[i] = ONE / kept[i]
            _back_rows(coefficients, kept, basis, even, odd, mixed)
            _back_columns(mixed, basis, y, even, odd, sums[channel])
            across[:] = 0
            for shift in range(SIDE // 2):
                shifted = across[shift:]
                for i in range(count):
                    shifted[i] += kept[i]
            for j in range(SIDE):
                row = weights[channel, y + j]
                for i in range(columns):
                    row[i] += across[i]
    for y in range(height):
        for channel in range(3):
            for i in range(columns):
                weight = weights[channel, y, i]
                for half in range(2):
                    cleaned = sums[channel, y, half, i] / weight if weight > ZERO else halves[channel, y, half, i]
                    out[y, 2 * i + half, channel] = cleaned


@njit(cache=True, nogil=True, fastmath=True)
def _forth_columns(halves: Any, y: int, basis: Any, mixed: Any) -> None:
    """Cosine transform along y of the rows from `y` on, for all columns."""
    for half in range(2):
        r0, r1, r2, r3 = halves[y, half], halves[y + 1, half], halves[y + 2, half], halves[y + 3, half]
        r4, r5, r6, r7 = halves[y + 4, half], halves[y + 5, half], halves[y + 6, half], halves[y + 7, half]
        for k in range(SIDE):
            a, b, c, d = basis[k, 0], basis[k, 1], basis[k, 2], basis[k, 3]
            row = mixed[k, half]
            if k % 2 == 0:
                for i in range(row.size):
                    row[i] = a * (r0[i] + r7[i]) + b * (r1[i] + r6[i]) + c * (r2[i] + r5[i]) + d * (r3[i] + r4[i])
            else:
                for i in range(row.size):
                    row[i] = a * (r0[i] - r7[i]) + b * (r1[i] - r6[i]) + c * (r2[i] - r5[i]) + d * (r3[i] - r4[i])


@njit(cache=True, nogil=True, fastmath=True)
def _forth_rows(mixed: Any, basis: Any, coefficients: Any) -> None:
    """Cosine transform along x for all blocks of a row; block i starts at column 2 i."""
    for k in range(SIDE):
        e, o = mixed[k, 0], mixed[k, 1]
        e0, e1, e2, e3, o0, o1, o2, o3 = e, e[1:], e[2:], e[3:], o, o[1:], o[2:], o[3:]
        for n in range(SIDE):
            a, b, c, d = basis[n, 0], basis[n, 1], basis[n, 2], basis[n, 3]
            row = coefficients[k * SIDE + n]
            if n % 2 == 0:
                for i in range(row.size):
                    row[i] = a * (e0[i] + o3[i]) + b * (o0[i] + e3[i]) + c * (e1[i] + o2[i]) + d * (o1[i] + e2[i])
            else:
                for i in range(row.size):
                    row[i] = a * (e0[i] - o3[i]) + b * (o0[i] - e3[i]) + c * (e1[i] - o2[i]) + d * (o1[i] - e2[i])


@njit(cache=True, nogil=True, fastmath=True)
def _back_rows(coefficients: Any, weights: Any, basis: Any, even: Any, odd: Any, mixed: Any) -> None:
    """Transform back along x, and the weighted sum over the blocks of the row."""
    count = coefficients.shape[1]
    mixed[:] = 0
    for k in range(SIDE):
        block = coefficients[k * SIDE : (k + 1) * SIDE]
        c0, c1, c2, c3, c4, c5, c6, c7 = (
            block[0],
            block[1],
            block[2],
            block[3],
            block[4],
            block[5],
            block[6],
            block[7],
        )
        for j in range(SIDE // 2):
            _halves(c0, c1, c2, c3, c4, c5, c6, c7, basis[:, j], count, even, odd)
            near, far = mixed[k, j % 2, j // 2 :], mixed[k, 1 - j % 2, (SIDE - 1 - j) // 2 :]
            for i in range(count):
                near[i] += (even[i] + odd[i]) * weights[i]
            for i in range(count):
                far[i] += (even[i] - odd[i]) * weights[i]


@njit(cache=True, nogil=True, fastmath=True)
def _back_columns(mixed: Any, basis: Any, y: int, even: Any, odd: Any, out: Any) -> None:
    """Transform back along y, added to the rows from `y` on."""
    columns = mixed.shape[2]
    for half in range(2):
        c0, c1, c2, c3 = mixed[0, half], mixed[1, half], mixed[2, half], mixed[3, half]
        c4, c5, c6, c7 = mixed[4, half], mixed[5, half], mixed[6, half], mixed[7, half]
        for j in range(SIDE // 2):
            _halves(c0, c1, c2, c3, c4, c5, c6, c7, basis[:, j], columns, even, odd)
            near, far = out[y + j, half], out[y + SIDE - 1 - j, half]
            for i in range(columns):
                near[i] += even[i] + odd[i]
            for i in range(columns):
                far[i] += even[i] - odd[i]


@njit(cache=True, nogil=True, fastmath=True)
def _halves(
    c0: Any, c1: Any, c2: Any, c3: Any, c4: Any, c5: Any, c6: Any, c7: Any, basis: Any, count: int, even: Any, odd: Any
) -> None:
    """What even and odd frequencies give at one of the first four places; sum and difference are it and its mirror."""
    b0, b1, b2, b3, b4, b5, b6, b7 = (
        basis[0],
        basis[1],
        basis[2],
        basis[3],
        basis[4],
        basis[5],
        basis[6],
        basis[7],
    )
    for i in range(count):
        even[i] = b0 * c0[i] + b2 * c2[i] + b4 * c4[i] + b6 * c6[i]
        odd[i] = b1 * c1[i] + b3 * c3[i] + b5 * c5[i] + b7 * c7[i]
