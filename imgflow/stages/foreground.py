"""The product's own colours at soft edges, so that no halo of the old ground shows on a new one."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.strips import enlarged_rows, strips

MOST_PIXELS = 4_000_000
"""The multi-level estimate runs on at most this many pixels; above, its answer is refined on the full photo."""

RIM = 0.004
"""Width of the rim outside the product that keeps its colours, as a share of the longer side."""


def clean_colours(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Replaces the colours of soft pixels by the product's own, and extends them over a rim outside.

    Opaque pixels keep their colours exactly. Transparent ones get the colour of the product nearby within a rim (so
    that viewers which scale colours and alpha apart show no dark fringe) and 0 beyond it (so that files stay small).
    Foreground and ground colours come from the multi-level method (Germer et al. 2020), on large photos at reduced
    size; there each full-size pixel is then made to satisfy the compositing equation again (Forte 2021).

    Args:
        rgb: H x W x 3, uint8, the photo.
        alpha: H x W, uint8.

    Returns:
        H x W x 3, uint8.
    """
    import cv2

    height, width = alpha.shape
    near = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 3) <= rim_width(alpha.shape)
    soft_rows = np.flatnonzero(((alpha < 255) & near).any(1))
    if not soft_rows.size or not (alpha > 0).any():
        return rgb * (alpha > 0)[..., None].astype(np.uint8)
    product, ground = _estimate(rgb, alpha)
    cleaned = np.zeros_like(rgb)
    for rows in strips(height):
        opacity = alpha[rows].astype(np.float32)[..., None] / 255
        own = enlarged_rows(product, rows, (height, width))
        if product.shape[:2] != (height, width):
            below = enlarged_rows(ground, rows, (height, width))
            missing = rgb[rows] / np.float32(255) - opacity * own - (1 - opacity) * below
            own = own + opacity * missing / (opacity**2 + (1 - opacity) ** 2)
        own = np.rint(np.clip(own, 0, 1) * 255).astype(np.uint8)
        own[alpha[rows] == 255] = rgb[rows][alpha[rows] == 255]
        cleaned[rows] = own * near[rows, :, None]
    return cleaned


def rim_width(shape: tuple[int, ...]) -> float:
    """Pixels outside the product that keep a colour: at least 4, so that filters of that reach find no black."""
    return max(4.0, RIM * max(shape))


def _estimate(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import cv2
    from pymatting import estimate_foreground_ml

    height, width = alpha.shape
    scale = min(1.0, (MOST_PIXELS / alpha.size) ** 0.5)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    image = np.multiply(rgb, 1 / 255, dtype=np.float32)
    opacity = np.multiply(alpha, 1 / 255, dtype=np.float32)
    product, ground = estimate_foreground_ml(image, opacity, return_background=True)
    return np.asarray(product, np.float32), np.asarray(ground, np.float32)
