"""Areas about which the segmenter is undecided, as looks that disagree leave them."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.morphology import disc, opened
from imgflow.stages.matte.openings.ground_colour import GroundColour

WIDE = 0.008
"""Half the width of an undecided area that is no mere soft edge, as a share of the longer side."""

CONTAGIOUS = 0.3
"""Share of a place of the ground's colour which is undecided, from which on all of it is."""

MOST_UNDECIDED = 0.25
"""Undecided pixels for each of the product from which on it is the product that the segmenter half sees."""


def _undecided(product: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (product > 0.25) & (product < 0.75)


def is_half_seen(product: NDArray[np.float32]) -> bool:
    """Whether the segmenter half sees the product as a whole."""
    return bool(np.count_nonzero(_undecided(product)) > MOST_UNDECIDED * np.count_nonzero(product >= 0.5))


def doubted_ground(ground: GroundColour, rgb: NDArray[np.uint8], product: NDArray[np.float32]) -> NDArray[np.uint8]:
    """1 where the segmenter cannot decide over an area, and the photo shows the ground's very colour.

    Looks that disagree leave such areas. Of 39 in photos and scenes with truth, 12 had the ground's colour; 11 of these
    were ground.
    """
    import cv2

    undecided = _undecided(product).view(np.uint8)
    reach = round(WIDE * max(product.shape))
    hearts = cv2.erode(undecided, disc(reach))
    wide = np.asarray(cv2.dilate(hearts, disc(2 * reach)), np.uint8) & undecided
    if not wide.any():
        return wide
    alike = opened((product > 0.25) & (ground.distance(rgb) < 1))
    doubted = alike & wide
    count, found = cv2.connectedComponents(alike, connectivity=4)
    labels = np.asarray(found, np.intp)
    areas, doubts = (np.bincount(labels.ravel(), each, count) for each in (alike.ravel(), doubted.ravel()))
    whole = doubts > CONTAGIOUS * np.maximum(areas, 1)
    return doubted | (alike & whole[labels])
