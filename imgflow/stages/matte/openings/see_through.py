"""What tells ground that is seen through a product from a part of the product that has the ground's colour by chance.

Spokes part the ground behind a wheel into many cells of one very colour, the ground's or a shade of it, and meet in the
middle: that hardly happens on a product. A single place of the ground's colour may as well be a label, a screen or a
highlight; it counts only where it is empty and the segmenter doubts it: slightly, if a narrow frame parts it from the
ground outside, or clearly. On white ground it never counts, since products have white parts too. Where in doubt, the
product stays whole.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.slopes import slopes

CLEAR = 3.0
"""Distance from the ground's colour, in its bounds, from which on a pixel clearly is not ground."""

FRAME = 4
"""Pixels within which a place's outline must meet what clearly is product."""

BEYOND = 0.07
"""Width of a place's surroundings in which there must be ground again, as a share of the longer side."""

DIRECTIONS = 8
"""Directions that the outlines of a place's cells are told apart by."""

NEAR_HUB, NEAR_RIM = 0.2, 0.8
"""Shares of the radius between which outlines are asked whether they point to the middle."""

LEAST_CELL = 12
"""Pixels from which on a cell counts as one."""

WHITE, WHITISH = 242, 230
"""Light of the ground, grey levels, from which on a framed place counts no more, and a mere doubted one. (White bowls
and dials on white cloth lie above the latter, studio sweeps below.)"""

MANY_CELLS = 24
"""From so many on, what lies between them may be blurred: spokes of a pixel or less."""


class Place(NamedTuple):
    """Figures of one place inside the product that has the ground's colour."""

    area: float
    """Share of the photo that has the ground's very colour in it."""
    purity: float
    """Its share in all that is not clearly product: a shaded surface passes through the ground's colour gradually."""
    bounded: float
    """Share of its outline close to what clearly is product."""
    beyond: float
    """Share of ground in its surroundings: an opening has a frame, a label has a product around it."""
    cells: int
    """Into how many parts it falls."""
    largest: float
    """Share of the largest of them."""
    turning: float
    """Share of the outlines' directions that hold at least half of what each would if all held alike."""
    radial: float
    """How far its outlines point to its middle, as those of spokes do: mean of the sine between gradient and radius;
    0.64 if all directions are alike."""
    emptiness: float
    """Share of the ground's colour in what its outline encloses: labels are printed on, clocks have hands."""
    certainty: float
    """The segmenter's mean value."""
    light: float
    """Mean of the ground there, in its darkest channel, grey levels."""

    def is_crossed(self) -> bool:
        """Whether thin things in all directions part it into many cells and meet in its middle: spokes, but neither the
        gaps between keys nor a ball's seams."""
        return (
            self.area > 0.005
            and self.purity > (0.9 if self.cells < MANY_CELLS else 0.8)
            and self.bounded > 0.7
            and self.beyond > 0.2
            and self.cells >= 12
            and self.largest < 0.5
            and self.turning > 0.9
            and self.radial > 0.8
        )

    def is_bounded(self) -> bool:
        """Whether it ends at the product, and not gradually. (On a textured ground, neither is ever quite so.)"""
        return self.purity > 0.8 and self.bounded > 0.45

    def is_framed(self) -> bool:
        """Whether it is a place without the thinnest hand or letter that ends at the product; never on white ground."""
        return self.purity > 0.9 and self.bounded > 0.6 and self.emptiness > 0.985 and self.light < WHITISH

    def is_doubted(self, usual: float) -> bool:
        """Whether it is a framed, empty place that the segmenter itself does not quite believe in.

        `usual` is how certain the segmenter is of the product elsewhere.
        """
        return (
            self.area < 0.05
            and self.purity > 0.93
            and self.bounded > 0.75
            and self.beyond > 0.1
            and self.emptiness > 0.95
            and self.certainty < 0.985 * usual
            and self.light < WHITE
        )

    def is_unlikely(self, usual: float) -> bool:
        """Whether it is an empty place that the segmenter clearly doubts; a shadow in it may hide its frame. `usual` as
        above.

        (Of 14 such places in photos and scenes, 13 were ground for the most part; the other was in a product that the
        segmenter half saw as a whole.)
        """
        return (
            self.area < 0.05
            and self.beyond > 0.1
            and self.emptiness > 0.9
            and self.certainty < 0.9 * usual
            and self.light < WHITISH
        )


