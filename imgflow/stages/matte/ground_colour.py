"""The very colour that the ground has around a product, and how far a pixel is from it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of

LEAST_GROUND = 0.1
"""Share of the photo that must be ground clear of the product, for its colour to be known."""

LEAST_SAMPLE = 500
"""Pixels of that which must be near the product."""

DARKEST = 40.0
"""Grey levels. On a darker ground, noise leaves too little colour to tell it by."""

NEIGHBOURHOOD = 0.12
"""How far from the product the ground's colour is measured, as a share of the longer side."""

NEARBY = 0.02
"""Half side of the windows over which the ground's known colours are averaged, as a share of the longer side."""

SPREADS = 3.0
"""Standard deviations of the ground around its fit within which a pixel has its colour."""


TONE = np.log(np.arange(256, dtype=np.float32) + 1)
"""Natural logarithm of each grey level plus 1."""


class Bounds(NamedTuple):
    """Natural logarithm. Within `SPREADS` of the ground, but at least `least` and at most `most`, a pixel has its
    colour; where the ground itself varies by more than `limit`, it is too uneven for that."""

    least: float
    most: float
    limit: float


BRIGHTNESS = Bounds(0.012, 0.05, 0.1)

TINT = Bounds(0.008, 0.05, 0.05)
"""The difference between the channels, which light and shadow hardly change."""


class GroundColour(NamedTuple):
    """The ground of a photo, continued behind the product."""

    tones: NDArray[np.float32]
    """h x w x 3, natural logarithm of the grey levels plus 1."""
    brightness: float
    """Bound up to which a pixel's brightness is the ground's, natural logarithm."""
    tint: float
    """The same of the difference between the channels."""

    def distance(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """h x w: how far each pixel is from the ground's colour there, 1 being the bound."""
        return self.distance_in_shade(rgb, (0.0,))[0]

    def distance_in_shade(self, rgb: NDArray[np.uint8], shades: Sequence[float]) -> list[NDArray[np.float32]]:
        """The same where the ground may be darker, for each shade: by how much at most, natural logarithm."""
        brightness, tint = _differences(rgb, self.tones)
        brightness, tint = brightness / np.float32(self.brightness), tint / np.float32(self.tint)
        bounds = [np.float32(shade / self.brightness) for shade in shades]
        return [np.maximum(np.maximum(brightness, -brightness - bound), tint) for bound in bounds]

    def light(self) -> NDArray[np.float32]:
        """h x w, grey levels of its darkest channel."""
        darkest = np.minimum(np.minimum(self.tones[..., 0], self.tones[..., 1]), self.tones[..., 2])
        return np.exp(darkest) - np.float32(1)

    def following(self, rgb: NDArray[np.uint8], known: NDArray[np.bool_]) -> "GroundColour":
        """The same ground, its tones corrected by what is known of them nearby.

        Args:
            rgb: h x w x 3, uint8.
            known: h x w, where it is ground for sure.
        """
        import cv2

        side = 2 * round(NEARBY * max(known.shape)) + 1
        weight = known.astype(np.float32)[..., None]
        offset = (_tones(rgb) - self.tones) * weight
        sums = np.dstack([offset, weight])
        for _ in range(2):
            sums = np.asarray(cv2.blur(sums, (side, side)), np.float32)
        tones = self.tones + sums[..., :3] / (sums[..., 3:] + np.float32(0.01))
        return self._replace(tones=tones)


def fit_ground(rgb: NDArray[np.uint8], product: NDArray[np.float32]) -> GroundColour | None:
    """The ground around a product; None where there is too little of it, or where it is dark or uneven.

    Its light is a second-order surface in the logarithm of each channel, fitted to the product's neighbourhood by
    reweighted least squares, so that neither shadows nor things on the ground count.

    Args:
        rgb: h x w x 3, uint8, a small copy of the photo with little noise.
        product: h x w, 0 to 1, the segmenter's mask.
    """
    import cv2

    longer = max(product.shape)
    outline = (product > 0.1).astype(np.uint8)
    away = cv2.distanceTransform(1 - outline, cv2.DIST_L2, 3)
    clear = away > max(2, 0.006 * longer)
    near = np.flatnonzero(clear & (away < NEIGHBOURHOOD * longer))
    if clear.mean() < LEAST_GROUND or near.size < LEAST_SAMPLE or rgb.reshape(-1, 3)[near].mean() < DARKEST:
        return None
    sample = near[:: max(1, near.size // 20_000)]
    height, width = product.shape
    rows, columns = np.divmod(sample, width)
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    terms = _terms(y[rows], x[columns])
    seen = rgb.reshape(-1, 3)[sample]
    surface = _robust_fit(terms.astype(np.float64), np.log(seen + np.float64(1))).astype(np.float32)
    bounds: list[float] = []
    for difference, (least, most, limit) in zip(_differences(seen, terms @ surface), (BRIGHTNESS, TINT), strict=True):
        bound = SPREADS * 1.4826 * float(np.median(np.abs(difference)))
        if bound > limit:
            return None
        bounds.append(min(max(bound, least), most))
    return GroundColour(_spread(surface, y, x), *bounds)


def _differences(rgb: NDArray[np.uint8], tones: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of brightness (below 0 where it is darker), and of the channel that differs most from it; natural logarithm."""
    import cv2

    offset = (_tones(rgb) - tones).reshape(1, -1, 3)
    brightness = np.asarray(cv2.transform(offset, np.full((1, 3), 1 / 3, np.float32)), np.float32)
    rest = np.abs(np.asarray(cv2.transform(offset, np.eye(3, dtype=np.float32) - np.float32(1 / 3)), np.float32))
    return brightness.reshape(tones.shape[:-1]), greatest_of(rest).reshape(tones.shape[:-1])


def _terms(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a second-order surface, in the last axis; coordinates from -1 to 1."""
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)


def _spread(surface: NDArray[np.float32], y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface with these coefficients (terms x channels) over a grid: h x w x channels."""
    down, across = (np.stack([np.ones_like(axis), axis, axis * axis]) for axis in (y, x))
    planes = [
        down.T @ np.array([[one, by_x, by_xx], [by_y, by_xy, 0], [by_yy, 0, 0]], np.float32) @ across
        for one, by_x, by_y, by_xy, by_xx, by_yy in surface.T
    ]
    return np.stack(planes, -1)


def _tones(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.LUT(rgb, TONE), np.float32)


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
