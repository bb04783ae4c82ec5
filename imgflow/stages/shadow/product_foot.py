"""The foot of a product that the segmenter took for ground or shadow: it ends in a sharper edge than a shadow does.

A dark foot is seen by the edge alone. A light one, such as a white sole on a white sweep, has the colour of shaded
ground; but its edge goes all around it, and beyond that edge is the shadow that it casts itself, which is darker.
"""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import mean_of
from imgflow.stages.shadow.ground_light import Light
from imgflow.stages.shadow.product_edge import nearest

REACH = 0.05
"""How far beyond what the segmenter is sure of its product may go on, as a share of the longer side."""

EDGE, EDGE_OF_HUE = 0.06, 0.03
"""Natural logarithm: least step, of a channel and of a channel against the mean of all."""

BEYOND_GRAIN = 4.0
"""Times the usual step on lit ground that it must be; and more than all but a hundredth of those steps."""

GREY_LEVELS = 2.0
"""That it must be, too: in the dark a few make a large step of the logarithm."""

SHARP = 0.65
"""Share of the change over seven pixels that an edge makes over three. A contact shadow is softer, however dark."""

SAMPLED = 8
"""One in so many of the lit pixels tells that."""

EDGED = 0.14
"""Share of a foot that its edge takes. With less, that is no edge but a speck on the ground, behind which lies shadow.
(Feet in rendered scenes: 0.15 to 0.6; before specks of asphalt and blocks of JPEG: 0 to 0.2, most of it below this.)"""

LEAST = 0.012
"""Side of the smallest square, as a share of the longer side, whose area a foot has."""

FAINT = 0.5
"""Times the least steps from which on an edge counts that goes all around."""

GAP = 0.02
"""Width of the gaps that such an edge may have, as a share of the longer side."""

LIGHTER, MOSTLY = 0.02, 0.6
"""Natural logarithm by which a light foot is lighter than the ground just beyond, and share of its outline where that
is so. What lies in a cast shadow is darker than, or just like, what lies beyond its edge."""

BEYOND = 4
"""Pixels up to which that is just beyond."""


