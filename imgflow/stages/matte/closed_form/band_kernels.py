"""The matting Laplacian of a band of pixels: numba kernels, imported when first used.

The band is a list. `near` has the flat index of each unknown pixel and of all within 2 of one, in order. As everything
within 2 is in the list, unknown pixels side by side (a *run*) have their neighbours above and below side by side in it
too: a run knows its first place, its length, and the places of the pixels 2 above, 1 above, 1 below and 2 below its
first. So the innermost loops go along lists without asking where a pixel is, and the processor does several at once.

At the end of the list is room for a run and its neighbours that are in no photo, and for some that are read and not
used; at the start for two.

All lists have an entry for each place. The Laplacian is symmetric: `upper` (13 lists) has each pixel's own entry and
those of the 12 pixels that come after it, between unknown pixels; it is 0 elsewhere.

Work is shared in *parts*, whole runs each, so that what is summed in which order does not depend on the threads.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types  # noqa: TID253 (this module is itself imported inside functions)
from numba.core import cgutils  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253
from numba.np.numpy_support import carray  # noqa: TID253

from imgflow.stages.matte.closed_form.chroma import LUMA

REACH = 2
"""A pixel shares a 3 x 3 window with those up to this far away."""

SIDE = 2 * REACH + 1
ENTRIES = SIDE**2
"""Entries in a row of the Laplacian: the pixel's surroundings, row by row, itself in the middle."""

UPPER = ENTRIES // 2 + 1
"""Of them, those from the pixel itself on."""

LANES = 8
"""Pixels of a run whose rows are made at the same time, in arrays of a fixed length that lie on the stack: so the
compiler knows that nothing else writes to them, and leaves no rest to be done one by one."""

TWO = np.uint64(2)

PLACE, LENGTH = 0, 1
"""Columns of a run; then follow the four places above and below (`ABOVE` + 0 to 3)."""
ABOVE = 2


@intrinsic
def _on_stack(typing: Any = None) -> Any:
    """As many float64 as `LANES` rows have entries, which live as long as the kernel runs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once(builder, ir.DoubleType(), size=ir.Constant(ir.IntType(64), ENTRIES * LANES))

    return types.CPointer(types.float64)(), generate


@njit(cache=True, nogil=True)
def count_runs(near: Any, inside: Any, width: int) -> int:
    """How many runs `find_runs` will find."""
    count = 0
    for n in range(REACH, near.size):
        pixel = near[n]
        if pixel >= inside.size:
            break
        if inside[pixel] and (pixel % width == 0 or not inside[pixel - 1]):
            count += 1
    return count


@njit(cache=True, nogil=True)
def find_runs(near: Any, inside: Any, width: int, nowhere: int, runs: Any) -> None:
    """Fills `runs` (R x 6): pixels of one row, side by side, that are `inside` (flat, uint8).

    `nowhere` is a place in the room at the end of the list: that of pixels above and below the photo.
    """
    count = -1
    for n in range(REACH, near.size):
        pixel = near[n]
        if pixel >= inside.size:
            break
        if not inside[pixel]:
            continue
        if pixel % width == 0 or not inside[pixel - 1]:
            count += 1
            runs[count, PLACE], runs[count, LENGTH] = n, 0
        runs[count, LENGTH] += 1
    for k, shift in enumerate((-2 * width, -width, width, 2 * width)):
        place = 0
        for r in range(len(runs)):
            wanted = near[runs[r, PLACE]] + shift
            runs[r, ABOVE + k] = nowhere
            if 0 <= wanted < inside.size:
                while near[place] < wanted:
                    place += 1
                runs[r, ABOVE + k] = place


@njit(cache=True, nogil=True)
def laplacian(
    rgb: Any,
    near: Any,
    runs: Any,
    windows: Any,
    first: int,
    last: int,
    epsilon: float,
    chroma: float,
    values: Any,
    upper: Any,
    product: Any,
) -> None:
    """The matting Laplacian (Levin, Lischinski and Weiss 2008, equation 12), and its product with `values`.

    Args:
        rgb: H x W x 3, uint8.
        near: the list of pixels.
        runs: of the unknown pixels.
        windows: runs of those and of all beside one: the middles of the 3 x 3 windows with an unknown pixel.
        first, last: the runs to do.
        epsilon: regularisation, in squared colour (0 to 1).
        chroma: weight of the colour differences B - Y and R - Y.
        values: of unknown and known pixels.
        upper, product: changed at the places of these runs.
    """
    height, width = rgb.shape[:2]
    top, bottom = near[runs[first, PLACE]] // width, near[runs[last - 1, PLACE]] // width
    begin = max(np.searchsorted(near, (top - REACH) * width) - REACH, 0)
    end = min(np.searchsorted(near, (bottom + REACH + 1) * width) + REACH, near.size)
    colours = np.zeros((3, end - begin + LANES))
    for n in range(max(begin, REACH), end):
        if near[n] >= height * width:
            break
        y, x = near[n] // width, near[n] % width
        red, green, blue = rgb[y, x, 0] / 255.0, rgb[y, x, 1] / 255.0, rgb[y, x, 2] / 255.0
        luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
        colours[0, n - begin] = luma
        colours[1, n - begin] = chroma * (blue - luma)
        colours[2, n - begin] = chroma * (red - luma)
    mean, inverse = np.zeros((3, colours.shape[1])), np.zeros((6, colours.shape[1]))
    start = np.searchsorted(windows[:, PLACE], np.searchsorted(near, (top - 1) * width))
    stop = np.searchsorted(windows[:, PLACE], np.searchsorted(near, (bottom + 2) * width))
    for r in range(start, stop):
        if 1 <= near[windows[r, PLACE]] // width <= height - 2:
            _measure_windows(colours, windows[r], begin, epsilon, mean, inverse)
    for r in range(first, last):
        for start in range(0, runs[r, LENGTH], LANES):
            _some_rows(colours, mean, inverse, near, runs[r], start, begin, height, width, values, upper, product)


@njit(cache=True, nogil=True)
def _row_place(run: Any, shift: int) -> int:
    """The place of the pixel `shift` rows below the run's first."""
    if shift == 0:
        return run[PLACE]
    return run[ABOVE + shift + (REACH if shift < 0 else REACH - 1)]


