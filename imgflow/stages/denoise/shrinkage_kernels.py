"""Shrinkage of overlapping 8 x 8 blocks in the frequency domain: numba kernels, imported when first used.

Blocks start at every second pixel along both axes. Up to `LANES` neighbours of a row of blocks are worked on side by
side: each innermost loop does the same to all of them and is vectorised, and what they need stays in the processor's
nearest cache. They share their vertical transforms, and are added up along x before the one vertical transform back.

A row of `LANES` blocks covers `LANES` + 3 pairs of columns. Even and odd columns are kept apart, so that neighbours in
a loop are neighbours in memory: pixel 2 i + j of block i is in pair i + j // 2, half j % 2.

Buffers are flat, and all lengths in them are constants: so the compiler knows that what a loop reads and what it writes
do not overlap. A division by zero must not raise (`error_model`): the test alone would keep a loop from being
vectorised. All is in this one file, because numba's cache does not see changes in another.
"""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

SIDE = 8
"""Of a block, pixels."""

STEP = 2
"""From one block to the next, pixels."""

LANES = 64
"""Blocks side by side. Their coefficients take 16 kB."""

PAD = 8
"""Places of nothing before and behind the blocks."""

PITCH = LANES + 2 * PAD
"""Length of a buffer's row."""

ROW = 2 * PITCH
"""Length of a row of pixels or frequencies, even and odd columns."""

A = np.float32(np.sqrt(1 / 8))
B2, B6 = np.float32(np.cos(np.pi / 8) / 2), np.float32(np.cos(3 * np.pi / 8) / 2)
C1, C3 = np.float32(np.cos(np.pi / 16) / 2), np.float32(np.cos(3 * np.pi / 16) / 2)
C5, C7 = np.float32(np.cos(5 * np.pi / 16) / 2), np.float32(np.cos(7 * np.pi / 16) / 2)
"""Factors of the orthonormal cosine transform (DCT-II) of eight values."""

