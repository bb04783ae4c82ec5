"""Closed-form matting (Levin, Lischinski and Weiss 2008) that keeps the segmenter's own alpha as a weak prior.

The Laplacian is assembled only where alpha is unknown. A large photo is solved at half its size first (and that at a
quarter, and so on): the answer there is the first guess here, so that only the finest detail is left to be found. The
largest sizes are solved only where that answer is not flat. (On rendered scenes at 12 MP that takes half of the time of
solving everywhere, and the answer is as near to the truth.)
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.closed_form.band_solver import find_band, solve_band
from imgflow.stages.matte.closed_form.chroma import chroma_weight
from imgflow.stages.matte.closed_form.prior import LONGER_SIDE, Surroundings, contradiction, prior_alpha, surroundings
from imgflow.stages.matte.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from imgflow.stages.sizes import enlarged

MODERATE = 2048
"""Longer side, pixels, of what is solved to the end: all of the band, to the first of the tolerances."""

TOLERANCE, LARGE_TOLERANCE = 1e-5, 5e-5
"""Root mean square of what a step of Jacobi's method would still change, in alpha, at which the solver stops."""

MOST_ITERATIONS = 1000

FLAT = 0.01
"""Difference of alpha between pixels side by side at half the size, up to which a larger photo is not looked at."""

COARSEST = 256
"""Longer side, pixels, from which on a photo is not solved at half its size first."""

DOUBTED_UP_TO = 640
"""Longer side, pixels, up to which it is seen whether the answer contradicts the trimap."""


class Solution(NamedTuple):
    """What the solver found."""

    alpha: NDArray[np.float32]
    """H x W, 0 to 1."""
    iterations: int
    """Steps of the solver, over all sizes."""


def solve_alpha(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], guess: NDArray[np.float32], band: float) -> Solution:
    """Alpha in the unknown band.

    Args:
        rgb: H x W x 3, uint8.
        trimap: H x W, uint8, as `trimap.trimap` makes it.
        guess: H x W, 0 to 1: the segmenter's alpha, to which the answer is pulled where the photo says little.
        band: half width of the unknown band, pixels; unknown regions much wider than that rely on the guess.
    """
    if min(trimap.shape) < 3:
        return Solution(np.where(trimap == UNKNOWN, guess, trimap == FOREGROUND).astype(np.float32), 0)
    levels = [_Level(rgb, trimap, guess)]
    while max(levels[-1].trimap.shape) > COARSEST:
        levels.append(_half(levels[-1]))
    seen = next((level for level in reversed(levels) if 2 * max(level.trimap.shape) >= LONGER_SIDE), levels[0])
    known = surroundings(*seen, band * max(seen.trimap.shape) / max(trimap.shape))
    solution = None
    for level in reversed(levels):
        solution = _solve(level, solution, known)
        if max(level.trimap.shape) <= DOUBTED_UP_TO:
            known = known._replace(contradiction=contradiction(solution.alpha, level.trimap))
    assert solution is not None
    return solution


class _Level(NamedTuple):
    """What `solve_alpha` is given, at some size."""

    rgb: NDArray[np.uint8]
    trimap: NDArray[np.uint8]
    guess: NDArray[np.float32]


def _half(level: _Level) -> _Level:
    """At half the size. What is known there is known all over the pixels that it stands for."""
    import cv2

    height, width = level.trimap.shape
    size = (max(3, (width + 1) // 2), max(3, (height + 1) // 2))

    def small(picture: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))

    regions = np.full(256, UNKNOWN, np.uint8)
    regions[[BACKGROUND, FOREGROUND]] = BACKGROUND, FOREGROUND
    return _Level(small(level.rgb), np.asarray(cv2.LUT(small(level.trimap), regions), np.uint8), small(level.guess))


def _solve(level: _Level, coarse: Solution | None, known: Surroundings) -> Solution:
    """The answer at one size, from that at half of it."""
    rgb, regions, guess = level
    unknown = regions == UNKNOWN
    alpha = (regions == FOREGROUND).astype(np.float32)
    np.copyto(alpha, guess if coarse is None else enlarged(coarse.alpha, alpha.shape), where=unknown)
    iterations = 0 if coarse is None else coarse.iterations
    moderate = max(alpha.shape) <= MODERATE
    detailed = unknown if coarse is None or moderate else unknown & ~_flat(coarse.alpha, alpha.shape)
    if not detailed.any():
        return Solution(alpha, iterations)
    pixels = find_band(detailed)
    where = pixels.where()
    prior, weight = prior_alpha(rgb, guess, known, where)
    chroma, tolerance = chroma_weight(rgb, where), TOLERANCE if moderate else LARGE_TOLERANCE
    answer, steps = solve_band(rgb, pixels, chroma, alpha, prior, weight, tolerance, MOST_ITERATIONS)
    alpha.ravel()[where] = np.clip(answer, 0, 1)
    return Solution(alpha, iterations + steps)


def _flat(coarse: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where alpha hardly changes at half the size."""
    import cv2

    around = np.ones((3, 3), np.uint8)
    spread = np.asarray(cv2.dilate(coarse, around) - cv2.erode(coarse, around), np.float32)
    flat = cv2.resize((spread <= FLAT).view(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(flat > 0, np.bool_)