@njit(cache=True, nogil=True, fastmath=True)
def _measure_windows(colours: Any, run: Any, begin: int, epsilon: float, mean: Any, inverse: Any) -> None:
    """Mean colour, and inverse of the regularised covariance, of the 3 x 3 windows around a run's pixels."""
    place, length = run[PLACE] - begin, run[LENGTH]
    rows = (run[ABOVE + 1] - begin - 1, place - 1, run[ABOVE + 2] - begin - 1)
    s0, s1, s2 = mean[0, place : place + length], mean[1, place : place + length], mean[2, place : place + length]
    for there in rows:
        a, b, c = (
            colours[0, there : there + length + 2],
            colours[1, there : there + length + 2],
            colours[2, there : there + length + 2],
        )
        for n in range(np.uint64(length)):
            s0[n] += (a[n] + a[n + 1] + a[n + 2]) / 9
        for n in range(np.uint64(length)):
            s1[n] += (b[n] + b[n + 1] + b[n + 2]) / 9
        for n in range(np.uint64(length)):
            s2[n] += (c[n] + c[n + 1] + c[n + 2]) / 9
    covariance = inverse[:, place : place + length]
    for there in rows:
        for shift in range(3):
            start = there + shift
            a, b, c = (
                colours[0, start : start + length],
                colours[1, start : start + length],
                colours[2, start : start + length],
            )
            for n in range(np.uint64(length)):
                d0, d1, d2 = a[n] - s0[n], b[n] - s1[n], c[n] - s2[n]
                covariance[0, n] += d0 * d0
                covariance[1, n] += d0 * d1
                covariance[2, n] += d0 * d2
                covariance[3, n] += d1 * d1
                covariance[4, n] += d1 * d2
                covariance[5, n] += d2 * d2
    for n in range(np.uint64(length)):
        c00, c01, c02 = (covariance[0, n] + epsilon) / 9, covariance[1, n] / 9, covariance[2, n] / 9
        c11, c12, c22 = (covariance[3, n] + epsilon) / 9, covariance[4, n] / 9, (covariance[5, n] + epsilon) / 9
        m00, m01, m02 = c11 * c22 - c12 * c12, c02 * c12 - c01 * c22, c01 * c12 - c02 * c11
        scale = 1 / (c00 * m00 + c01 * m01 + c02 * m02)
        covariance[0, n], covariance[1, n], covariance[2, n] = m00 * scale, m01 * scale, m02 * scale
        covariance[3, n] = (c00 * c22 - c02 * c02) * scale
        covariance[4, n] = (c01 * c02 - c00 * c12) * scale
        covariance[5, n] = (c00 * c11 - c01 * c01) * scale


