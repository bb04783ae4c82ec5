"""What is believed of alpha before the solver looks at the photo's edges: the segmenter's word, and the colours'."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.colour_evidence import LocalColours, colour_evidence
from imgflow.stages.matte.trimap import LEAST_BAND

SURE = 0.02
"""Weight of the segmenter's alpha where it is certain, against a diagonal of the Laplacian of about 1."""

UNSURE = 1e-3
"""Its weight where it is undecided."""

DEEP_WEIGHT = 0.1
"""Its weight deep inside wide unknown regions, which would turn to cloud without it."""

DEEP_FROM = 4.0
"""Depth at which a region counts as wide, in half widths of the band."""

COLOUR = 0.2
"""Weight of the alpha that colours tell, where they are fully to be trusted and the segmenter is undecided."""


def prior_alpha(
    rgb: NDArray[np.uint8],
    unknown: NDArray[np.bool_],
    guess: NDArray[np.float32],
    band: float,
    colours: LocalColours,
    where: NDArray[np.int32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the solver's answer is pulled to, and how strongly.

    Args:
        rgb: H x W x 3, uint8.
        unknown: H x W.
        guess: H x W, 0 to 1: the segmenter's alpha.
        band: half width of the trimap's band, pixels.
        colours: of product and ground around.
        where: N flat indices of the unknown pixels.

    Returns:
        Alpha and weight, both N, float32.
    """
    import cv2

    colour, trust = colour_evidence(rgb, colours, where)
    depth = np.asarray(cv2.distanceTransform(unknown.view(np.uint8), cv2.DIST_L2, 3), np.float32).ravel()[where]
    deep = np.clip(depth / np.float32(DEEP_FROM * max(band, LEAST_BAND)) - 1, 0, 1)
    own_alpha = guess.ravel()[where]
    certainty = (2 * own_alpha - 1) ** 2
    trust = trust**2 * (1 - certainty)
    own = UNSURE + (SURE - UNSURE) * certainty + DEEP_WEIGHT * deep * (1 - trust)
    by_colour = COLOUR * trust
    weight = own + by_colour
    return np.asarray((own * own_alpha + by_colour * colour) / weight, np.float32), np.asarray(weight, np.float32)
