"""The matting Laplacian of a band of pixels, and conjugate gradients on it: numba kernels, imported when first used.

The band is a list. `near` has the flat index of each unknown pixel and of all within 2 of one, in order. As everything
within 2 is in the list, unknown pixels side by side (a *run*) have their neighbours above and below side by side in it
too: a run knows its first place, its length, and the places of the pixels 2 above, 1 above, 1 below and 2 below its
first. So the innermost loops go along lists without asking where a pixel is, and the processor does several at once.

At the end of the list is room for a run and its neighbours that are in no photo, and at the start for two.

All lists have an entry for each place. The Laplacian is symmetric: `upper` (13 lists) has each pixel's own entry and
those of the 12 pixels that come after it, between unknown pixels; it is 0 elsewhere.

Work is shared in *parts*, whole runs each, so that what is summed in which order does not depend on the threads.
"""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

from imgflow.stages.matte.chroma import LUMA

REACH = 2
"""A pixel shares a 3 x 3 window with those up to this far away."""

SIDE = 2 * REACH + 1
ENTRIES = SIDE**2
"""Entries in a row of the Laplacian: the pixel's surroundings, row by row, itself in the middle."""

UPPER = ENTRIES // 2 + 1
"""Of them, those from the pixel itself on."""

PLACE, LENGTH = 0, 1
"""Columns of a run; then follow the four places above and below (`ABOVE` + 0 to 3)."""
ABOVE = 2


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
    colours = np.zeros((3, end - begin))
    for n in range(max(begin, REACH), end):
        if near[n] >= height * width:
            break
        y, x = near[n] // width, near[n] % width
        red, green, blue = rgb[y, x, 0] / 255.0, rgb[y, x, 1] / 255.0, rgb[y, x, 2] / 255.0
        luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
        colours[0, n - begin] = luma
        colours[1, n - begin] = chroma * (blue - luma)
        colours[2, n - begin] = chroma * (red - luma)
    mean, inverse = np.zeros((3, end - begin)), np.zeros((6, end - begin))
    start = np.searchsorted(windows[:, PLACE], np.searchsorted(near, (top - 1) * width))
    stop = np.searchsorted(windows[:, PLACE], np.searchsorted(near, (bottom + 2) * width))
    for r in range(start, stop):
        if 1 <= near[windows[r, PLACE]] // width <= height - 2:
            _measure_windows(colours, windows[r], begin, epsilon, mean, inverse)
    rows = np.empty((ENTRIES, max(1, runs[first:last, LENGTH].max())))
    weights = np.empty((4, rows.shape[1]))
    for r in range(first, last):
        _run_of_rows(colours, mean, inverse, near, runs[r], begin, height, width, weights, rows)
        place, length = runs[r, PLACE], runs[r, LENGTH]
        for n in range(length):
            product[place + n] = 0
        for k in range(ENTRIES):
            there = _row_place(runs[r], k // SIDE - REACH) + k % SIDE - REACH
            row, known, result = rows[k, :length], values[there : there + length], product[place : place + length]
            for n in range(np.uint64(length)):
                result[n] += np.float32(row[n]) * known[n]
        for k in range(UPPER):
            row, result = rows[k + UPPER - 1, :length], upper[k, place : place + length]
            for n in range(np.uint64(length)):
                result[n] = row[n]


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
def _run_of_rows(
    colours: Any,
    mean: Any,
    inverse: Any,
    near: Any,
    run: Any,
    begin: int,
    height: int,
    width: int,
    weights: Any,
    rows: Any,
) -> None:
    """The rows of a run's pixels into `rows` (25 x its length or more); `weights` (4 x as much) is for its own use."""
    length = run[LENGTH]
    y, x = near[run[PLACE]] // width, near[run[PLACE]] % width
    rows[:, :length] = 0
    here = run[PLACE] - begin
    i0, i1, i2 = colours[0, here : here + length], colours[1, here : here + length], colours[2, here : here + length]
    base, v0, v1, v2 = weights[0], weights[1], weights[2], weights[3]
    for dy in range(-1, 2):
        if not 1 <= y + dy <= height - 2:
            continue
        for dx in range(-1, 2):
            # Only windows that lie in the photo count.
            skipped = max(0, 1 - (x + dx))
            stop = min(length, width - 1 - (x + dx))
            if skipped >= stop:
                continue
            window = _row_place(run, dy) - begin + dx
            m0, m1, m2 = (
                mean[0, window : window + length],
                mean[1, window : window + length],
                mean[2, window : window + length],
            )
            inverses = inverse[:, window : window + length]
            for n in range(np.uint64(skipped), np.uint64(stop)):
                d0, d1, d2 = i0[n] - m0[n], i1[n] - m1[n], i2[n] - m2[n]
                w0 = inverses[0, n] * d0 + inverses[1, n] * d1 + inverses[2, n] * d2
                w1 = inverses[1, n] * d0 + inverses[3, n] * d1 + inverses[4, n] * d2
                w2 = inverses[2, n] * d0 + inverses[4, n] * d1 + inverses[5, n] * d2
                base[n] = (1 - w0 * m0[n] - w1 * m1[n] - w2 * m2[n]) / 9
                v0[n], v1[n], v2[n] = w0 / 9, w1 / 9, w2 / 9
            for ey in range(dy - 1, dy + 2):
                line = _row_place(run, ey) - begin
                for ex in range(dx - 1, dx + 2):
                    row = rows[(ey + REACH) * SIDE + ex + REACH]
                    j0, j1, j2 = (
                        colours[0, line + ex : line + ex + length],
                        colours[1, line + ex : line + ex + length],
                        colours[2, line + ex : line + ex + length],
                    )
                    for n in range(np.uint64(skipped), np.uint64(stop)):
                        row[n] -= base[n] + v0[n] * j0[n] + v1[n] * j1[n] + v2[n] * j2[n]
    own = rows[UPPER - 1]
    own[:length] = 0
    for k in range(ENTRIES):
        if k != UPPER - 1:
            row = rows[k]
            for n in range(np.uint64(length)):
                own[n] -= row[n]


@njit(cache=True, nogil=True, fastmath=True)
def multiply(upper: Any, runs: Any, parts: Any, first: int, last: int, values: Any, product: Any, totals: Any) -> None:
    """Laplacian times `values`, which are 0 where alpha is known, into `product`; what each part adds to the scalar
    product of the two into `totals`. Does the parts from `first` to `last`."""
    for part in range(first, last):
        total = 0.0
        for r in range(parts[part], parts[part + 1]):
            here, length = runs[r, PLACE], runs[r, LENGTH]
            result, v = product[here : here + length], values[here - 2 : here + length + 2]
            a, b, c = (
                upper[0, here : here + length],
                upper[1, here - 1 : here + length],
                upper[2, here - 2 : here + length],
            )
            for n in range(np.uint64(length)):
                result[n] = a[n] * v[n + 2] + b[n + 1] * v[n + 3] + c[n + 2] * v[n + 4] + b[n] * v[n + 1] + c[n] * v[n]
            for k in range(REACH):
                m, there = 3 + SIDE * k, runs[r, ABOVE + REACH + k]
                v = values[there - 2 : there + length + 2]
                a, b, c = (
                    upper[m, here : here + length],
                    upper[m + 1, here : here + length],
                    upper[m + 2, here : here + length],
                )
                d, e = upper[m + 3, here : here + length], upper[m + 4, here : here + length]
                for n in range(np.uint64(length)):
                    result[n] += a[n] * v[n] + b[n] * v[n + 1] + c[n] * v[n + 2] + d[n] * v[n + 3] + e[n] * v[n + 4]
                there = runs[r, ABOVE + REACH - 1 - k]
                v = values[there - 2 : there + length + 2]
                a, b, c = (
                    upper[m + 4, there - 2 : there + length - 2],
                    upper[m + 3, there - 1 : there + length - 1],
                    upper[m + 2, there : there + length],
                )
                d, e = upper[m + 1, there + 1 : there + length + 1], upper[m, there + 2 : there + length + 2]
                for n in range(np.uint64(length)):
                    result[n] += a[n] * v[n] + b[n] * v[n + 1] + c[n] * v[n + 2] + d[n] * v[n + 3] + e[n] * v[n + 4]
            own = values[here : here + length]
            along = np.float32(0)
            for n in range(np.uint64(length)):
                along += result[n] * own[n]
            total += along
        totals[part] = total


@njit(cache=True, nogil=True, fastmath=True)
def descend(
    runs: Any,
    parts: Any,
    first: int,
    last: int,
    step: float,
    direction: Any,
    product: Any,
    scale: Any,
    answer: Any,
    rest: Any,
    totals: Any,
) -> None:
    """One step along `direction`: changes `answer` and `rest`; `totals` gets the preconditioned square of the rest.

    `scale` is the preconditioner, one over the diagonal.
    """
    far = np.float32(step)
    for part in range(first, last):
        total = 0.0
        for r in range(parts[part], parts[part + 1]):
            begin, end = runs[r, PLACE], runs[r, PLACE] + runs[r, LENGTH]
            square = np.float32(0)
            for n in range(np.uint64(begin), np.uint64(end)):
                answer[n] += far * direction[n]
                left = rest[n] - far * product[n]
                rest[n] = left
                square += left * left * scale[n]
            total += square
        totals[part] = total


@njit(cache=True, nogil=True, fastmath=True)
def turn(runs: Any, parts: Any, first: int, last: int, keep: float, rest: Any, scale: Any, direction: Any) -> None:
    """The next direction: the preconditioned rest and `keep` times the last direction."""
    share = np.float32(keep)
    for r in range(parts[first], parts[last]):
        begin, end = runs[r, PLACE], runs[r, PLACE] + runs[r, LENGTH]
        for n in range(np.uint64(begin), np.uint64(end)):
            direction[n] = rest[n] * scale[n] + share * direction[n]
