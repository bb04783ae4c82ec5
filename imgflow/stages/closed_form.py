"""Closed-form matting (Levin, Lischinski and Weiss 2008) that keeps the segmenter's own alpha as a weak prior.

The Laplacian is assembled only where alpha is unknown. Photos larger than a tile are solved small first; that answer
is the first guess everywhere, and the value held at each tile's outer rim, so tiles meet without a seam and the memory
does not grow with the photo.
"""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.prior import prior_alpha
from imgflow.stages.trimap import BACKGROUND, FOREGROUND, UNKNOWN

EPSILON = 1e-5
"""Regularisation of the Laplacian, in squared colour (0 to 1)."""

TOLERANCE = 1e-4
"""Relative residual at which the solver stops."""

MOST_ITERATIONS = 400

DISCARD = 1e-3
"""Entries of the incomplete Cholesky factor below this are dropped."""

SHIFTS = (1e-2, 1e-1, 1.0)
"""Added to the unit diagonal, in turn, until the factorisation succeeds. With less, some photos fail."""

TILE = 576
"""Side of a tile, pixels; about 150 MB while it is solved."""

OVERLAP = 32
"""Pixels that a tile sees beyond its own on each side."""

MOST_THREADS = 4
"""Tiles solved at the same time."""

COARSE = 1024
"""Longer side at which photos larger than a tile are solved first, pixels."""


class Solution(NamedTuple):
    """What the solver found."""

    alpha: NDArray[np.float32]
    """H x W, 0 to 1."""
    iterations: int
    """Steps of the solver, over all tiles."""


