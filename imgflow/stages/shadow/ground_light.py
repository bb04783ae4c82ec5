"""How the ground around a product is lit: a smooth surface, corrected by what the lit ground itself shows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of, mean_of

NEIGHBOURHOOD = 0.3
"""How far from the product the light is measured first of all, as a share of the longer side."""

LEAST_TOLERANCE, MOST_TOLERANCE = 0.025, 0.2
"""Natural logarithm: bounds of how far lit ground may be from the light, so that coarse texture counts as lit."""

TEXTURE = 0.005
"""Sigma that averages the ground's texture, as a share of the longer side."""

SPREADS = 3.0
"""Standard deviations within which ground is lit."""

CLEARANCE = 0.015
"""Share of the longer side by which lit ground must stay clear of what is darker, to tell the light: a shadow's
outskirts would pull it down."""

CORRECTIONS = 0.08, 0.04, 0.025
"""Sigmas over which the lit ground corrects the surface, one after the other, as shares of the longer side."""

LEAST_SURE = 0.02
"""Share of the clear ground that must be lit for sure, for a correction."""

ASIDE = 0.15
"""Weight, beside that of ground in the product's lower half or below it, of what is higher up: a wall, often."""


class Light(NamedTuple):
    """The light on the ground, continued below the product."""

    tones: NDArray[np.float32]
    """h x w x 3, natural logarithm of grey levels plus 1."""
    missing: NDArray[np.float32]
    """h x w x 3, natural logarithm: how much less than that light each pixel has."""
    lit: NDArray[np.bool_]
    """h x w: clear ground that is as bright as the light says."""
    tolerance: float
    """Natural logarithm, up to which that is so."""
    middle: int
    """The row halfway down the product: what lies higher up may be a wall or what is behind the ground."""
    foot: int
    """The row a quarter above the product's lower end: what is lower is what it stands on."""
    corrected: float
    """Natural logarithm, root mean square: by how much lit ground beside the product's lower half had to be corrected,
    and where none is seen may have to be."""


def measure_light(tones: NDArray[np.float32], clear: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> Light:
    """A second-order surface in the logarithm of each channel, free to bend once more above the product's middle, where
    a sweep turns into its wall and no shadow lies; fitted by reweighted least squares that take what is darker than the
    surface for shadow. Then a smooth correction from the ground that is lit.

    Args:
        tones: h x w x 3, natural logarithm of grey levels plus 1.
        clear: h x w, what is not the product, nor at its edge.
        beyond: h x w, what is not the ground either. Some clear ground must be left.
    """
    import cv2

    longer, middle, foot = max(clear.shape), _row_down(clear, 2), _row_down(clear, 3)
    away = np.asarray(cv2.distanceTransform(clear.astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    clear = clear & ~beyond
    smooth = _within(tones, clear, TEXTURE * longer)
    fitted, spread = _fit(smooth, clear, _importance(away, middle), middle)
    surface, tolerance = fitted, _tolerance(spread)
    for sigma in CORRECTIONS:
        off = surface - smooth
        lit = clear & (greatest_of(np.abs(off)) < tolerance)
        dark = clear & (mean_of(off) > tolerance)
        sure = lit & ~_grown(dark | ~clear, CLEARANCE * longer)
        if sure.sum() < LEAST_SURE * clear.sum():
            break
        surface = surface - _spread_out(off, sure, sigma * longer)
        tolerance = _tolerance(1.4826 * float(np.median(np.abs(surface - smooth).mean(2)[sure])))
    lit = clear & (greatest_of(np.abs(surface - smooth)) < tolerance)
    near = lit & (away < NEIGHBOURHOOD * longer)
    near[:middle] = False
    corrected = float(np.sqrt(np.square(mean_of(surface - fitted)[near]).mean())) if near.any() else 0.0
    return Light(surface, surface - tones, lit, tolerance, middle, foot, corrected)


def _row_down(clear: NDArray[np.bool_], quarters: int) -> int:
    """The row so many quarters down what is not clear of the product; 0 if all is clear."""
    rows = np.flatnonzero((~clear).any(1))
    return int((4 - quarters) * rows[0] + quarters * rows[-1]) // 4 if rows.size else 0


def _tolerance(spread: float) -> float:
    return float(np.clip(SPREADS * spread, LEAST_TOLERANCE, MOST_TOLERANCE))


def _importance(away: NDArray[np.float32], middle: int) -> NDArray[np.float32]:
    """What is near the product counts, and what is beside or below it more than what is above."""
    near = np.exp(-((away / np.float32(NEIGHBOURHOOD * max(away.shape))) ** 2))
    near[:middle] *= np.float32(ASIDE)
    return near


def _fit(
    smooth: NDArray[np.float32], clear: NDArray[np.bool_], importance: NDArray[np.float32], middle: int
) -> tuple[NDArray[np.float32], float]:
    """The surface, h x w x 3, and the standard deviation of lit ground around it."""
    height, width = clear.shape
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    places = np.flatnonzero(clear)
    places = places[:: max(1, places.size // 12_000)]
    rows, columns = np.divmod(places, width)
    bend = y[middle]
    terms = _terms(y[rows], x[columns], bend).astype(np.float64)
    values = smooth.reshape(-1, 3)[places].astype(np.float64)
    counts = importance.ravel()[places].astype(np.float64)
    weight, spread = counts, MOST_TOLERANCE
    surface = np.zeros((terms.shape[1], 3))
    for turn in range(24):
        weighted = terms.T * weight
        surface = np.linalg.solve(weighted @ terms + 1e-6 * np.eye(terms.shape[1]), weighted @ values)
        rest = terms @ surface - values
        darker = rest.mean(1)
        if turn < 8:  # Shadows are many and deep, highlights few: towards the bright side first.
            weight = counts * np.where(darker > 0, 0.05, 1.0)
            continue
        brighter = -darker[darker < 0]
        spread = 1.4826 * float(np.median(brighter)) if brighter.size else 0.0
        scale = min(max(spread, LEAST_TOLERANCE / SPREADS), MOST_TOLERANCE / SPREADS)
        weight = counts / (1 + (np.abs(rest).max(1) / (2 * scale)) ** 2) ** 2
    return _terms(*np.meshgrid(y, x, indexing="ij"), bend) @ surface.astype(np.float32), spread


def _terms(y: NDArray[np.float32], x: NDArray[np.float32], bend: np.float32) -> NDArray[np.float32]:
    above = np.maximum(bend - y, 0) ** 2
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y, above, above * x, above * x * x], -1)


def _within(tones: NDArray[np.float32], region: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """A blur that takes nothing from outside of the region, where the tones stay."""
    import cv2

    weight = region.astype(np.float32)
    total = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    blurred = np.asarray(cv2.GaussianBlur(tones * weight[..., None], (0, 0), sigma), np.float32)
    return np.where(region[..., None], blurred / np.maximum(total, 1e-3)[..., None], tones)


def _grown(region: NDArray[np.bool_], by: float) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 3)) < by


def _spread_out(values: NDArray[np.float32], known: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """The known values as a smooth field that fades out where none are near (normalised convolution, small copy)."""
    import cv2

    height, width = known.shape
    step = max(1.0, sigma / 6)
    size = (max(2, int(width / step)), max(2, int(height / step)))
    weight = known.astype(np.float32)
    both = np.asarray(cv2.resize(np.dstack([values * weight[..., None], weight]), size, interpolation=cv2.INTER_AREA))
    both = np.asarray(cv2.GaussianBlur(both, (0, 0), sigma / step), np.float32)
    field = (both[..., :3] / (both[..., 3:] + 0.05)).astype(np.float32)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
