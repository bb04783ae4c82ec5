"""What a pixel's colour says about its alpha, where product and ground near it have clearly different colours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.strips import enlarged_rows, strips

LONGER_SIDE = 512
"""The local colours are smooth: they are averaged on a copy of at most this longer side, pixels."""

NEIGHBOURHOOD = 0.03
"""Sigma of the averages, as a share of the longer side."""

SURE_POWER = 4
"""Weight of a pixel in the average of the product's colours is the segmenter's alpha to this power."""

LEAST_DIFFERENCE = 0.12
"""Distance between product and ground (RGB, 0 to 1) at which colour counts half, if both are even."""


def colour_evidence(
    rgb: NDArray[np.uint8], guess: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Alpha by projection onto the line between the local mean colours of product and ground, and how far to trust it.

    Trust falls where the two means are close compared to how much either varies around its mean, where the pixel is
    off the line, and where either has not been seen nearby.

    Args:
        rgb: H x W x 3, uint8.
        guess: H x W, 0 to 1: the segmenter's alpha.

    Returns:
        Alpha, and trust, both H x W, float32, 0 to 1.
    """
    import cv2

    height, width = guess.shape
    scale = min(1.0, LONGER_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32) / 255
    opacity = np.asarray(cv2.resize(guess, size, interpolation=cv2.INTER_AREA), np.float32)
    product = _local_colour(small, opacity**SURE_POWER)
    ground = _local_colour(small, (1 - opacity) ** SURE_POWER)
    alpha, trust = np.empty_like(guess), np.empty_like(guess)
    for rows in strips(height):
        own = enlarged_rows(product, rows, guess.shape)
        below = enlarged_rows(ground, rows, guess.shape)
        line = own[..., :3] - below[..., :3]
        length = (line**2).sum(2)
        offset = rgb[rows] / np.float32(255) - below[..., :3]
        place = (offset * line).sum(2) / np.maximum(length, 1e-6)
        alpha[rows] = np.clip(place, 0, 1)
        variance = own[..., 3] + below[..., 3] + LEAST_DIFFERENCE**2
        astray = ((offset - alpha[rows][..., None] * line) ** 2).sum(2)
        seen = np.minimum(own[..., 4], below[..., 4])
        trust[rows] = length / (length + variance) * variance / (variance + 4 * astray) * np.clip(seen / 0.02, 0, 1)
    return alpha, trust


def _local_colour(rgb: NDArray[np.floating[Any]], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted mean of the colours around, their variance, and the mean weight: h x w x 5."""
    import cv2

    sigma = NEIGHBOURHOOD * max(weight.shape)
    square = (rgb**2).sum(2)
    stacked = np.dstack([rgb * weight[..., None], square * weight])
    sums = np.asarray(cv2.GaussianBlur(stacked, (0, 0), sigma), np.float32)
    seen = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    means = sums / np.maximum(seen, 1e-6)[..., None]
    variance = np.maximum(means[..., 3] - (means[..., :3] ** 2).sum(2), 0)
    return np.dstack([means[..., :3], variance, seen]).astype(np.float32, copy=False)