def solve_alpha(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], guess: NDArray[np.float32], band: float) -> Solution:
    """Alpha in the unknown band.

    Args:
        rgb: H x W x 3, uint8.
        trimap: H x W, uint8, as `trimap.trimap` makes it.
        guess: H x W, 0 to 1: the segmenter's alpha, to which the answer is pulled where the photo says little.
        band: half width of the unknown band, pixels; unknown regions much wider than that rely on the guess.
    """
    guess, weight = prior_alpha(rgb, trimap, guess, band)
    if max(trimap.shape) <= TILE + 2 * OVERLAP:
        start = np.where(trimap == BACKGROUND, np.float32(0), guess)
        return _solve_tile(rgb, trimap, guess, weight, start)
    coarse, iterations = _solve_coarse(rgb, trimap, guess, weight)
    start = np.where(trimap == UNKNOWN, coarse, trimap == FOREGROUND).astype(np.float32)
    alpha = start.copy()

    def solve(tile: "_Tile") -> int:
        held = _hold_rim(trimap[tile.seen], tile.cut_sides)
        solution = _solve_tile(rgb[tile.seen], held, guess[tile.seen], weight[tile.seen], start[tile.seen])
        alpha[tile.own] = solution.alpha[tile.inner]
        return solution.iterations

    tiles = [tile for tile in _tiles(trimap.shape) if (trimap[tile.own] == UNKNOWN).any()]
    with ThreadPoolExecutor(max_workers=min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        iterations += sum(pool.map(solve, tiles))
    return Solution(alpha, iterations)


def warm_up() -> None:
    """Compiles the solver's and the foreground estimator's kernels (about 40 s, once) on a tiny picture.

    Meant for install time; numba keeps the result in its cache.
    """
    from imgflow.stages.foreground import clean_colours

    rgb = np.zeros((24, 24, 3), np.uint8)
    rgb[:, 12:] = 200
    trimap = np.full((24, 24), UNKNOWN, np.uint8)
    trimap[:, :4], trimap[:, -4:] = BACKGROUND, FOREGROUND
    alpha = solve_alpha(rgb, trimap, np.full((24, 24), 0.5, np.float32), band=2).alpha
    clean_colours(rgb, np.rint(alpha * 255).astype(np.uint8))


class _Tile(NamedTuple):
    own: tuple[slice, slice]
    seen: tuple[slice, slice]
    inner: tuple[slice, slice]
    cut_sides: tuple[bool, bool, bool, bool]


def _tiles(shape: tuple[int, ...]) -> list[_Tile]:
    """Tiles that cover the picture: what each answers for, what it sees, the first inside the second, cut sides."""
    tiles: list[_Tile] = []
    height, width = shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            t, b = max(top - OVERLAP, 0), min(bottom + OVERLAP, height)
            l, r = max(left - OVERLAP, 0), min(right + OVERLAP, width)  # noqa: E741
            tiles.append(
                _Tile(
                    np.s_[top:bottom, left:right],
                    np.s_[t:b, l:r],
                    np.s_[top - t : bottom - t, left - l : right - l],
                    (t > 0, b < height, l > 0, r < width),
                )
            )
    return tiles


def _hold_rim(trimap: NDArray[np.uint8], cut_sides: tuple[bool, bool, bool, bool]) -> NDArray[np.uint8]:
    """The tile's trimap with its rim known (as background or foreground: the value comes from the guess)."""
    held = trimap.copy()
    rims = (np.s_[:2, :], np.s_[-2:, :], np.s_[:, :2], np.s_[:, -2:])
    for rim, is_cut in zip(rims, cut_sides, strict=True):
        if is_cut:
            held[rim] = BACKGROUND
    return held


def _solve_coarse(
    rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], guess: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], int]:
    import cv2

    height, width = trimap.shape
    scale = COARSE / max(height, width)
    if scale >= 1:
        return guess, 0
    size = (max(3, round(width * scale)), max(3, round(height * scale)))

    def small(picture: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))

    product = small((trimap == FOREGROUND).astype(np.uint8) * 255) == 255
    ground = small((trimap == BACKGROUND).astype(np.uint8) * 255) == 255
    regions = np.where(product, FOREGROUND, np.where(ground, BACKGROUND, UNKNOWN)).astype(np.uint8)
    small_guess = small(guess)
    start = np.where(ground, np.float32(0), small_guess)
    solution = _solve_tile(small(rgb), regions, small_guess, small(weight), start)
    coarse = cv2.resize(solution.alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(coarse, np.float32), solution.iterations


def _solve_tile(
    rgb: NDArray[np.uint8],
    trimap: NDArray[np.uint8],
    prior: NDArray[np.float32],
    weight: NDArray[np.float32],
    start: NDArray[np.float32],
) -> Solution:
    """Solves (L + W) alpha = W prior for the unknown pixels.

    `start` has their first guess, and the values of those that are held at a rim; sure product is held at 1, sure
    ground at 0.
    """
    from pymatting import cf_laplacian

    unknown = (trimap == UNKNOWN).ravel()
    alpha = np.where(trimap == FOREGROUND, 1, start).ravel().astype(np.float64)
    if not unknown.any() or min(trimap.shape) < 3:
        return Solution(alpha.reshape(trimap.shape).astype(np.float32), 0)
    image = np.multiply(rgb, 1 / 255, dtype=np.float64)
    laplacian: Any = cf_laplacian(image, epsilon=EPSILON, is_known=~unknown.reshape(trimap.shape))[unknown]
    pull = weight.ravel()[unknown].astype(np.float64)
    matrix = laplacian[:, unknown]
    matrix.setdiag(matrix.diagonal() + pull)
    right = pull * prior.ravel()[unknown] - laplacian[:, ~unknown] @ alpha[~unknown]
    del laplacian, image
    answer, iterations = _conjugate_gradients(matrix, right, alpha[unknown])
    alpha[unknown] = np.clip(answer, 0, 1)
    return Solution(alpha.reshape(trimap.shape).astype(np.float32), iterations)


def _conjugate_gradients(matrix: Any, right: NDArray[np.float64], start: NDArray[np.float64]) -> tuple[Any, int]:
    """Preconditioned conjugate gradients; what was reached after `MOST_ITERATIONS` is good enough to be seen.

    The system is scaled to a unit diagonal first, so that one shift and one threshold of the incomplete Cholesky
    factorisation fit flat and textured photos alike.
    """
    import scipy.sparse
    from pymatting import cg, ichol

    scale = 1 / np.sqrt(matrix.diagonal())
    scaling = scipy.sparse.diags(scale)
    scaled = scipy.sparse.csr_matrix(scaling @ matrix @ scaling)
    try:
        precondition: Any = ichol(
            scaled, discard_threshold=DISCARD, shifts=SHIFTS, diag_keep_discarded=False, max_nnz=60 * len(right)
        )
    except ValueError:  # more entries than allowed: the unit diagonal is what is left
        precondition = None
    reached: list[Any] = [start / scale]
    steps = 0

    def remember(_matrix: Any, solution: Any, *_norms: Any) -> None:
        nonlocal steps
        reached[0] = solution
        steps += 1

    with contextlib.suppress(ValueError):  # raised after the last iteration allowed
        reached[0] = cg(
            scaled,
            right * scale,
            x0=reached[0],
            rtol=TOLERANCE,
            maxiter=MOST_ITERATIONS,
            M=precondition,
            callback=remember,
        )
    return reached[0] * scale, steps
