"""What a cast shadow takes from the ground: only darkness that behaves like one counts.

A shadow takes the same share of light from all that lies in it. So it keeps the ground's texture and nearly its hue, it
begins at the product, it ends on lit ground, and it is darker than the unevenness that the ground has anyway. What is
otherwise (a fold, a wall, a cable, a part of the product that the segmenter missed) is left as it is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import mean_of
from imgflow.stages.shadow.ground_light import Light
from imgflow.stages.shadow.product_edge import BAND, PERHAPS_GROUND, ProductEdge, nearest
from imgflow.stages.shadow.things import narrow_things

NOTICEABLE = 0.012
"""Natural logarithm: what is weaker than this is left alone; from twice this on all is taken."""

UNEVEN = 2.5
"""Standard deviations of the lit ground's broad unevenness below which a darkness is no shadow."""

FAR = 0.1
"""How far from the product that unevenness is measured, as a share of the longer side. Also, no more than a tenth of
the ground there may be as dark as what counts as shadow."""

SOFT = 0.06
"""Natural logarithm: what is narrow and stands out from its surroundings by more than this is a thing."""

NARROW = 0.005
"""Half of the width up to which that is narrow, as a share of the longer side."""

ENDS_ON_LIT_GROUND = 0.5
"""Share of a shadow's outline, but for where it meets the product or leaves the photo, that must border lit ground."""

MOST_OF_FRAME = 0.25
"""Share of the photo's border that a shadow may leave by. More, and it is a wall or a second ground."""

CUT_OFF = 0.3
"""Share of a shadow's outline that may be the photo's border. What is cut off by more is often a piece of product."""

SLENDER = 0.5
"""Share of the photo's width (or height) up to which a product's shadow cannot go through all of it: a second ground
does."""

MOSTLY = 0.4
"""Share of a shadow that must be clean of things."""

ROUGHER = 1.7
"""Times the lit ground's local contrast which is too much for the same ground in a shadow."""

COARSE = 1.5
"""Times the variance of the fine texture that a coarse one has."""

LEAST_ROUGH = 0.012
"""Natural logarithm: local contrast that noise may bring anywhere."""

CORE = 4.0
"""Times as dark as what counts must a shadow be somewhere at the product."""

DEEP = 3.6
"""Times as dark as what counts must a tenth of a shadow be. A table's darker plank or patch is not."""

AGAIN = 0.75
"""Sigma over which what the filter left over is averaged, in narrow widths."""

BEYOND = 2.0
"""Times what a tenth of the lit ground exceeds by texture, that it must be."""

BEGINS = 0.8
"""Share of its depth that a shadow has where it begins: away from the product it fades."""

ALIKE = 0.35
"""Share of the deepest shadow's depth that the others must have: one light casts them all."""

TOUCHES = 0.02
"""How near to what the segmenter is sure of a shadow must begin, as a share of the longer side."""


def find_shadow(likely: NDArray[np.float32], light: Light, edge: ProductEdge) -> NDArray[np.float32]:
    """Measures the shadow that begins at the product: h x w x 3, natural logarithm of what gives each channel its light
    back, 0 or more.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        edge: the product's.
    """
    import cv2

    longer = max(edge.ground.shape)
    narrow = max(2, round(NARROW * longer))
    depth = np.asarray(cv2.GaussianBlur(mean_of(light.missing), (0, 0), 1.0), np.float32)
    rough = _local_contrast(light.missing, edge.ground)
    usual = float(np.median(rough[light.lit])) if light.lit.any() else 0.0
    plain = edge.ground & ~narrow_things(depth, edge.ground, light.lit, narrow, max(SOFT, 4 * usual))
    if not plain.any():
        return np.zeros_like(light.missing)
    filled = nearest(light.missing, plain)
    gain = _broad(filled, 2 * narrow, max(0.015, 3 * usual), light.lit)
    darkness = mean_of(gain)
    level = _unevenness(darkness, light, edge)
    sure = np.clip(darkness / level - 1, 0, 1)
    even = edge.ground & (np.abs(darkness) < max(level, light.tolerance))
    kept = _cast(darkness, level, likely > PERHAPS_GROUND, plain, even | light.lit, rough, usual, edge, narrow)
    # Its windows are broader than the darkest part of a contact shadow: what it left over is taken, unless texture.
    rest = np.asarray(cv2.GaussianBlur(filled - gain, (0, 0), AGAIN * narrow), np.float32)
    texture = BEYOND * float(np.percentile(np.abs(rest[light.lit]), 90)) if light.lit.any() else 0.0
    gain += np.sign(rest) * np.maximum(np.abs(rest) - texture, 0)
    return np.maximum(gain, 0) * (sure * kept)[..., None]


def _unevenness(darkness: NDArray[np.float32], light: Light, edge: ProductEdge) -> float:
    """How dark, natural logarithm, the ground is here and there without the product's doing."""
    far = edge.ground & (edge.away * BAND > FAR * max(light.lit.shape))
    lit = darkness[far & light.lit]
    spread = UNEVEN * 1.4826 * float(np.median(np.abs(lit))) if lit.size else 0.0
    return max(NOTICEABLE, light.corrected, spread, float(np.percentile(darkness[far], 90)) if far.any() else 0.0)


