"""Two grounds that meet at a straight line: a table before a wall, a floor, a paper that ends."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STRAIGHT = 0.93
"""Share of the ground that must lie on its own side of the line; the rest may be shadow."""

STEPS = 8
"""Newton steps that the line is fitted in."""

EASE = 1e-3
"""Weight of the line's steepness, against 1 of the ground's error: two grounds that are parted without error have no
steepest line."""

EDGE = 0.03
"""Half width of the strip along the line whose tones are measured step by step, as a share of the longer side: such
edges are soft, or have a rim."""


class Line(NamedTuple):
    """Where two grounds meet."""

    across: float
    down: float
    offset: float

    def side(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
        """Distance from the line, pixels; above 0 where the ground is the lighter one."""
        return np.asarray(self.across * columns + self.down * rows + self.offset, np.float32)


def meeting_line(
    tones: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]
) -> Line | None:
    """The line that parts the two colours that a ground has most of; None if none does.

    Args:
        tones: N x 3, natural logarithm of the ground's grey levels.
        rows: N, where.
        columns: N.
        shape: of the photo.
    """
    main = np.linalg.eigh(np.cov(tones.T))[1][:, -1]
    along = (tones - tones.mean(0)) @ (main if main.sum() >= 0 else -main)
    lighter = along > _threshold(along)
    half = max(shape) / 2
    places = np.stack([columns / half - 1, rows / half - 1, np.ones(len(rows))], -1)
    weights = np.zeros(3)
    for _ in range(STEPS):
        odds = np.clip(places @ weights, -30, 30)
        believed = 1 / (1 + np.exp(-odds))
        curvature = (places.T * np.maximum(believed * (1 - believed), 1e-4)) @ places / len(places)
        slope = places.T @ (lighter - believed) / len(places) - EASE * weights
        weights = weights + np.linalg.solve(curvature + EASE * np.eye(3), slope)
    if ((places @ weights > 0) == lighter).mean() < STRAIGHT:
        return None
    across, down, offset = weights / np.hypot(weights[0], weights[1])
    return Line(float(across), float(down), float(half * (offset - across - down)))


def edge_between(
    tones: NDArray[np.float32], seen: NDArray[np.float32], side: NDArray[np.float32], ground: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The tones of two grounds with the edge between them as it looks where it is seen.

    Args:
        tones: h x w x 3, of the ground on either side.
        seen: h x w x 3, of the photo.
        side: h x w, distance from the line, pixels.
        ground: h x w, where ground is seen.
    """
    reach = round(EDGE * max(side.shape))
    steps = np.rint(side).astype(np.intp) + reach
    strip = (steps >= 0) & (steps <= 2 * reach)
    offsets, at = (seen - tones)[strip & ground], steps[strip & ground]
    profile = np.zeros((2 * reach + 1, 3), np.float32)
    for step in range(len(profile)):
        if (at == step).any():
            profile[step] = np.median(offsets[at == step], axis=0)
    edged = tones.copy()
    edged[strip] += profile[steps[strip]]
    return edged


def _threshold(values: NDArray[np.float64]) -> float:
    """Otsu's: between the two groups of values that vary least."""
    counts, edges = np.histogram(values, 128)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    means = total / np.maximum(below, 1) - (total[-1] - total) / np.maximum(above, 1)
    return float(edges[1:][np.argmax(below * above * means**2)])
