"""The very colour that the ground has around a product, and how far a pixel is from it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.openings.ground_surface import fit_parts, fit_surface, over_grid, terms_of
from imgflow.stages.matte.openings.ground_tones import differences_of, rises, tones_of
from imgflow.stages.matte.openings.two_grounds import edge_between, meeting_line

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

ROUGH = 0.5
"""Share of a textured ground's roughness that a place must have to be such ground: paint and plastic have none."""


class GroundColour(NamedTuple):
    """The ground of a photo, continued behind the product."""

    tones: NDArray[np.float32]
    """h x w x 3, natural logarithm of the grey levels plus 1."""
    brightness: float
    """Bound up to which a pixel's brightness is the ground's, natural logarithm."""
    tint: float
    """The same of the difference between the channels."""
    roughness: float = 0.0
    """Its usual change of brightness a pixel, natural logarithm, where that is what tells it: wood, coarse cloth."""

    def distance(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """h x w: how far each pixel is from the ground's colour there, 1 being the bound."""
        return self.distance_in_shade(rgb, (0.0,))[0]

    def distance_in_shade(self, rgb: NDArray[np.uint8], shades: Sequence[float]) -> list[NDArray[np.float32]]:
        """The same where the ground may be darker, for each shade: by how much at most, natural logarithm."""
        brightness, tint = differences_of(rgb, self.tones)
        brightness, tint = brightness / np.float32(self.brightness), tint / np.float32(self.tint)
        bounds = [np.float32(shade / self.brightness) for shade in shades]
        return [np.maximum(np.maximum(brightness, -brightness - bound), tint) for bound in bounds]

    def in_shade(
        self, rgb: NDArray[np.uint8], deepest: float, tinting: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Where the ground may be in a shadow (h x w), and how much brighter than the ground each pixel is (h x w).

        Args:
            rgb: h x w x 3, uint8.
            deepest: how much darker the ground may be, natural logarithm.
            tinting: how much a shadow may change the tint, for each unit that it darkens.
        """
        brightness, tint = differences_of(rgb, self.tones)
        tinted = tint < self.tint + tinting * np.maximum(-brightness, 0)
        return tinted & (brightness < self.brightness) & (brightness > -self.brightness - deepest), brightness

    def part(self, window: tuple[slice, slice]) -> "GroundColour":
        """In a part of the photo."""
        return self._replace(tones=self.tones[window])

    def is_as_rough(self, rgb: NDArray[np.uint8], place: NDArray[np.bool_]) -> bool:
        """Whether a place has the texture that the ground has; both h x w (x 3)."""
        return not self.roughness or float(np.median(rises(rgb, self.tones)[place])) > ROUGH * self.roughness

    def light(self) -> NDArray[np.float32]:
        """h x w, grey levels of its darkest channel."""
        darkest = np.minimum(np.minimum(self.tones[..., 0], self.tones[..., 1]), self.tones[..., 2])
        return np.exp(darkest) - np.float32(1)

    def following(self, rgb: NDArray[np.uint8], known: NDArray[np.bool_], nearby: float = NEARBY) -> "GroundColour":
        """The same ground, its tones corrected by what is known of them nearby.

        Args:
            rgb: h x w x 3, uint8.
            known: h x w, where it is ground for sure.
            nearby: half side of the windows over which these are averaged, as a share of the longer side.
        """
        import cv2

        side = 2 * round(nearby * max(known.shape)) + 1
        weight = known.astype(np.float32)[..., None]
        offset = (tones_of(rgb) - self.tones) * weight
        sums = np.dstack([offset, weight])
        for _ in range(2):
            sums = np.asarray(cv2.blur(sums, (side, side)), np.float32)
        tones = self.tones + sums[..., :3] / (sums[..., 3:] + np.float32(0.01))
        return self._replace(tones=tones)


def fit_ground(rgb: NDArray[np.uint8], product: NDArray[np.float32]) -> GroundColour | None:
    """The ground around a product; None where there is too little of it, or where it is dark or uneven.

    Its light is a second-order surface in the logarithm of each channel, fitted to the product's neighbourhood by
    reweighted least squares, so that neither shadows nor things on the ground count. Where two grounds meet at a line
    and are far more even each, each has its own. What varies in brightness alone has a texture.

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
    rows, columns = np.divmod(sample, product.shape[1])
    y, x = _grid(product.shape)
    seen, terms = rgb.reshape(-1, 3)[sample], terms_of(y[rows], x[columns])
    one = fit_surface(seen, terms)
    if not one.is_plain():
        line = meeting_line(np.log(seen + np.float64(1)), rows, columns, product.shape)
        parted = None if line is None else fit_parts(seen, terms, line.side(rows, columns) > 0)
        if line is not None and parted is not None and parted.is_evener(one):
            lighter, darker = (over_grid(fit.surface, y, x) for fit in parted)
            down, across = np.ogrid[: product.shape[0], : product.shape[1]]
            side = line.side(down, across)
            tones = edge_between(np.where((side > 0)[..., None], lighter, darker), tones_of(rgb), side, clear)
            return GroundColour(tones, *np.max([fit.bounds() for fit in parted], axis=0).tolist())
    if one.is_even():
        return GroundColour(over_grid(one.surface, y, x), *one.bounds())
    if one.is_textured():
        tones = over_grid(one.surface, y, x)
        return GroundColour(tones, *one.spreads, float(np.median(rises(rgb, tones).ravel()[near])))
    return None


def _grid(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates of rows and columns, -1 to 1."""
    height, width = shape
    return np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
