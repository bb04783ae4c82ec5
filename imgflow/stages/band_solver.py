"""Solving for alpha in the unknown band alone: the matting Laplacian of its pixels, by conjugate gradients."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.cores import usable_cores

EPSILON = 1e-5
"""Regularisation of the Laplacian, in squared colour (0 to 1)."""

CHUNK = 32_768
"""Pixels that a thread works on at a time. Fixed, so that sums do not depend on the number of threads."""

MOST_THREADS = 4
"""Chunks worked on at the same time."""


class Band(NamedTuple):
    """The unknown pixels of a photo, as lists (see `band_kernels`)."""

    near: NDArray[np.int32]
    """M flat indices: the unknown pixels and all within 2 of one; at either end two which are of no pixel."""
    own: NDArray[np.int32]
    """N places in `near`: the unknown ones."""
    beside: NDArray[np.int32]
    """N x 4 places in `near`: 2 above, 1 above, 1 below, 2 below."""


def find_band(unknown: NDArray[np.bool_]) -> Band:
    """The band of an H x W mask."""
    import cv2

    from imgflow.stages.band_kernels import REACH, neighbours

    side = 2 * REACH + 1
    surrounded = cv2.dilate(unknown.view(np.uint8), np.ones((side, side), np.uint8))
    near = np.pad(np.flatnonzero(surrounded), REACH, constant_values=(-1, unknown.size)).astype(np.int32)
    own = (np.flatnonzero(unknown.ravel()[near[REACH:-REACH]]) + REACH).astype(np.int32)
    beside = np.empty((own.size, 4), np.int32)
    neighbours(near, own, unknown.shape[1], unknown.size, beside)
    return Band(near, own, beside)


def solve_band(
    rgb: NDArray[np.uint8],
    band: Band,
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
        alpha: H x W, of the known pixels, and the first guess for the unknown ones.
        prior: N.
        weight: N, the diagonal of W; more than 0.
        tolerance: root mean square of the preconditioned rest, in alpha, at which it stops.
        most_iterations: at which it stops anyway.

    Returns:
        Alpha (N), and the number of iterations.
    """
    from imgflow.stages import band_kernels as kernels

    near, own, beside = band
    count = own.size
    rows = np.empty((count, kernels.ENTRIES), np.float32)
    direction = alpha.ravel().take(near, mode="clip")
    product, rest = np.empty(count, np.float32), np.empty(count, np.float32)
    with ThreadPoolExecutor(max_workers=min(MOST_THREADS, usable_cores())) as pool:

        def everywhere(work: Callable[[int, int], Any]) -> list[Any]:
            starts = range(0, count, CHUNK)
            if len(starts) == 1:
                return [work(0, count)]
            stops = [min(start + CHUNK, count) for start in starts]
            return list(pool.map(work, starts, stops))

        everywhere(lambda a, b: kernels.laplacian(rgb, near, own, beside, a, b, EPSILON, rows))
        rows[:, kernels.ENTRIES // 2] += weight
        diagonal = np.ascontiguousarray(rows[:, kernels.ENTRIES // 2])
        everywhere(lambda a, b: kernels.multiply(rows, own, beside, a, b, direction, product))
        answer = direction[own]
        rest[:] = weight * prior - product
        direction[:] = 0
        direction[own] = rest / diagonal
        left = float((rest * direction[own]).sum(dtype=np.float64))
        goal = tolerance**2 * float(diagonal.sum(dtype=np.float64))
        for iteration in range(most_iterations):
            if left <= goal:
                return answer, iteration
            along = sum(everywhere(lambda a, b: kernels.multiply(rows, own, beside, a, b, direction, product)))
            step = left / along
            before = left
            left = sum(
                everywhere(
                    lambda a, b, s=step: kernels.descend(a, b, s, own, direction, product, diagonal, answer, rest)
                )
            )
            everywhere(lambda a, b, k=left / before: kernels.turn(a, b, k, own, rest, diagonal, direction))
    return answer, most_iterations