class Surroundings(NamedTuple):
    """A part of the photo around a place; each h x w."""

    inside: NDArray[np.bool_]
    """Product, if the segmenter is right."""
    doubtful: NDArray[np.bool_]
    """Neither the ground's colour nor clearly another, and not just the soft edge between the two."""
    framed: NDArray[np.bool_]
    """Within `FRAME` of what clearly is product."""
    certainty: NDArray[np.float32]
    """The segmenter's value."""
    light: NDArray[np.float32]
    """The ground's darkest channel, grey levels."""

    def part(self, window: tuple[slice, slice]) -> "Surroundings":
        """A part of it."""
        return Surroundings(
            self.inside[window], self.doubtful[window], self.framed[window], self.certainty[window], self.light[window]
        )


def measure_place(
    cells: NDArray[np.uint8], whole: NDArray[np.uint8], surroundings: Surroundings, span: int, shape: tuple[int, ...]
) -> Place:
    """Figures of a place.

    Args:
        cells: h x w, 1 where it has the ground's colour.
        whole: h x w, 1 there and on what crosses it.
        surroundings: the same part of the photo, with a margin around the place.
        span: half the greatest width of what crosses a place, pixels.
        shape: height and width of the whole photo at this size.
    """
    import cv2

    area = int(cells.sum())
    outline = (whole > 0) & (cv2.erode(whole, np.ones((3, 3), np.uint8)) == 0)
    away = cv2.distanceTransform(1 - whole, cv2.DIST_L2, 3)
    doubtful = int((surroundings.doubtful & (away <= span)).sum())
    beyond = ~surroundings.inside[(away > span) & (away < BEYOND * max(shape))]
    areas = cv2.connectedComponentsWithStats(cells, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    across, down = slopes(cells.astype(np.float32))
    return Place(
        area=area / (shape[0] * shape[1]),
        purity=area / (area + doubtful),
        bounded=float(surroundings.framed[outline].mean()),
        beyond=float(beyond.mean()) if beyond.size else 0.0,
        cells=int((areas >= LEAST_CELL).sum()),
        largest=float(areas.max()) / area,
        turning=_turning(across, down),
        radial=_radial(cells, across, down),
        emptiness=area / _enclosed(whole),
        certainty=float(surroundings.certainty[cells > 0].mean()),
        light=float(surroundings.light[cells > 0].mean()),
    )


def _enclosed(whole: NDArray[np.uint8]) -> int:
    """Pixels within the outer outline."""
    import cv2

    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(whole)
    cv2.drawContours(filled, outlines, -1, (1,), cv2.FILLED)
    return int(filled.sum())


def _turning(across: NDArray[np.float32], down: NDArray[np.float32]) -> float:
    direction = np.floor(np.arctan2(down, across) * (DIRECTIONS / np.pi) + 0.5).astype(np.intp) % DIRECTIONS
    held = np.bincount(direction.ravel(), np.hypot(across, down).ravel(), DIRECTIONS)
    return float((held > 0.5 * held.mean()).mean())


def _radial(cells: NDArray[np.uint8], across: NDArray[np.float32], down: NDArray[np.float32]) -> float:
    import cv2

    (x, y), radius = cv2.minEnclosingCircle(cv2.findNonZero(cells))
    rows, columns = np.indices(cells.shape, np.float32)
    rows, columns = rows - np.float32(y), columns - np.float32(x)
    away = np.hypot(rows, columns)
    middle = (away > NEAR_HUB * radius) & (away < NEAR_RIM * radius)
    turned = np.abs(across * rows - down * columns) / np.maximum(away, 1)
    return float(turned[middle].sum() / max(float(np.hypot(across, down)[middle].sum()), 1e-6))
