"""Opening places inside what a segmenter takes for product through which the ground is seen: wheels, loops, handles.

Small networks paint a wheel as a disc, and are certain of it. The photo knows better; see `see_through.py`.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.morphology import disc, opened
from imgflow.stages.matte.openings.ground_colour import GroundColour, fit_ground
from imgflow.stages.matte.openings.likeness import Likeness, has_its_tint, likeness, texture_around
from imgflow.stages.matte.openings.one_colour import identical_ground
from imgflow.stages.matte.openings.see_through import BEYOND, CLEAR, FRAME, Place, Surroundings, measure_place
from imgflow.stages.matte.openings.shaded_ground import shaded_ground
from imgflow.stages.matte.openings.undecided import WIDE, doubted_ground, is_half_seen
from imgflow.stages.matte.trimap import BACKGROUND
from imgflow.stages.sizes import scaled_size

LONGER_SIDE = 1024
"""Openings are looked for on a copy of this longer side, pixels; small photos are enlarged, at most twice."""

SMALLEST = 3e-4
"""Share of the photo from which on a place is looked at."""

SHADES = 0.0, 0.1, 0.2
"""How much darker the ground may be there, natural logarithm: a product shades what is seen through it."""

SPAN = 0.006
"""Half the width of what may cross a place without parting it (spokes), as a share of the longer side."""

THIN = 2.0
"""Distance from the ground's colour, in its bounds, from which on a pixel may hold a thing thinner than itself."""

ROUNDS = 3
"""Times that the ground's colour in a crossed opening is corrected by what was found to be ground there."""

CLOSE = 0.005
"""Half side of the windows over which the tones of ground in a soft shadow are averaged, as a share of the longer
side."""

CERTAIN_GROUND = 0.05
"""Value of the mask below which a pixel is ground around the product."""

DEEP = 1.25
"""Pixels of the small copy from such things, from which on ground is sure."""


class Openings(NamedTuple):
    """What was found, on a small copy of the photo."""

    alpha: NDArray[np.float32]
    """h x w, 0 to 1: a first guess in the openings, 1 everywhere else."""
    depth: NDArray[np.float32]
    """h x w, pixels of the small copy: how far into ground that is seen through an opening; 0 everywhere else."""

    def share(self) -> float:
        """Share of the photo that is ground seen through openings."""
        return float((self.depth > 0).mean())

    def cut_mask(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """The segmenter's mask, H x W, 0 to 1, with the openings cut out of it."""
        import cv2

        alpha = cv2.resize(self.alpha, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.minimum(mask, np.asarray(alpha, np.float32))

    def cut_trimap(self, regions: NDArray[np.uint8]) -> None:
        """Marks as ground, in place, what is so well inside an opening that nothing crosses it there."""
        import cv2

        depth = cv2.resize(self.depth, regions.shape[::-1], interpolation=cv2.INTER_LINEAR)
        regions[np.asarray(depth) > DEEP] = BACKGROUND


def find_openings(rgb: NDArray[np.uint8], mask: NDArray[np.float32], belief: NDArray[np.float32]) -> Openings | None:
    """Finds where the ground is seen through the product; None where it is not, or cannot be told.

    Args:
        rgb: H x W x 3, uint8.
        mask: H x W, 0 to 1, the segmenter's.
        belief: H x W, 0 to 1, the segmenter's before it was made to decide: lower where it has doubts.
    """
    import cv2

    height, width = mask.shape
    scale = min(2.0, LONGER_SIDE / max(height, width))
    size = scaled_size(mask.shape, scale)
    product = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale <= 1 else cv2.INTER_CUBIC), np.uint8)
    smooth = np.asarray(cv2.medianBlur(small, 3), np.uint8)
    ground = fit_ground(smooth, product)
    if ground is None:
        return None
    certainty = np.asarray(cv2.resize(belief, size, interpolation=cv2.INTER_AREA), np.float32)
    half_seen = is_half_seen(product)
    cells, crossed, is_shaded = _open_places(ground, smooth, product, certainty, half_seen=half_seen)
    hulls = (crossed > 0) & (product >= 0.5)
    cells |= identical_ground(
        small, product < CERTAIN_GROUND, certainty, SMALLEST * product.size, round(WIDE * max(product.shape))
    )
    if not half_seen and not ground.roughness:
        cells |= doubted_ground(ground, smooth, product)
    if not cells.any():
        return None
    for _ in range(ROUNDS if hulls.any() else int(is_shaded)):
        ground = ground.following(smooth, (cells > 0) | (product < CERTAIN_GROUND))
        cells |= opened(hulls & (ground.distance(smooth) < 1))
    if hulls.any():
        shaded = shaded_ground(ground, smooth, cells, hulls, scale)
        if (shaded > cells).any():
            cells |= shaded
            ground = ground.following(smooth, cells > 0, CLOSE)
    away = ground.distance(small)  # the median takes away noise, and thin spokes with it
    alpha = np.asarray(np.clip((away - 1) / (CLEAR - 1), 0, 1), np.float32)
    alpha[cv2.dilate(cells, disc(FRAME)) == 0] = 1
    sure = cells & (away < THIN)
    return Openings(alpha, np.asarray(cv2.distanceTransform(sure, cv2.DIST_L2, 3), np.float32))