def _local_contrast(missing: NDArray[np.float32], plain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """h x w: root mean square of what is finer than a few pixels, natural logarithm."""
    import cv2

    grey = mean_of(missing)
    fine = np.square(grey - np.asarray(cv2.blur(grey, (5, 5)), np.float32)) * plain
    weight = np.asarray(cv2.blur(plain.astype(np.float32), (9, 9)), np.float32)
    return np.sqrt(np.maximum(np.asarray(cv2.blur(fine, (9, 9)), np.float32), 0) / np.maximum(weight, 0.05))


def _broad(missing: NDArray[np.float32], radius: int, texture: float, lit: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What the shadow took, without texture: h x w x 3.

    A guided filter (He, Sun and Tang 2010) whose guide is the depth itself: flat stretches are averaged, a shadow's
    edge is followed. What varies twice as much as the lit ground does in such a window is an edge. Where the ground's
    texture is coarse, the guide is filtered first (rolling guidance, Zhang et al. 2014).
    """
    import cv2

    side = 2 * radius + 1

    def mean(values: Any) -> NDArray[np.float32]:
        average = np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)
        return average.reshape(*average.shape[:2], -1)

    def filtered(values: NDArray[np.float32], guide: NDArray[np.float32]) -> NDArray[np.float32]:
        centre, centres = mean(guide), mean(values)
        slope = (mean(guide * values) - centre * centres) / (mean(guide * guide) - centre**2 + varies)
        return mean(slope) * guide + mean(centres - slope * centre)

    depth = mean_of(missing)[..., None]
    spread = mean(depth * depth) - mean(depth) ** 2
    varies = np.float32(max(texture**2, 4 * float(np.median(spread[lit])) if lit.any() else 0.0))
    return filtered(missing, filtered(depth, depth) if COARSE * texture**2 < varies else depth)


def _cast(
    depth: NDArray[np.float32],
    level: float,
    product: NDArray[np.bool_],
    plain: NDArray[np.bool_],
    lit: NDArray[np.bool_],
    rough: NDArray[np.float32],
    usual: float,
    edge: ProductEdge,
    narrow: int,
) -> NDArray[np.float32]:
    """Where the darkness is a cast shadow: h x w, 0 or 1."""
    import cv2

    shape = depth.shape
    outside = edge.away > 0
    ring = np.ones((2 * narrow + 1,) * 2, np.uint8)
    number, found, boxes, _ = cv2.connectedComponentsWithStats(((depth > level) & outside).astype(np.uint8))
    labels = np.asarray(found, np.int32)
    beside = np.asarray(cv2.distanceTransform((~product).astype(np.uint8), cv2.DIST_L2, 3)) < TOUCHES * max(shape)
    begins = np.unique(labels[beside & (depth > CORE * level)])
    kept, deep = np.zeros(number, np.float32), np.zeros(number, np.float32)
    for label in begins[begins > 0]:
        left, top, width, height, area = (int(v) for v in boxes[label])
        rows = slice(max(0, top - narrow), min(shape[0], top + height + narrow))
        columns = slice(max(0, left - narrow), min(shape[1], left + width + narrow))
        mine = labels[rows, columns] == label
        around = (np.asarray(cv2.dilate(mine.astype(np.uint8), ring)) > 0) & ~mine & outside[rows, columns]
        on_ground = float(lit[rows, columns][around].mean()) if around.any() else 1.0
        inside = mine & plain[rows, columns]
        deep[label] = np.percentile(depth[rows, columns][mine], 90)
        begin = mine & beside[rows, columns]
        out = _of_frame(mine, rows, columns, product)
        kept[label] = (
            deep[label] > DEEP * level
            and on_ground > ENDS_ON_LIT_GROUND
            and np.percentile(depth[rows, columns][begin], 90) > BEGINS * deep[label]
            and inside.sum() > MOSTLY * area
            and float(np.median(rough[rows, columns][inside])) < max(LEAST_ROUGH, ROUGHER * usual)
            and out < MOST_OF_FRAME
            and out * sum(shape) < CUT_OFF * (width + height)
        )
    kept *= deep > ALIKE * (deep * kept).max()
    inner = np.asarray(kept[labels], np.float32)
    # On the product's side of the edge, where pixels are mixed, it goes on.
    return np.where(outside, inner, np.asarray(cv2.dilate(inner, ring), np.float32))


def _of_frame(mine: NDArray[np.bool_], rows: slice, columns: slice, product: NDArray[np.bool_]) -> float:
    """Share of the photo's border that a region (in its window) touches; all of it where it goes through the photo."""
    height, width = product.shape
    top, bottom = int(mine[0].sum()) * (rows.start == 0), int(mine[-1].sum()) * (rows.stop == height)
    left, right = int(mine[:, 0].sum()) * (columns.start == 0), int(mine[:, -1].sum()) * (columns.stop == width)
    across = min(left, right) > 0 and product.any(0).mean() < SLENDER
    down = min(top, bottom) > 0 and product.any(1).mean() < SLENDER
    return 1.0 if across or down else (top + bottom + left + right) / (2 * (height + width))
