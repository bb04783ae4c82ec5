"""What a pixel's colour says about its alpha, where product and ground near it have clearly different colours."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.sizes import scaled_size

LONGER_SIDE = 512
"""The local colours are smooth: they are averaged on a copy of at most this longer side, pixels."""

NEIGHBOURHOOD = 0.03
"""Sigma of the averages (two boxes: a Gaussian takes ten times as long), as a share of the longer side."""

SURE_POWER = 4
"""Weight of a pixel in the average of the product's colours is the segmenter's alpha to this power."""

LEAST_DIFFERENCE = 0.12
"""Distance between product and ground (RGB, 0 to 1) at which colour counts half, if both are even."""


class LocalColours(NamedTuple):
    """What product and ground look like around each pixel, on a small copy of the photo."""

    product: NDArray[np.float32]
    """h x w x 5: mean colour (0 to 1), variance, and how much of it there is."""
    ground: NDArray[np.float32]
    """The same of the ground."""


def local_colours(rgb: NDArray[np.uint8], guess: NDArray[np.float32]) -> LocalColours:
    """Averages over the neighbourhood.

    Args:
        rgb: H x W x 3, uint8.
        guess: H x W, 0 to 1: the segmenter's alpha.
    """
    import cv2

    size = scaled_size(guess.shape, min(1.0, LONGER_SIDE / max(guess.shape)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32) / 255
    opacity = np.asarray(cv2.resize(guess, size, interpolation=cv2.INTER_AREA), np.float32)
    return LocalColours(_average(small, opacity**SURE_POWER), _average(small, (1 - opacity) ** SURE_POWER))


def colour_evidence(
    rgb: NDArray[np.uint8], colours: LocalColours, where: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Alpha by projection onto the line between the local mean colours of product and ground, and how far to trust it.

    Trust falls where the two means are close compared to how much either varies around its mean, where the pixel is
    off the line, and where either has not been seen nearby.

    Args:
        rgb: H x W x 3, uint8, the photo or a smaller copy.
        colours: of the photo.
        where: N flat indices of the pixels asked about.

    Returns:
        Alpha, and trust, both N, float32, 0 to 1.
    """
    from imgflow.stages.matte.closed_form.evidence_kernel import project

    alpha, trust = np.empty(where.size, np.float32), np.empty(where.size, np.float32)
    project(rgb, colours.product, colours.ground, where, LEAST_DIFFERENCE**2, alpha, trust)
    return alpha, trust


def _average(rgb: NDArray[np.floating[Any]], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted mean of the colours around, their variance, and the mean weight: h x w x 5."""
    import cv2

    side = 2 * round(1.5**0.5 * NEIGHBOURHOOD * max(weight.shape)) + 1
    square = np.einsum("hwc,hwc->hw", rgb, rgb)
    sums = np.dstack([rgb * weight[..., None], square * weight, weight])
    for _ in range(2):
        sums = np.asarray(cv2.blur(sums, (side, side)), np.float32)
    seen = sums[..., 4]
    means = sums[..., :4] / np.maximum(seen, 1e-6)[..., None]
    variance = np.maximum(means[..., 3] - np.einsum("hwc,hwc->hw", means[..., :3], means[..., :3]), 0)
    return np.dstack([means[..., :3], variance, seen]).astype(np.float32, copy=False)
