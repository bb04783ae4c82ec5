"""Edges that are firm in the photo made firm in the cutout.

Closed-form matting leaves a haze of some pixels beside edges that are a step in the photo: noise, texture and shading
can all be explained by a little alpha. Where nothing but noise and texture speaks for that haze, alpha is held to a
ramp across its own contour of one half, as steep as the contour is at its steepest nearby: the profile of a firm edge,
as in border matting (Rother, Kolmogorov and Blake 2004), with the place and the width that the solver found.

The haze is tested by its colours: each of its pixels must look like its own side of the contour, that is be no farther
from the mean colour there than that side's colours vary around it. Strands of hair, glass and lace do not.

Where both sides of the contour look alike, its place is noise, and a firm edge would have teeth. There it is smoothed:
its inside is blurred, and a pixel is as far from the contour as the profile of a blurred straight edge says.
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

BESIDE_CONTOUR = 2
"""Steps from the contour within which alpha between 0 and 1 is no haze but mixed, pixels of that copy."""

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

ACROSS = 2
"""Half side of the window in which both sides of the contour are compared, pixels of the copy of `LONGER_SIDE`."""

ALIKE = 16.0, 23.0
"""Root mean square difference of the sides' mean colours, levels of 255, up to which they are alike, and from which on
they are not. (In scenes with truth, .8 to 1.3 times these does as well; above, notches between white laces before white
ground are rounded.)"""

UNLIKE = 40.0
"""Differences above this count as this."""

NEARBY = 0.0055
"""Sigma of the neighbourhood over which that mean is taken, as a share of the longer side."""

NO_CONTOUR = 1e-4
"""As `NO_HAZE`, of the contour's pixels; without it the sides count as unlike."""

SMOOTHED_SIDE, SMOOTHED = 512, 2.0
"""Longer side, pixels, of the copy on which the contour is smoothed; and the sigma, its pixels."""

REACH = 4
"""Pixels to either side of the contour between which alpha is neither 0 nor 1."""

PLAY = 0.15
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
    import cv2

    from imgflow.stages.matte.edges.edge_kernels import hold_to_contour, mark_contour

    where = np.flatnonzero(trimap == UNKNOWN).astype(np.int32)
    where = where[np.abs(alpha.ravel()[where] - np.float32(0.5)) < 0.5 - TOUCH]
    if where.size == 0:
        return alpha
    small = at_most_side(rgb, LONGER_SIDE)
    opacity = np.asarray(cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
    told = enlarged_at(np.dstack([_firmness(small, opacity), _likeness(small, opacity)]), where, alpha.shape)
    firm = told[:, 0] > 0
    where, (share, alike) = where[firm], told[firm].T.copy()
    place, noise = np.zeros(where.size, np.float32), alike > 0
    if noise.any():
        place[noise] = enlarged_at(_smoothed_places(opacity), where[noise], alpha.shape) * max(alpha.shape)
    crossed = np.zeros(alpha.shape, np.uint8)
    mark_contour(alpha, where, crossed)
    held, slope = np.empty(where.size, np.float32), np.empty(where.size, np.float32)
    hold_to_contour(alpha, crossed, where, place, alike, REACH, PLAY, held, slope)
    share *= np.maximum(_between(slope, SLOWEST), alike)
    alpha.ravel()[where] += share * (held - alpha.ravel()[where])
    return alpha


def _firmness(rgb: NDArray[np.uint8], opacity: NDArray[np.float32]) -> NDArray[np.float32]:
    """How firm the edges around each pixel are, 0 to 1, on a small copy."""
    import cv2

    from imgflow.stages.matte.edges.edge_kernels import unlikeness

    haze = np.minimum(opacity, 1 - opacity)
    inside = (opacity >= 0.5).view(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    haze[cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, cross, iterations=BESIDE_CONTOUR) > 0] = 0
    hazy = np.flatnonzero(haze > TOUCH).astype(np.int32)
    amount, distance = haze.ravel()[hazy], np.empty(hazy.size, np.float32)
    share, least = AROUND
    reach = max(round(share * max(opacity.shape)), least)
    unlikeness(rgb, opacity, hazy, reach, SURELY, EVEN, FARTHEST, distance)
    distance = np.maximum(distance, FARTHEST * _between(amount, HALFWAY))
    weighted = np.zeros(opacity.shape, np.float32)
    weighted.ravel()[hazy] = amount * distance
    mean = _mean_around(weighted, haze, TOGETHER, FIRM, NO_HAZE)
    return 1 - _between(mean, (FIRM, SOFT))


def _likeness(rgb: NDArray[np.uint8], opacity: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far both sides of the contour look alike around each pixel, 0 to 1, on a small copy."""
    import cv2

    from imgflow.stages.matte.edges.edge_kernels import contrast

    inside = (opacity >= 0.5).view(np.uint8)
    contour = inside - np.asarray(cv2.erode(inside, np.ones((3, 3), np.uint8)), np.uint8)
    where = np.flatnonzero(contour.view(np.bool_)).astype(np.int32)
    difference = np.empty(where.size, np.float32)
    contrast(rgb, inside, where, ACROSS, difference)
    squares, present = np.zeros(opacity.shape, np.float32), contour.astype(np.float32)
    squares.ravel()[where] = np.minimum(difference, UNLIKE) ** 2
    return 1 - _between(np.sqrt(_mean_around(squares, present, NEARBY, UNLIKE**2, NO_CONTOUR)), ALIKE)


def _mean_around(
    weighted: NDArray[np.float32], weight: NDArray[np.float32], sigma: float, without: float, least: float
) -> NDArray[np.float32]:
    """Mean over neighbourhoods, on a copy of `POOLED_SIDE`; `without` where there is far less weight than `least`."""
    import cv2

    size = scaled_size(weight.shape, min(1.0, POOLED_SIDE / max(weight.shape)))
    pooled = cv2.resize(np.dstack([weighted, weight]), size, interpolation=cv2.INTER_AREA)
    told = np.asarray(cv2.GaussianBlur(pooled, (0, 0), sigma * max(size)), np.float32)
    return (told[..., 0] + np.float32(without * least)) / (told[..., 1] + np.float32(least))


def _smoothed_places(opacity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of each pixel to the smoothed contour, positive inside, in longer sides, on a small copy.

    A blur by sigma shifts the contour by sigma squared times its curvature over two: by four times as much at two
    sigma, so that both distances together tell that at none.
    """
    import cv2

    size = scaled_size(opacity.shape, min(1.0, SMOOTHED_SIDE / max(opacity.shape)))
    inside = cv2.resize((opacity >= 0.5).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    near, far = (_places(cv2.GaussianBlur(inside, (0, 0), sigma), sigma) for sigma in (SMOOTHED, 2 * SMOOTHED))
    return np.asarray((4 * near - far) / (3 * max(size)), np.float32)


def _places(blurred: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Distance to a straight edge at which its profile, blurred by `sigma`, is that: the normal distribution's inverse.

    (By the hyperbolic tangent that it is close to: 1 % too far at half a sigma, 4 % at one.)
    """
    return 1.25 * sigma * np.arctanh(np.clip(2 * blurred - 1, -0.999, 0.999))


def _between(values: NDArray[Any], bounds: tuple[float, float]) -> NDArray[np.float32]:
    """0 at the lower of two bounds and below, 1 at the upper and above."""
    low, high = bounds
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32, copy=False)