ONE, ZERO, TINY = np.float32(1), np.float32(0), np.float32(1e-6)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def shrink(
    picture: Any,
    skipped: int,
    variance: Any,
    tones: Any,
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
        picture: H x W x 3, float32: luma and two colour differences.
        skipped: pixels at each side that are left out; what is left must be even along both axes.
        variance: 3 x 64, float32: of the noise in each coefficient, before `tones`; a channel of zeros is copied.
        tones: 3 x 256, float32: factor for `variance` by the block's mean luma (first channel over sqrt(3)).
        colour_step: from one row of blocks to the next in the colour differences, pixels; 2 or 4.
        most, least: the factor c.
        knee: a block whose energy is up to this many times that of the noise gets c = `most`.
        grain: least gain in luma; 0 to 1.
        out: float32, filled: `picture` without what is skipped. Pixels nearer than 6 to its border are in fewer blocks.
    """
    height, columns = out.shape[0], out.shape[1] // 2
    halves = np.empty((3, height, 2, columns), np.float32)
    for y in range(height):
        for i in range(columns):
            for channel in range(3):
                halves[channel, y, 0, i] = picture[skipped + y, skipped + 2 * i, channel]
                halves[channel, y, 1, i] = picture[skipped + y, skipped + 2 * i + 1, channel]
    sums = np.zeros((3, height, 2, columns), np.float32)
    count = columns - SIDE // 2 + 1
    tone = np.empty(count, np.uint8)
    across = np.zeros((3, height // STEP, columns), np.float32)
    rows, mixed = np.zeros(SIDE * 2 * PITCH, np.float32), np.zeros(SIDE * 2 * PITCH, np.float32)
    coefficients = np.empty(SIDE * SIDE * LANES, np.float32)
    places = np.zeros(SIDE * SIDE * PITCH, np.float32)
    energy, factor = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    kept = np.empty(LANES, np.float32)
    weight = np.zeros(PITCH, np.float32)
    shares = ONE / (variance * np.float32(SIDE * SIDE - 1) + TINY)
    noise = variance.copy()
    shares[:, 0] = ZERO  # a block's mean is the photo's
    noise[:, 0] = ZERO
    high, low, bend = np.float32(most), np.float32(least), np.float32(knee)
    scale = np.float32(1 / (SIDE * np.sqrt(3.0)))
    for y in range(0, height - SIDE + 1, STEP):
        for channel in range(3):
            if channel and (y % colour_step or not variance[channel].any()):
                continue
            floor = np.float32(grain) if channel == 0 else ZERO
            for start in range(0, count, LANES):
                lanes = min(LANES, count - start)
                width = lanes + SIDE // 2 - 1
                for j in range(SIDE):
                    for half in range(2):
                        source = halves[channel, y + j, half, start : start + width]
                        copy = rows[(2 * j + half) * PITCH : (2 * j + half) * PITCH + width]
                        for i in range(width):
                            copy[i] = source[i]
                _forth_along_y(rows, mixed)
                energy[:] = ZERO
                _forth_along_x(mixed, shares[channel], coefficients, energy)
                here = tone[start : start + lanes]
                if channel == 0:
                    for i in range(lanes):
                        here[i] = np.uint8(min(max(coefficients[i] * scale, ZERO), np.float32(255)))
                level = tones[channel]
                for i in range(lanes):
                    factor[i] = level[here[i]]
                for i in range(LANES):
                    quiet = min(ONE, bend * factor[i] / (energy[i] + TINY))
                    factor[i] *= low + (high - low) * quiet * quiet
                kept[:] = ZERO
                _back_along_x(coefficients, noise[channel], factor, floor, kept, places)
                for i in range(lanes):
                    weight[PAD + i] = ONE / kept[i]
                for i in range(lanes, LANES):
                    weight[PAD + i] = ZERO
                _back_along_y(places, weight, mixed, rows)
                for j in range(SIDE):
                    for half in range(2):
                        total = sums[channel, y + j, half, start : start + width]
                        more = rows[(2 * j + half) * PITCH : (2 * j + half) * PITCH + width]
                        for i in range(width):
                            total[i] += more[i]
                total = across[channel, y // STEP, start : start + width]
                for i in range(width):
                    total[i] += weight[PAD + i] + weight[PAD + i - 1] + weight[PAD + i - 2] + weight[PAD + i - 3]
    weights = np.empty(columns, np.float32)
    for y in range(height):
        for channel in range(3):
            weights[:] = ZERO
            for place in range(max(0, y - SIDE + STEP) // STEP, min(y, height - SIDE) // STEP + 1):
                row = across[channel, place]
                for i in range(columns):
                    weights[i] += row[i]
            is_covered = weights[0] > ZERO
            for i in range(columns):
                weights[i] = ONE / weights[i] if is_covered else ONE
            for half in range(2):
                total = sums[channel, y, half] if is_covered else halves[channel, y, half]
                for i in range(columns):
                    out[y, 2 * i + half, channel] = total[i] * weights[i]


@njit(inline="always")
def _forth(x0: Any, x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any) -> Any:
    """Eight coefficients from eight values."""
    s0, s1, s2, s3 = x0 + x7, x1 + x6, x2 + x5, x3 + x4
    d0, d1, d2, d3 = x0 - x7, x1 - x6, x2 - x5, x3 - x4
    t0, t1, u0, u1 = s0 + s3, s1 + s2, s0 - s3, s1 - s2
    return (
        A * (t0 + t1),
        C1 * d0 + C3 * d1 + C5 * d2 + C7 * d3,
        B2 * u0 + B6 * u1,
        C3 * d0 - C7 * d1 - C1 * d2 - C5 * d3,
        A * (t0 - t1),
        C5 * d0 - C1 * d1 + C7 * d2 + C3 * d3,
        B6 * u0 - B2 * u1,
        C7 * d0 - C5 * d1 + C3 * d2 - C1 * d3,
    )


@njit(inline="always")
def _back(c0: Any, c1: Any, c2: Any, c3: Any, c4: Any, c5: Any, c6: Any, c7: Any) -> Any:
    """Eight values from eight coefficients."""
    t0, t1 = A * (c0 + c4), A * (c0 - c4)
    u0, u1 = B2 * c2 + B6 * c6, B6 * c2 - B2 * c6
    s0, s1, s2, s3 = t0 + u0, t1 + u1, t1 - u1, t0 - u0
    d0 = C1 * c1 + C3 * c3 + C5 * c5 + C7 * c7
    d1 = C3 * c1 - C7 * c3 - C1 * c5 - C5 * c7
    d2 = C5 * c1 - C1 * c3 + C7 * c5 + C3 * c7
    d3 = C7 * c1 - C5 * c3 + C3 * c5 - C1 * c7
    return s0 + d0, s1 + d1, s2 + d2, s3 + d3, s3 - d3, s2 - d2, s1 - d1, s0 - d0


@njit(inline="always", error_model="numpy")
def _reciprocals(r0: Any, r1: Any, r2: Any, r3: Any) -> Any:
    """Of four numbers, with one division: divisions take longer than all else here."""
    low, high = r0 * r1, r2 * r3
    both = ONE / (low * high)
    low, high = low * both, high * both
    return r1 * high, r0 * high, r3 * low, r2 * low


@njit(inline="always")
def _read(x: Any, pitch: Any, i: Any) -> Any:
    """Eight values, `pitch` apart."""
    return (
        x[i],
        x[pitch + i],
        x[2 * pitch + i],
        x[3 * pitch + i],
        x[4 * pitch + i],
        x[5 * pitch + i],
        x[6 * pitch + i],
        x[7 * pitch + i],
    )


@njit(inline="always")
def _write(x: Any, pitch: Any, i: Any, values: Any) -> None:
    """Eight values, `pitch` apart."""
    v0, v1, v2, v3, v4, v5, v6, v7 = values
    x[i] = v0
    x[pitch + i] = v1
    x[2 * pitch + i] = v2
    x[3 * pitch + i] = v3
    x[4 * pitch + i] = v4
    x[5 * pitch + i] = v5
    x[6 * pitch + i] = v6
    x[7 * pitch + i] = v7


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forth_along_y(rows: Any, mixed: Any) -> None:
    """Of all columns: `rows` and `mixed` are 8 x 2 x `PITCH`, a row of pixels or of frequencies each."""
    for half in range(2):
        x, c = rows[half * PITCH :], mixed[half * PITCH :]
        for i in range(LANES + PAD):
            x0, x1, x2, x3, x4, x5, x6, x7 = _read(x, ROW, i)
            _write(c, ROW, i, _forth(x0, x1, x2, x3, x4, x5, x6, x7))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forth_along_x(mixed: Any, shares: Any, coefficients: Any, energy: Any) -> None:
    """Of all blocks: `coefficients` (64 x `LANES`), and to `energy` (`LANES`) is added the sum of their squares, each
    times its place's of `shares` (64)."""
    for k in range(SIDE):
        e, o, c = mixed[k * ROW :], mixed[k * ROW + PITCH :], coefficients[SIDE * k * LANES :]
        s0, s1, s2, s3, s4, s5, s6, s7 = _read(shares[SIDE * k :], 1, 0)
        for i in range(LANES):
            c0, c1, c2, c3, c4, c5, c6, c7 = _forth(
                e[i], o[i], e[i + 1], o[i + 1], e[i + 2], o[i + 2], e[i + 3], o[i + 3]
            )
            _write(c, LANES, i, (c0, c1, c2, c3, c4, c5, c6, c7))
            low = c0 * c0 * s0 + c1 * c1 * s1 + c2 * c2 * s2 + c3 * c3 * s3
            energy[i] += low + c4 * c4 * s4 + c5 * c5 * s5 + c6 * c6 * s6 + c7 * c7 * s7


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _back_along_x(coefficients: Any, noise: Any, factor: Any, floor: Any, kept: Any, places: Any) -> None:
    """Shrinks all coefficients t to t * max(floor, 1 - factor noise / t²), and transforms them back along x.

    Args:
        coefficients: 64 x `LANES`.
        noise: 64.
        factor: `LANES`.
        floor: least gain.
        kept: `LANES`; the sum of the squared gains is added.
        places: 8 frequencies along y x 8 pixels along x x `PITCH`; filled from `PAD` on.
    """
    for k in range(SIDE):
        c, x = coefficients[SIDE * k * LANES :], places[SIDE * k * PITCH + PAD :]
        n0, n1, n2, n3, n4, n5, n6, n7 = _read(noise[SIDE * k :], 1, 0)
        for i in range(LANES):
            c0, c1, c2, c3, c4, c5, c6, c7 = _read(c, LANES, i)
            f = factor[i]
            g0, g1, g2, g3 = _reciprocals(c0 * c0 + TINY, c1 * c1 + TINY, c2 * c2 + TINY, c3 * c3 + TINY)
            g4, g5, g6, g7 = _reciprocals(c4 * c4 + TINY, c5 * c5 + TINY, c6 * c6 + TINY, c7 * c7 + TINY)
            g0, g1 = max(floor, ONE - n0 * f * g0), max(floor, ONE - n1 * f * g1)
            g2, g3 = max(floor, ONE - n2 * f * g2), max(floor, ONE - n3 * f * g3)
            g4, g5 = max(floor, ONE - n4 * f * g4), max(floor, ONE - n5 * f * g5)
            g6, g7 = max(floor, ONE - n6 * f * g6), max(floor, ONE - n7 * f * g7)
            kept[i] += g0 * g0 + g1 * g1 + g2 * g2 + g3 * g3 + g4 * g4 + g5 * g5 + g6 * g6 + g7 * g7
            _write(x, PITCH, i, _back(c0 * g0, c1 * g1, c2 * g2, c3 * g3, c4 * g4, c5 * g5, c6 * g6, c7 * g7))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _back_along_y(places: Any, weight: Any, mixed: Any, rows: Any) -> None:
    """The weighted sum of all blocks, transformed back along y.

    Args:
        places: as `_back_along_x` leaves them; nothing but zeros in the pads.
        weight: `PITCH`; of the blocks, from `PAD` on; zeros in the pads.
        mixed: scratch, 8 x 2 x `PITCH`.
        rows: 8 x 2 x `PITCH`; filled with the pixels.
    """
    for k in range(SIDE):
        for half in range(2):
            x, c = places[(SIDE * k + half) * PITCH :], mixed[k * ROW + half * PITCH :]
            for i in range(LANES + PAD):
                near = x[PAD + i] * weight[PAD + i] + x[ROW + PAD - 1 + i] * weight[PAD - 1 + i]
                far = x[2 * ROW + PAD - 2 + i] * weight[PAD - 2 + i] + x[3 * ROW + PAD - 3 + i] * weight[PAD - 3 + i]
                c[i] = near + far
    for half in range(2):
        c, x = mixed[half * PITCH :], rows[half * PITCH :]
        for i in range(LANES + PAD):
            c0, c1, c2, c3, c4, c5, c6, c7 = _read(c, ROW, i)
            _write(x, ROW, i, _back(c0, c1, c2, c3, c4, c5, c6, c7))
