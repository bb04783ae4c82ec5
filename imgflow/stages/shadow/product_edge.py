"""Where the ground begins beside a product, on a small copy, and which colours either has there."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of

SURELY_GROUND = 0.1
"""The segmenter's answer up to which a pixel is ground."""

PERHAPS_GROUND = 0.3
"""The segmenter's answer up to which it may be ground, if one comes to it from sure ground without crossing an edge.
Contact shadows are often taken for a bit of product, the dark foot of a product for a bit of shadow."""

STEP = 0.22
"""Natural logarithm, over two pixels: what changes by more, in any channel, is an edge. Contact shadows are softer."""

CLEAR = 0.012
"""Share of the longer side by which ground is away from all that may be product, for its light to be measured."""

SOFT_EDGE = 0.01
"""Half width, as a share of the longer side, up to which a segmenter's edge may be soft."""

BAND = 3.0
"""Pixels on either side of the ground's outline where each pixel's own colour decides."""

SIDE = 1.5
"""Pixels from that outline on which a colour is that of its side alone."""


class ProductEdge(NamedTuple):
    """Ground and product on either side of the edge."""

    ground: NDArray[np.bool_]
    """h x w, ground up to the edge but for mixed pixels."""
    away: NDArray[np.float32]
    """h x w, distance from the ground's outline, in half widths of the band: negative inside the product."""
    product: NDArray[np.float32]
    """h x w x 3, grey levels: the product's colour, continued outwards."""


def doubt(likely: NDArray[np.float32]) -> float:
    """Area that the segmenter takes neither for product nor for ground, in patches broader than its soft edges, as a
    share of the product's."""
    import cv2

    unsure = (likely > SURELY_GROUND) & (likely < 1 - SURELY_GROUND)
    depth = np.asarray(cv2.distanceTransform(unsure.astype(np.uint8), cv2.DIST_L2, 3))
    return float((depth > SOFT_EDGE * max(likely.shape)).sum()) / max(1.0, float((likely >= 0.5).sum()))


def follow_ground(
    colours: NDArray[np.float32], likely: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The ground up to the product's edge, followed from where it is sure; and the ground well away from that edge.

    Args:
        colours: h x w x 3, grey levels of a small copy.
        likely: h x w, 0 to 1, the segmenter's.
    """
    import cv2

    sure = likely < SURELY_GROUND
    tones = np.asarray(cv2.GaussianBlur(np.log(colours + 4), (0, 0), 0.8), np.float32)
    square = np.ones((3, 3), np.uint8)
    change = greatest_of(np.asarray(cv2.dilate(tones, square)) - np.asarray(cv2.erode(tones, square)))
    open_to = sure | ((likely < PERHAPS_GROUND) & (change < STEP))
    labels = np.asarray(cv2.connectedComponents(open_to.astype(np.uint8), connectivity=4)[1], np.int32)
    reached = np.zeros(int(labels.max()) + 1, bool)
    reached[np.unique(labels[sure])] = True
    reached[0] = False
    ground = reached[labels]
    beyond = np.asarray(cv2.distanceTransform(sure.astype(np.uint8), cv2.DIST_L2, 3))
    return ground, ground & (beyond > max(2.0, CLEAR * max(likely.shape)))


def edge_of(ground: NDArray[np.bool_], colours: NDArray[np.float32]) -> ProductEdge:
    """Both sides of the ground's outline."""
    import cv2

    outwards = np.asarray(cv2.distanceTransform(ground.astype(np.uint8), cv2.DIST_L2, 5))
    inwards = np.asarray(cv2.distanceTransform((~ground).astype(np.uint8), cv2.DIST_L2, 5))
    distance = np.where(ground, outwards - 0.5, 0.5 - inwards).astype(np.float32)
    inside = distance < -SIDE
    product = nearest(colours, inside) if inside.any() else colours
    return ProductEdge(distance > SIDE, (distance / BAND).astype(np.float32), product)


def nearest(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """h x w x channels: unknown pixels take the values of the nearest known one. Some must be known."""
    import cv2

    unknown = np.flatnonzero(~known)
    if not unknown.size:
        return values
    found = cv2.distanceTransformWithLabels((~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found[1], np.int32)
    there = np.flatnonzero(known)
    place = np.zeros(there.size + 1, np.intp)
    place[labels.ravel()[there]] = there
    result = values.copy()
    channels = values.shape[2]
    result.reshape(-1, channels)[unknown] = values.reshape(-1, channels)[place[labels.ravel()[unknown]]]
    return result