def find_foot(likely: NDArray[np.float32], light: Light, ground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies on the ground between the product and a sharp edge near it: h x w.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        ground: h x w, up to the product's edge.
    """
    import cv2

    product = likely >= 0.5
    if not product.any():
        return np.zeros_like(ground)
    found = cv2.distanceTransformWithLabels((~product).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    away, seen_from = np.asarray(found[0], np.float32), np.asarray(found[1], np.int32)
    place = np.zeros(int(seen_from.max()) + 1, np.intp)
    place[seen_from[product]] = np.flatnonzero(product)
    missing = np.asarray(cv2.GaussianBlur(light.missing, (0, 0), 0.7), np.float32)
    coarse = np.float32(GREY_LEVELS) * np.exp(mean_of(missing - light.tones))
    edges, faint = _edges(missing, light.lit, coarse)
    return _dark_foot(edges, ground, away, place[seen_from]) | _light_foot(faint, mean_of(missing), ground, away)


def _dark_foot(
    edges: NDArray[np.bool_], ground: NDArray[np.bool_], away: NDArray[np.float32], nearest_of: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """h x w: each pixel near the product is seen from the product's nearest point, and is foot where an edge lies
    behind it.

    Args:
        edges: h x w.
        ground: h x w, up to the product's edge.
        away: h x w, pixels from the product.
        nearest_of: h x w, flat index of the product's nearest point.
    """
    import cv2

    longer = max(ground.shape)
    near = ground & (away < REACH * longer)
    there = np.flatnonzero(near)
    edges = edges & near
    foot, further = edges.astype(np.uint8), np.arange(edges.size)
    onwards = _further(there, nearest_of.ravel()[there], ground.shape)
    # The product itself is no ground beyond, nor is what is nearer to another part of it.
    further[there] = np.where(away.ravel()[onwards] > away.ravel()[there], onwards, there)
    for _ in range(int(REACH * longer).bit_length()):
        foot.ravel()[there] |= foot.ravel()[further[there]]
        further[there] = further[further[there]]
    foot = np.asarray(cv2.morphologyEx(foot, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    foot = np.asarray(cv2.morphologyEx(foot, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    number, found, boxes, _ = cv2.connectedComponentsWithStats(foot)
    labels, areas = np.asarray(found, np.int32), np.asarray(boxes)[:, cv2.CC_STAT_AREA]
    edged = np.bincount(labels.ravel(), edges.ravel(), number) > EDGED * areas
    is_foot = edged & (areas > (LEAST * longer) ** 2)
    is_foot[0] = False
    return is_foot[labels]


def _light_foot(
    edges: NDArray[np.bool_], dark: NDArray[np.float32], ground: NDArray[np.bool_], away: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """h x w: what edges near the product part from the open ground, where it is lighter than the ground beyond them.

    Args:
        edges: h x w.
        dark: h x w, natural logarithm, how much darker than lit ground.
        ground: h x w, up to the product's edge.
        away: h x w, pixels from the product.
    """
    import cv2

    longer = max(ground.shape)
    labels, areas = _parted(ground & ~edges, ground & (away < REACH * longer), max(2.0, GAP * longer / 2))
    inner = np.asarray(cv2.erode((labels > 0).astype(np.uint8), np.ones((5, 5), np.uint8))) > 0
    if not inner.any():
        return np.zeros_like(ground)
    # What is just beyond belongs to the one piece that it is next to; two are seldom so near to each other.
    square = np.ones((2 * BEYOND + 1,) * 2, np.uint8)
    beyond = np.asarray(cv2.dilate(labels.astype(np.float32), square), np.float32).astype(np.int32)
    beyond[(labels > 0) | ~ground | (away <= BEYOND)] = 0
    darker = dark - nearest(dark[..., None], inner)[..., 0] > LIGHTER
    around = np.bincount(beyond.ravel(), minlength=areas.size)
    # With less than one side to the ground it is a gap between parts of the product.
    is_foot = (areas > (LEAST * longer) ** 2) & (around > BEYOND * np.sqrt(areas))
    is_foot &= np.bincount(beyond.ravel(), darker.ravel(), areas.size) > MOSTLY * around
    is_foot[0] = False
    return is_foot[labels]


def _parted(
    free: NDArray[np.bool_], near: NDArray[np.bool_], brush: float
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Pieces of what is near the product that a round brush, pixels, does not reach over what is free, coming from far
    away: h x w labels, and the area of each label."""
    import cv2

    wide = np.asarray(cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5)) > brush
    labels = np.asarray(cv2.connectedComponents(wide.astype(np.uint8), connectivity=4)[1], np.int32)
    is_open = np.zeros(int(labels.max()) + 1, bool)
    is_open[np.unique(labels[free & ~near])] = True
    is_open[0] = False
    swept = np.asarray(cv2.distanceTransform((~is_open[labels]).astype(np.uint8), cv2.DIST_L2, 5)) <= brush + 1
    rest = np.asarray(cv2.morphologyEx((near & ~swept).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)))
    _, found, boxes, _ = cv2.connectedComponentsWithStats(rest)
    return np.asarray(found, np.int32), np.asarray(boxes)[:, cv2.CC_STAT_AREA].astype(np.intp)


def _edges(
    missing: NDArray[np.float32], lit: NDArray[np.bool_], coarse: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """h x w: where tone or hue changes at once, and by more than grey levels do (`coarse`, natural logarithm); and the
    same with faint edges."""
    import cv2

    edges, faint = np.zeros(lit.shape, bool), np.zeros(lit.shape, bool)
    for values, least in ((missing, EDGE), (missing - mean_of(missing)[..., None], EDGE_OF_HUE)):
        near, wide = (
            np.asarray(cv2.dilate(values, square)) - np.asarray(cv2.erode(values, square))
            for square in (np.ones((3, 3), np.uint8), np.ones((7, 7), np.uint8))
        )
        usual, rare = np.percentile(near[lit][::SAMPLED], (50, 99), axis=0) if lit.any() else np.zeros((2, 3))
        grain = np.maximum(BEYOND_GRAIN * usual, rare).astype(np.float32)
        sharp = near > np.float32(SHARP) * wide
        for found, share in ((edges, 1.0), (faint, FAINT)):
            least_step = np.maximum(np.maximum(np.float32(share * least), grain), np.float32(share) * coarse[..., None])
            found |= (sharp & (near > least_step)).any(2)
    return edges, faint


def _further(there: NDArray[np.intp], source: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Flat indices of the pixels behind some pixels, as seen from others (`source`), next to them."""
    rows, columns = np.divmod(there, shape[1])
    down, across = np.divmod(source, shape[1])
    length = 1 / np.maximum(np.hypot(rows - down, columns - across), 1)
    y = np.clip(np.rint(rows + (rows - down) * length), 0, shape[0] - 1)
    x = np.clip(np.rint(columns + (columns - across) * length), 0, shape[1] - 1)
    return (y * shape[1] + x).astype(np.intp)
