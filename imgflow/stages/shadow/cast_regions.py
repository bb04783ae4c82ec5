"""Which darkness on the ground is a cast shadow: judged region by region, each within its own surroundings.

A shadow begins at the product, where it is deepest, ends on lit ground, has its texture and is amidst it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CORE = 4.0
"""Times as dark as what counts must a shadow be somewhere at the product."""

DEEP = 3.6
"""Times as dark as what counts must a tenth of a shadow be. A table's darker plank or patch is not."""

BEGINS = 0.8
"""Share of its depth that a shadow has where it begins: away from the product it fades."""

ALIKE = 0.35
"""Share of the deepest shadow's depth that the others must have: one light casts them all."""

ENDS_ON_LIT_GROUND = 0.67
"""Share of a shadow's outline, but for where it is beside the product or leaves the photo, that must border lit
ground."""

AMIDST_LIT_GROUND, SURROUNDINGS = 0.7, 0.08
"""Share of what surrounds a shadow that must be lit; and how far that is, as a share of the longer side."""

MOSTLY = 0.5
"""Share of a shadow that must be clean of things."""

ROUGHER, SMOOTHER = 1.7, 0.5
"""Times the lit ground's local contrast that are too much, and too little, for the same ground in a shadow."""

LEAST_ROUGH = 0.012
"""Natural logarithm: local contrast that noise may bring anywhere."""

MOST_OF_FRAME = 0.25
"""Share of the photo's border that a shadow may leave by. More, and it is a wall or a second ground."""

CUT_OFF = 0.3
"""Share of a shadow's outline that may be the photo's border. What is cut off by more is often a piece of product."""

SLENDER = 0.5
"""Share of the photo's width (or height) up to which a product's shadow cannot go through all of it: a second ground
does."""

UPPER = 0.4
"""Share of a shadow's beginning that is beside the product's lower half. With less, it is a wall or what lies behind
the ground more often than a shadow, and must be surely the same ground:"""

SAME, LEAST_OUT = 0.8, 0.05
"""times the lit ground's local contrast that it must have at least, and share of the photo's border that it may leave
by."""


class Darkness(NamedTuple):
    """What is dark on the ground, on a small copy."""

    depth: NDArray[np.float32]
    """h x w, natural logarithm, without texture."""
    level: float
    """Natural logarithm, from which on it may be a shadow."""
    product: NDArray[np.bool_]
    """h x w, all that may be product."""
    beside: NDArray[np.bool_]
    """h x w, so near to it that a shadow may begin there."""
    beyond: NDArray[np.bool_]
    """h x w, not the ground on which the product stands: that a shadow goes on there says nothing."""
    outside: NDArray[np.bool_]
    """h x w, on the ground's side of the product's edge."""
    plain: NDArray[np.bool_]
    """h x w, ground without things on it."""
    lit: NDArray[np.bool_]
    """h x w, ground that is no darker than it is by itself."""
    rough: NDArray[np.float32]
    """h x w, local contrast, natural logarithm."""
    usual: float
    """The same of lit ground."""
    middle: int
    """The row halfway down the product."""


def cast_regions(dark: Darkness, narrow: int) -> NDArray[np.float32]:
    """Where the darkness is a cast shadow: h x w, 0 or 1.

    Args:
        dark: on the ground.
        narrow: width of a region's outline, pixels.
    """
    import cv2

    height, width = dark.depth.shape
    reach = round(SURROUNDINGS * max(height, width))
    number, found, boxes, _ = cv2.connectedComponentsWithStats(
        ((dark.depth > dark.level) & dark.outside).astype(np.uint8)
    )
    labels = np.asarray(found, np.int32)
    begins = np.unique(labels[dark.beside & (dark.depth > CORE * dark.level)])
    kept, deep = np.zeros(number, np.float32), np.zeros(number, np.float32)
    windows: dict[int, tuple[slice, slice]] = {}
    for label in (int(v) for v in begins[begins > 0]):
        left, top, across, down, _ = (int(v) for v in boxes[label])
        rows = slice(max(0, top - reach), min(height, top + down + reach))
        columns = slice(max(0, left - reach), min(width, left + across + reach))
        windows[label] = rows, columns
        mine = labels[rows, columns] == label
        deep[label] = np.percentile(dark.depth[rows, columns][mine], 90)
        border = CUT_OFF * (down + across) / (height + width)
        ends = _bordered(dark, mine, rows, columns, dark.lit, narrow) > ENDS_ON_LIT_GROUND
        kept[label] = ends and _is_cast(dark, mine, rows, columns, float(deep[label]), border)
    lit = dark.lit | (kept[labels] > 0)
    for label in (int(v) for v in np.flatnonzero(kept)):
        mine = labels[windows[label]] == label
        kept[label] = _bordered(dark, mine, *windows[label], lit, reach) > AMIDST_LIT_GROUND
    kept *= deep > ALIKE * (deep * kept).max()
    inner = np.asarray(kept[labels], np.float32)
    # On the product's side of the edge, where pixels are mixed, it goes on.
    ring = np.ones((2 * narrow + 1,) * 2, np.uint8)
    return np.where(dark.outside, inner, np.asarray(cv2.dilate(inner, ring), np.float32))


def _bordered(
    dark: Darkness, mine: NDArray[np.bool_], rows: slice, columns: slice, lit: NDArray[np.bool_], radius: int
) -> float:
    """Share of lit ground in what is around a region (in its window) up to a radius, pixels, and not at the product."""
    import cv2

    side = 2 * radius + 1
    count = cv2.boxFilter(mine.astype(np.float32), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    around = (np.asarray(count) > 0.5) & ~mine & ~(dark.beside | dark.beyond)[rows, columns]
    return float(lit[rows, columns][around].mean()) if around.any() else 1.0


def _is_cast(dark: Darkness, mine: NDArray[np.bool_], rows: slice, columns: slice, deep: float, border: float) -> bool:
    """Whether one region (in its window) is as deep, and has the texture, of a shadow that begins at the product."""
    begin = mine & dark.beside[rows, columns]
    if deep <= DEEP * dark.level or np.percentile(dark.depth[rows, columns][begin], 90) <= BEGINS * deep:
        return False
    inside = mine & dark.plain[rows, columns]
    if inside.sum() <= MOSTLY * mine.sum():
        return False
    upper = begin[max(0, dark.middle - rows.start) :].sum() < UPPER * begin.sum()
    texture = float(np.median(dark.rough[rows, columns][inside]))
    if texture >= max(LEAST_ROUGH, ROUGHER * dark.usual):
        return False
    if dark.usual >= LEAST_ROUGH and texture <= (SAME if upper else SMOOTHER) * dark.usual:
        return False
    return _of_frame(mine, rows, columns, dark.product) < min(LEAST_OUT if upper else MOST_OF_FRAME, border)


def _of_frame(mine: NDArray[np.bool_], rows: slice, columns: slice, product: NDArray[np.bool_]) -> float:
    """Share of the photo's border that a region (in its window) touches; all of it where it goes through the photo."""
    height, width = product.shape
    top, bottom = int(mine[0].sum()) * (rows.start == 0), int(mine[-1].sum()) * (rows.stop == height)
    left, right = int(mine[:, 0].sum()) * (columns.start == 0), int(mine[:, -1].sum()) * (columns.stop == width)
    across = min(left, right) > 0 and product[rows].any(0).mean() < SLENDER
    down = min(top, bottom) > 0 and product[:, columns].any(1).mean() < SLENDER
    return 1.0 if across or down else (top + bottom + left + right) / (2 * (height + width))
