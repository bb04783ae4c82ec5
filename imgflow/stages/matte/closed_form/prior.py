"""What is believed of alpha before the solver looks at the photo's edges: the segmenter's word, and the colours'.

In an ordinary band, with sure product on one side and sure ground on the other, the photo itself decides nearly alone:
the segmenter draws the edge some pixels astray, and colours of a product are rarely those of its edge. Both count where
product or ground is sure only farther off, as between spokes: from there on the photo's word fades. And both count if
the photo contradicts the trimap: where what was found is neither clear beside sure ground nor opaque beside sure
product, the band was drawn too narrow, as around fur.

A segmenter sees little detail, and means of colours have none. So in an ordinary band both count less, the larger the
copy that is solved.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.closed_form.colour_evidence import LocalColours, colour_evidence, local_colours
from imgflow.stages.matte.trimap import BACKGROUND, FOREGROUND, LEAST_BAND, UNKNOWN
from imgflow.stages.sizes import scaled_size
from imgflow.stages.strips import enlarged_at

CERTAIN = 0.02
"""Weight of the segmenter's alpha where it is certain, against a diagonal of the Laplacian of about 1."""

UNDECIDED = 1e-4
"""Its weight where it is undecided."""

LEAST = 1e-7
"""Its weight anywhere, so that there is always one answer."""

DEEP_WEIGHT = 0.1
"""Its weight deep inside wide unknown regions, which would turn to cloud without it."""

DEEP_FROM = 4.0
"""Depth at which a region counts as wide, in half widths of the band."""

COLOUR = 0.2
"""Weight of the alpha that colours tell, where they are fully to be trusted and the segmenter is undecided."""

OPEN = 4.0, 8.0
"""Distance to the farther of product and ground, in half widths of the band, from which on a place begins to be no
ordinary band, and at which it is none."""

BESIDE, COLOUR_BESIDE = 0.3, 0.1
"""Shares of `CERTAIN` and of `COLOUR` that are left in an ordinary band."""

FULL_SIDE = 256
"""Longer side of the product, pixels, up to which both count in full. Beyond, in an ordinary band, the weight of a
pixel falls as their number grows, so that it is the same for the whole. (With one weight at all sizes, fur with a
trimap near the truth is 2.7 times as far from it as without a prior; now 1.1 to 1.3 times.)"""

CONTRADICTED = 0.05, 0.09
"""What is found beside sure product and sure ground, as a distance from those, from which on the photo begins to
contradict the trimap, and at which it does; then no place is an ordinary band. (Trimaps made from the truth: 0.00 to
0.03, a jug 0.06; fur as u2netp sees it: 0.10 to 0.19.)"""

LONGER_SIDE = 1024
"""Distances are measured on a copy of at most this longer side, pixels."""

FARTHEST = 1000.0
"""Distance to what is nowhere, in half widths of the band."""


class Surroundings(NamedTuple):
    """What is known around each pixel, on small copies of the photo."""

    colours: LocalColours
    distances: NDArray[np.float32]
    """h x w x 2: to sure product and to sure ground, in half widths of the band."""
    extent: float
    """Longer side of what is not sure ground, as a share of the photo's."""
    contradiction: float
    """0 to 1: how far the photo contradicts the trimap; 0 until something was solved."""


def surroundings(
    rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], guess: NDArray[np.float32], band: float
) -> Surroundings:
    """Arguments as those of `closed_form.solve_alpha`."""
    import cv2

    scale = min(1.0, LONGER_SIDE / max(trimap.shape))
    size = scaled_size(trimap.shape, scale)
    small = np.asarray(cv2.resize(trimap, size, interpolation=cv2.INTER_AREA), np.uint8)
    unit = max(band, LEAST_BAND) * scale
    elsewhere = (small <= (UNKNOWN + FOREGROUND) // 2, small >= (BACKGROUND + UNKNOWN) // 2)
    distances = [
        np.full(small.shape, FARTHEST, np.float32)
        if away.all()
        else np.asarray(cv2.distanceTransform(away.view(np.uint8), cv2.DIST_L2, 3), np.float32) / np.float32(unit)
        for away in elsewhere
    ]
    return Surroundings(
        local_colours(rgb, guess),
        np.dstack(distances).astype(np.float32, copy=False),
        extent=max(cv2.boundingRect((small > BACKGROUND).view(np.uint8))[2:]) / max(small.shape),
        contradiction=0.0,
    )


def contradiction(alpha: NDArray[np.float32], trimap: NDArray[np.uint8]) -> float:
    """How far what was found contradicts the trimap, 0 to 1.

    Args:
        alpha: h x w, 0 to 1, as solved.
        trimap: h x w, uint8.
    """
    import cv2

    astray = 1.0
    for sure, found in ((BACKGROUND, alpha), (FOREGROUND, 1 - alpha)):
        beside = np.asarray(cv2.dilate((trimap == sure).view(np.uint8), np.ones((3, 3), np.uint8))) > 0
        ends = found[beside & (trimap == UNKNOWN)]
        astray *= float(ends.mean()) if ends.size else 0.0
    return float(np.interp(astray**0.5, CONTRADICTED, (0, 1)))


def prior_alpha(
    rgb: NDArray[np.uint8], guess: NDArray[np.float32], known: Surroundings, where: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the solver's answer is pulled to, and how strongly.

    Args:
        rgb: H x W x 3, uint8, the photo or a smaller copy.
        guess: H x W, 0 to 1: the segmenter's alpha.
        known: of the photo.
        where: N flat indices of the unknown pixels.

    Returns:
        Alpha and weight, both N, float32.
    """
    share = min(1.0, FULL_SIDE / (known.extent * max(guess.shape))) ** 2
    distances = enlarged_at(known.distances, where, rgb.shape)
    nearer, farther = np.minimum(*distances.T), np.maximum(*distances.T)
    deep = np.clip(nearer / np.float32(DEEP_FROM) - 1, 0, 1)
    aside = np.clip((farther - OPEN[0]) / (OPEN[1] - OPEN[0]), known.contradiction, 1)
    beside = 1 - aside
    own_alpha = guess.ravel()[where]
    certainty = (2 * own_alpha - 1) ** 2
    colour, trust = np.zeros_like(own_alpha), np.zeros_like(own_alpha)
    asked = np.flatnonzero(certainty < 1)
    colour[asked], trust[asked] = colour_evidence(rgb, known.colours, where[asked])
    trust = trust**2 * (1 - certainty)
    sure = CERTAIN * (BESIDE * share * beside + aside)
    unsure = UNDECIDED * share
    own = LEAST + unsure + (sure - unsure) * certainty + DEEP_WEIGHT * deep * (1 - trust)
    by_colour = COLOUR * trust * (COLOUR_BESIDE * share * beside + aside)
    weight = own + by_colour
    return np.asarray((own * own_alpha + by_colour * colour) / weight, np.float32), np.asarray(weight, np.float32)
