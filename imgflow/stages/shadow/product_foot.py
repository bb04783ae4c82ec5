"""The foot of a product that the segmenter took for shadow: it is dark, too, but it ends in a sharper edge."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of, mean_of
from imgflow.stages.shadow.ground_light import Light

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


def without_foot(likely: NDArray[np.float32], light: Light, ground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The ground without what lies between the product and a sharp edge near it.

    Each pixel near the product is seen from the product's nearest point: it is foot where an edge lies behind it.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        ground: h x w, up to the product's edge.
    """
    import cv2

    longer = max(ground.shape)
    product = likely >= 0.5
    if not product.any():
        return ground
    found = cv2.distanceTransformWithLabels((~product).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    away, seen_from = np.asarray(found[0], np.float32), np.asarray(found[1], np.int32)
    there = np.flatnonzero(ground & (away < REACH * longer))
    place = np.zeros(int(seen_from.max()) + 1, np.intp)
    place[seen_from[product]] = np.flatnonzero(product)
    source = place[seen_from.ravel()[there]]
    missing = np.asarray(cv2.GaussianBlur(light.missing, (0, 0), 0.7), np.float32)
    foot = _edges(missing, light.lit, np.float32(GREY_LEVELS) * np.exp(mean_of(missing - light.tones))).astype(np.uint8)
    foot[~ground | (away >= REACH * longer)] = 0
    edges, further = foot.copy(), np.arange(foot.size)
    onwards = _further(there, source, ground.shape)
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
    return ground & ~is_foot[labels]


def _edges(missing: NDArray[np.float32], lit: NDArray[np.bool_], coarse: NDArray[np.float32]) -> NDArray[np.bool_]:
    """h x w: where tone or hue changes at once, and by more than grey levels do (`coarse`, natural logarithm)."""
    import cv2

    edges = np.zeros(lit.shape, bool)
    for values, least in ((missing, EDGE), (missing - mean_of(missing)[..., None], EDGE_OF_HUE)):
        near, wide = (
            np.asarray(cv2.dilate(values, square)) - np.asarray(cv2.erode(values, square))
            for square in (np.ones((3, 3), np.uint8), np.ones((7, 7), np.uint8))
        )
        usual, rare = np.percentile(near[lit][::SAMPLED], (50, 99), axis=0) if lit.any() else np.zeros((2, 3))
        step = np.maximum(np.maximum(least, BEYOND_GRAIN * usual), rare).astype(np.float32)
        above = near - np.maximum(step, coarse[..., None])
        edges |= greatest_of(np.minimum(above, near - SHARP * wide)) > 0
    return edges


def _further(there: NDArray[np.intp], source: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Flat indices of the pixels behind some pixels, as seen from others (`source`), next to them."""
    rows, columns = np.divmod(there, shape[1])
    down, across = np.divmod(source, shape[1])
    length = 1 / np.maximum(np.hypot(rows - down, columns - across), 1)
    y = np.clip(np.rint(rows + (rows - down) * length), 0, shape[0] - 1)
    x = np.clip(np.rint(columns + (columns - across) * length), 0, shape[1] - 1)
    return (y * shape[1] + x).astype(np.intp)