def _open_places(
    ground: GroundColour,
    rgb: NDArray[np.uint8],
    product: NDArray[np.float32],
    certainty: NDArray[np.float32],
    *,
    half_seen: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], bool]:
    """Looks at every place of the ground's colour, then at those of a darker ground.

    Returns:
        1 where the ground is seen; 1 in the convex hulls of what is crossed by spokes; whether some of it is shaded.
    """
    import cv2

    cells, crossed = np.zeros(product.shape, np.uint8), np.zeros(product.shape, np.uint8)
    inside = product >= 0.5
    usual = float(np.quantile(certainty[inside], 0.9)) if inside.any() else 1.0
    distances = ground.distance_in_shade(rgb, SHADES)
    texture = functools.cache(lambda: texture_around(ground, rgb, distances[0], product))
    looked_at = 0
    for away in distances:
        alike = opened(inside & (away < 1))
        if np.count_nonzero(alike) < looked_at + SMALLEST * alike.size:
            continue
        looked_at = np.count_nonzero(alike)
        known = crossed.copy()
        for window, own, hull, place in _places(ground, rgb, away, alike, product, certainty):
            if place.is_crossed():
                cv2.fillConvexPoly(crossed, hull, 1)
            # What crosses a known opening may pass for ground in the shade: there, ground must be reached softly.
            if known[window][own > 0].any():
                continue
            is_open = _is_open(place, ground, usual, half_seen=half_seen)
            if not is_open and place.is_bounded() and not ground.roughness:
                behind, seen, where = ground.part(window), rgb[window], own > 0
                is_open = has_its_tint(behind, seen, where) and _is_the_ground(
                    place, likeness(behind, seen, where, texture())
                )
            if is_open:
                cells[window] |= own
    return cells, crossed, bool(cells[distances[0] >= 1].any())


def _is_open(place: Place, ground: GroundColour, usual: float, *, half_seen: bool) -> bool:
    """Whether the ground is seen at a place; on a grainy one, what is not crossed tells too little."""
    if place.is_crossed() or ground.roughness:
        return place.is_crossed()
    return place.is_doubted(usual) or (place.is_unlikely(usual) and not half_seen)


def _is_the_ground(place: Place, like: Likeness) -> bool:
    """Whether it can be nothing else, whatever the segmenter believes and though nothing crosses it."""
    return like.has_its_texture() or (place.is_framed() and like.has_its_light())


def _places(
    ground: GroundColour,
    rgb: NDArray[np.uint8],
    away: NDArray[np.float32],
    candidates: NDArray[np.uint8],
    product: NDArray[np.float32],
    certainty: NDArray[np.float32],
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.uint8], NDArray[np.int32], Place]]:
    """Places inside the product that have the ground's colour and texture: where, 1 on what has it there, the convex
    hull of that with what crosses it, and figures.

    Args:
        ground: behind the product.
        rgb: h x w x 3, uint8.
        away: h x w, from its colour, 1 being the bound.
        candidates: h x w, 1 where it may be seen.
        product: h x w, 0 to 1.
        certainty: h x w, 0 to 1.
    """
    import cv2

    inside = product >= 0.5
    least = SMALLEST * away.size
    clearly = (inside & (away > CLEAR)).astype(np.uint8)
    doubtful = inside & (away >= 1) & (cv2.dilate(clearly, np.ones((3, 3), np.uint8)) == 0)
    everywhere = Surroundings(inside, doubtful, cv2.dilate(clearly, disc(FRAME)) > 0, certainty, ground.light())
    span = max(2, round(SPAN * max(away.shape)))
    margin = round(BEYOND * max(away.shape)) + 1
    joined = cv2.morphologyEx(candidates, cv2.MORPH_CLOSE, disc(span))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area < least:
            continue
        first = np.array([max(left - margin, 0), max(top - margin, 0)])
        window = np.s_[first[1] : top + height + margin, first[0] : left + width + margin]
        whole = (labels[window] == label).astype(np.uint8)
        own = candidates[window] & whole
        if own.sum() < least or not ground.part(window).is_as_rough(rgb[window], own > 0):
            continue
        place = measure_place(own, whole, everywhere.part(window), span, away.shape)
        yield window, own, np.asarray(cv2.convexHull(cv2.findNonZero(whole)) + first, np.int32), place