@njit(cache=True, nogil=True, fastmath=True)
def _some_rows(
    colours: Any,
    mean: Any,
    inverse: Any,
    near: Any,
    run: Any,
    start: int,
    begin: int,
    height: int,
    width: int,
    values: Any,
    upper: Any,
    product: Any,
) -> None:
    """The rows of up to `LANES` of a run's pixels from `start` on, into `upper` and `product`."""
    rows = carray(_on_stack(), ENTRIES * LANES)
    weights = carray(_on_stack(), 4 * LANES)
    base, v0, v1, v2 = weights[:LANES], weights[LANES:], weights[2 * LANES :], weights[3 * LANES :]
    rows[:] = 0
    size = np.uint64(colours.shape[1])
    colour, middle, share = colours.reshape(-1), mean.reshape(-1), inverse.reshape(-1)
    y, x = near[run[PLACE]] // width, near[run[PLACE]] % width + start
    here = np.uint64(run[PLACE] + start - begin)
    for dy in range(-1, 2):
        if not 1 <= y + dy <= height - 2:
            continue
        for dx in range(-1, 2):
            window = np.uint64(_row_place(run, dy) + start - begin + dx)
            for n in range(np.uint64(LANES)):
                at, i = window + n, here + n
                m0, m1, m2 = middle[at], middle[size + at], middle[TWO * size + at]
                d0, d1, d2 = colour[i] - m0, colour[size + i] - m1, colour[TWO * size + i] - m2
                s0, s1, s2 = share[at], share[size + at], share[TWO * size + at]
                s3, s4, s5 = (
                    share[np.uint64(3) * size + at],
                    share[np.uint64(4) * size + at],
                    share[np.uint64(5) * size + at],
                )
                w0, w1, w2 = s0 * d0 + s1 * d1 + s2 * d2, s1 * d0 + s3 * d1 + s4 * d2, s2 * d0 + s4 * d1 + s5 * d2
                # Only windows that lie in the photo count.
                ninth = 1 / 9 if 1 <= x + dx + np.int64(n) <= width - 2 else 0.0
                base[n] = (1 - w0 * m0 - w1 * m1 - w2 * m2) * ninth
                v0[n], v1[n], v2[n] = w0 * ninth, w1 * ninth, w2 * ninth
            for ey in range(dy - 1, dy + 2):
                line = _row_place(run, ey) + start - begin
                for ex in range(dx - 1, dx + 2):
                    at, k = np.uint64(line + ex), np.uint64(((ey + REACH) * SIDE + ex + REACH) * LANES)
                    for n in range(np.uint64(LANES)):
                        j = at + n
                        told = v0[n] * colour[j] + v1[n] * colour[size + j] + v2[n] * colour[TWO * size + j]
                        rows[k + n] -= base[n] + told
    own = rows[(UPPER - 1) * LANES :]
    own[:LANES] = 0
    for k in range(ENTRIES):
        if k != UPPER - 1:
            for n in range(np.uint64(LANES)):
                own[n] -= rows[np.uint64(k * LANES) + n]
    sums = weights[:LANES]
    sums[:] = 0
    for k in range(ENTRIES):
        there, row = np.uint64(_row_place(run, k // SIDE - REACH) + start + k % SIDE - REACH), np.uint64(k * LANES)
        for n in range(np.uint64(LANES)):
            sums[n] += rows[row + n] * values[there + n]
    place, count = np.uint64(run[PLACE] + start), min(run[LENGTH] - start, LANES)
    for n in range(np.uint64(count)):
        product[place + n] = sums[n]
    for k in range(UPPER):
        row, entries = np.uint64((k + UPPER - 1) * LANES), upper[k]
        for n in range(np.uint64(count)):
            entries[place + n] = rows[row + n]
