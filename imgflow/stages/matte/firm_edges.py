"""Edges that are firm in the photo made firm in the cutout.

Closed-form matting leaves a haze of some pixels beside edges that are a step in the photo: noise, texture and shading
can all be explained by a little alpha. Where nothing but noise and texture speaks for that haze, alpha is held to a
ramp across its own contour of one half, as steep as the contour is at its steepest nearby: the profile of a firm edge,
as in border matting (Rother, Kolmogorov and Blake 2004), with the place and the width that the solver found.

The haze is tested by its colours: each of its pixels must look like its own side of the contour, that is be no farther
from the mean colour there than that side's colours vary around it. Strands of hair, glass and lace do not.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.trimap import UNKNOWN
from imgflow.stages.sizes import at_most_side, scaled_size
from imgflow.stages.strips import enlarged_at

LONGER_SIDE = 1024
"""Longer side of the copy on which haze is tested, pixels."""

TOUCH = 0.01
"""Distance to 0 or 1 up to which alpha is neither haze nor edge: the solver never quite arrives."""

SURELY = 0.1
"""Alpha up to which a pixel is one of those that tell how the ground looks; the product the same."""

BESIDE_CONTOUR = 1.5
"""Distance to the contour from which on alpha between 0 and 1 is haze, pixels of that copy. Nearer, they are mixed."""

AROUND = 0.01, 5
"""Half side of the window that tells how a side looks nearby, as a share of the longer side; and the least, pixels."""

EVEN = 4e-4
"""Variance of colours (0 to 1) that is expected everywhere: noise, and the blocks of JPEGs."""

TOGETHER = 0.07
"""Sigma of the neighbourhood over which haze is judged as a whole, as a share of the longer side."""

POOLED_SIDE = 128
"""Longer side of the copy on which that is done, pixels."""

FIRM, SOFT = 2.0, 3.0
"""Mean squared distance of the haze to its side's colours, in their variances, up to which the edge is firm, and from
which on it is soft. (Around bottles, bags, shoes: 0.5 to 3, around fur, hair and glass 4 to 30.)"""

NO_HAZE = 1e-3
"""Amount of haze, as a share of all pixels around, against which what there is counts: hardly any proves nothing."""

FARTHEST = 12.0
"""Squared distances above this count as this."""

HALFWAY = 0.3, 0.45
"""Distance of the haze to 0 and 1 from which on it begins to be more than haze, whatever it looks like, and at which it
counts as `FARTHEST`."""

REACH = 4
"""Pixels to either side of the contour between which alpha is neither 0 nor 1."""

PLAY = 0.25
"""Pixels by which the solver's own alpha may be off the ramp."""

SLOWEST = 0.15, 0.25
"""Slope of the contour, per pixel, up to which an edge is too soft for that, and from which on it is not."""


def firm_edges(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha without the haze beside firm edges.

    Args:
        rgb: h x w x 3, uint8: the photo or a smaller copy, on which haze is tested.
        trimap: H x W, uint8: only what is UNKNOWN is changed.
        alpha: H x W, 0 to 1, as solved; it is changed in place.

    Returns:
        `alpha`.
    """
    from imgflow.stages.matte.edge_kernels import hold_to_contour, mark_contour

    unknown = np.flatnonzero(trimap == UNKNOWN).astype(np.int32)
    where = unknown[np.abs(alpha.ravel()[unknown] - np.float32(0.5)) < 0.5 - TOUCH]
    if where.size == 0:
        return alpha
    share = enlarged_at(_firmness(rgb, alpha), where, alpha.shape)
    where, share = where[share > 0], share[share > 0]
    held, slope = np.empty(where.size, np.float32), np.empty(where.size, np.float32)
    crossed = np.zeros(alpha.shape, np.uint8)
    mark_contour(alpha, unknown, crossed)
    hold_to_contour(alpha, crossed, where, REACH, PLAY, held, slope)
    share *= _between(slope, SLOWEST)
    alpha.ravel()[where] += share * (held - alpha.ravel()[where])
    return alpha


def _firmness(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """How firm the edges around each pixel are, 0 to 1, on a copy of at most `LONGER_SIDE`."""
    import cv2

    from imgflow.stages.matte.edge_kernels import unlikeness

    small = at_most_side(rgb, LONGER_SIDE)
    opacity = np.asarray(cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
    haze = np.minimum(opacity, 1 - opacity)
    inside = (opacity >= 0.5).view(np.uint8)
    for side in (inside, 1 - inside):
        beside = np.asarray(cv2.distanceTransform(side, cv2.DIST_L2, 5))
        haze[(beside > 0) & (beside <= BESIDE_CONTOUR + 0.5)] = 0
    hazy = np.flatnonzero(haze > TOUCH).astype(np.int32)
    amount, distance = haze.ravel()[hazy], np.empty(hazy.size, np.float32)
    share, least = AROUND
    reach = max(round(share * max(opacity.shape)), least)
    unlikeness(small, opacity, hazy, reach, SURELY, EVEN, FARTHEST, distance)
    distance = np.maximum(distance, FARTHEST * _between(amount, HALFWAY))
    weighted = np.zeros(opacity.shape, np.float32)
    weighted.ravel()[hazy] = amount * distance
    size = scaled_size(haze.shape, min(1.0, POOLED_SIDE / max(haze.shape)))
    both = cv2.resize(np.dstack([weighted, haze]), size, interpolation=cv2.INTER_AREA)
    told = np.asarray(cv2.GaussianBlur(both, (0, 0), TOGETHER * max(size)), np.float32)
    return 1 - _between((told[..., 0] + FIRM * NO_HAZE) / (told[..., 1] + NO_HAZE), (FIRM, SOFT))


def _between(values: NDArray[Any], bounds: tuple[float, float]) -> NDArray[np.float32]:
    """0 at the lower of two bounds and below, 1 at the upper and above."""
    low, high = bounds
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32, copy=False)
