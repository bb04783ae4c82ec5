"""Solving for alpha in the unknown band alone: the matting Laplacian of its pixels, by conjugate gradients."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.cores import usable_cores

EPSILON = 1e-6
"""Regularisation of the Laplacian, in squared colour (0 to 1). With the usual 1e-7 the blocks of JPEGs show as steps
where product and ground are nearly alike, and one scene of 71 has twice the error; with 1e-5 fur has more."""

PART = 16_384
"""Pixels of a part. Fixed, so that sums do not depend on the number of threads."""

MOST_THREADS = 4
"""Threads that share the parts."""


class Band(NamedTuple):
    """The unknown pixels of a photo, as lists (see `band_kernels`)."""

    near: NDArray[np.int32]
    """M flat indices: the unknown pixels and all within 2 of one; at either end are some of no pixel."""
    own: NDArray[np.int32]
    """N places in `near`: the unknown ones."""
    runs: NDArray[np.int32]
    """R x 6: runs of unknown pixels."""
    windows: NDArray[np.int32]
    """The same of all pixels within 1 of an unknown one."""

    def where(self) -> NDArray[np.int32]:
        """N flat indices of the unknown pixels."""
        return self.near[self.own]


def find_band(unknown: NDArray[np.bool_]) -> Band:
    """The band of an H x W mask."""
    import cv2

    from imgflow.stages.matte.closed_form.band_kernels import LENGTH, PLACE, REACH, count_runs, find_runs
    from imgflow.stages.matte.closed_form.gradient_kernels import LANES

    inside = unknown.view(np.uint8)
    beside = np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8)), np.uint8)
    surrounded = np.asarray(cv2.dilate(beside, np.ones((3, 3), np.uint8)), np.uint8)
    width = unknown.shape[1]
    listed = np.flatnonzero(surrounded.view(np.bool_))
    near = np.full(listed.size + width + 3 * REACH + LANES, unknown.size, np.int32)
    near[:REACH] = -1
    near[REACH : REACH + listed.size] = listed

    def runs_of(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
        pixels = mask.ravel()
        runs = np.empty((count_runs(near, pixels, width), 6), np.int32)
        find_runs(near, pixels, width, listed.size + 2 * REACH, runs)
        return runs

    runs = runs_of(inside)
    lengths = runs[:, LENGTH]
    own = np.repeat(runs[:, PLACE] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
    return Band(near, own.astype(np.int32), runs, runs_of(beside))


def solve_band(
    rgb: NDArray[np.uint8],
    band: Band,
    chroma: float,
    alpha: NDArray[np.float32],
    prior: NDArray[np.float32],
    weight: NDArray[np.float32],
    tolerance: float,
    most_iterations: int,
) -> tuple[NDArray[np.float32], int]:
    """Solves (L + W) alpha = W prior for the unknown pixels, the others being held.

    Conjugate gradients with the diagonal as preconditioner.

    Args:
        rgb: H x W x 3, uint8.
        band: of N unknown pixels.
        chroma: as `chroma.chroma_weight` tells.
        alpha: H x W, of the known pixels, and the first guess for the unknown ones.
        prior: N.
        weight: N, the diagonal of W; more than 0.
        tolerance: root mean square of the preconditioned rest, in alpha, at which it stops.
        most_iterations: at which it stops anyway.

    Returns:
        Alpha (N), and the number of iterations.
    """
    from imgflow.stages.matte.closed_form import band_kernels, gradient_kernels

    near, own, runs, windows = band
    parts = _parts(runs[:, band_kernels.LENGTH])
    count = len(parts) - 1
    totals = np.zeros(count)
    upper = np.zeros((band_kernels.UPPER, near.size), np.float32)
    product, rest, scale, direction = (np.zeros(near.size, np.float32) for _ in range(4))
    answer = alpha.ravel().take(near, mode="clip")
    threads = min(MOST_THREADS, usable_cores(), count)
    bounds = [count * thread // threads for thread in range(threads + 1)]
    with ThreadPoolExecutor(max_workers=max(1, threads - 1)) as pool:

        def everywhere(work: Callable[[int, int], Any]) -> float:
            """Has all parts done, from one to another by each thread, this one among them; returns the sum of `totals`.

            (Handing over takes as long as a step of a small photo.)
            """
            others = [pool.submit(work, *ends) for ends in pairwise(bounds[1:])]
            work(*bounds[:2])
            for other in others:
                other.result()
            return float(totals.sum())

        def assemble(first: int, last: int) -> None:
            for part in range(first, last):
                band_kernels.laplacian(
                    rgb, near, runs, windows, parts[part], parts[part + 1], EPSILON, chroma, answer, upper, product
                )

        everywhere(assemble)
        diagonal = upper[0, own] + weight
        upper[0, own] = diagonal
        scale[own] = 1 / diagonal
        rest[own] = weight * (prior - answer[own]) - product[own]
        direction[own] = rest[own] * scale[own]
        left = float((rest * direction).sum(dtype=np.float64))
        goal = tolerance**2 * float(diagonal.sum(dtype=np.float64))
        for iteration in range(most_iterations):
            if left <= goal:
                return answer[own], iteration
            along = everywhere(
                lambda a, b: gradient_kernels.multiply(upper, runs, parts, a, b, direction, product, totals)
            )
            step, before = left / along, left
            left = everywhere(
                lambda a, b, s=step: gradient_kernels.descend(
                    runs, parts, a, b, s, direction, product, scale, answer, rest, totals
                )
            )
            everywhere(
                lambda a, b, k=left / before: gradient_kernels.turn(runs, parts, a, b, k, rest, scale, direction)
            )
    return answer[own], most_iterations


def _parts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Runs at which the parts begin, and the end of the last."""
    ends = np.cumsum(lengths, dtype=np.int64)
    wanted = np.arange(1, max(1, round(int(ends[-1]) / PART)), dtype=np.int64) * PART
    return np.unique(np.concatenate([[0], np.searchsorted(ends, wanted), [len(lengths)]]))
