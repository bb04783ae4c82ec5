"""The light of a ground: a smooth surface, how far the ground varies around it, and what that makes of the ground."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of
from imgflow.stages.matte.openings.ground_tones import differences_of

SPREADS = 3.0
"""Standard deviations of the ground around its fit within which a pixel has its colour."""


class Bounds(NamedTuple):
    """Natural logarithm. Within `SPREADS` of the ground, but at least `least` and at most `most`, a pixel has its
    colour; where the ground itself varies by more than `limit`, it is too uneven for that."""

    least: float
    most: float
    limit: float


BRIGHTNESS = Bounds(0.012, 0.05, 0.1)

TINT = Bounds(0.008, 0.05, 0.05)
"""The difference between the channels, which light and shadow hardly change."""

TEXTURED = 0.35
"""`SPREADS` standard deviations of brightness, natural logarithm, up to which an uneven ground of one tint is taken for
a textured one."""

EVENER = 0.4
"""Two grounds vary by less than this share of what one does that is fitted to both."""

LEAST_SIDE = 0.08
"""Share of the ground near the product that either of two grounds must have."""


class Fit(NamedTuple):
    """A second-order surface fitted to the tones of a ground, and how far this varies around it."""

    surface: NDArray[np.float32]
    """Coefficients, terms x channels."""
    spreads: tuple[float, float]
    """`SPREADS` standard deviations of brightness, and of tint."""

    def is_plain(self) -> bool:
        """Whether it varies no more than its bounds may."""
        return all(spread <= allowed.most for spread, allowed in zip(self.spreads, (BRIGHTNESS, TINT), strict=True))

    def is_textured(self) -> bool:
        """Whether it is of one tint, but lighter and darker: wood, coarse cloth."""
        return self.spreads[0] <= TEXTURED and self.spreads[1] <= TINT.limit

    def is_even(self) -> bool:
        """Whether its colour tells it."""
        return all(spread <= allowed.limit for spread, allowed in zip(self.spreads, (BRIGHTNESS, TINT), strict=True))

    def bounds(self) -> tuple[float, float]:
        """Of brightness and tint."""
        brightness, tint = (
            min(max(spread, allowed.least), allowed.most)
            for spread, allowed in zip(self.spreads, (BRIGHTNESS, TINT), strict=True)
        )
        return brightness, tint


class Parted(NamedTuple):
    """Two grounds."""

    lighter: Fit
    darker: Fit

    def is_evener(self, one: Fit) -> bool:
        """Whether they are far more even than one ground is that is fitted to both."""
        return all(fit.is_even() and fit.spreads[0] < EVENER * one.spreads[0] for fit in self)


def fit_parts(seen: NDArray[np.uint8], terms: NDArray[np.float32], lighter: NDArray[np.bool_]) -> Parted | None:
    """Fits to what lies on either side; None if there is too little."""
    if not LEAST_SIDE < lighter.mean() < 1 - LEAST_SIDE:
        return None
    return Parted(fit_surface(seen[lighter], terms[lighter]), fit_surface(seen[~lighter], terms[~lighter]))


def fit_surface(seen: NDArray[np.uint8], terms: NDArray[np.float32]) -> Fit:
    """To N x 3 grey levels, by the terms of their places."""
    surface = _robust_fit(terms.astype(np.float64), np.log(seen + np.float64(1))).astype(np.float32)
    brightness, tint = (
        SPREADS * 1.4826 * float(np.median(np.abs(difference))) for difference in differences_of(seen, terms @ surface)
    )
    return Fit(surface, (brightness, tint))


def terms_of(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a second-order surface, in the last axis; coordinates from -1 to 1."""
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)


def over_grid(surface: NDArray[np.float32], y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface with these coefficients (terms x channels) over a grid: h x w x channels."""
    down, across = (np.stack([np.ones_like(axis), axis, axis * axis]) for axis in (y, x))
    planes = [
        down.T @ np.array([[one, by_x, by_xx], [by_y, by_xy, 0], [by_yy, 0, 0]], np.float32) @ across
        for one, by_x, by_y, by_xy, by_xx, by_yy in surface.T
    ]
    return np.stack(planes, -1)


def _robust_fit(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients, terms x channels."""
    weight = np.ones(len(terms))
    surface = np.zeros((terms.shape[1], values.shape[1]))
    for _ in range(12):
        weighted = terms.T * weight
        surface = np.linalg.lstsq(weighted @ terms, weighted @ values, rcond=None)[0]
        rest = greatest_of(np.abs(terms @ surface - values))
        weight = 1 / (1 + (rest / max(2 * float(np.median(rest)), 0.004)) ** 2) ** 2
    return surface
