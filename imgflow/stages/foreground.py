"""The product's own colours at soft edges, so that no halo of the old ground shows on a new one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.strips import enlarged_at, strips

MOST_PIXELS = 4_000_000
"""The multi-level estimate runs on at most this many pixels; above, its answer is refined on the full photo."""

PIXELS = 65_536
"""Pixels refined at a time."""

SMALL, MANY_ROUNDS, FEW_ROUNDS = 32, 10, 2
"""Up to this longer side a level of the estimate is gone over many times, beyond it few times."""

WHOLE = 128
"""Up to this longer side a level is worked on from edge to edge."""

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

    shape = alpha.shape
    near = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 3) <= rim_width(shape)
    opaque = alpha == 255
    cleaned = cv2.bitwise_and(rgb, rgb, mask=opaque.view(np.uint8))
    soft = near & ~opaque
    where = np.flatnonzero(soft).astype(np.int32)
    if not where.size or not (alpha > 0).any():
        return np.asarray(cleaned, np.uint8)
    product, ground = _estimate(rgb, alpha, soft)
    pixels, opacities, result = rgb.reshape(-1, 3), alpha.ravel(), cleaned.reshape(-1, 3)
    for part in strips(where.size, PIXELS):
        some = where[part]
        own = enlarged_at(product, some, shape)
        if product.shape[:2] != shape:
            opacity = opacities[some, None] / np.float32(255)
            below = enlarged_at(ground, some, shape)
            missing = pixels[some] / np.float32(255) - opacity * own - (1 - opacity) * below
            own = own + opacity * missing / (opacity**2 + (1 - opacity) ** 2)
        result[some] = np.rint(np.clip(own, 0, 1) * 255)
    return np.asarray(cleaned, np.uint8)


def rim_width(shape: tuple[int, ...]) -> float:
    """Pixels outside the product that keep a colour: at least 4, so that filters of that reach find no black."""
    return max(4.0, RIM * max(shape))


def _estimate(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], soft: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours of product and ground, at the photo's size or smaller; they mean something where `soft`.

    From one pixel on the size doubles from level to level; the colours found at one are the first guess at the next.
    Large levels are worked on only where it matters: elsewhere one of the two is the photo's own colour.
    """
    import cv2

    from imgflow.stages.foreground_kernel import smooth_colours

    active = soft.view(np.uint8)
    scale = min(1.0, (MOST_PIXELS / alpha.size) ** 0.5)
    if scale < 1:
        size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
        active = np.asarray(cv2.resize(active * 255, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = alpha.shape
    product, ground = (_mean_colour(rgb, alpha > 229), _mean_colour(rgb, alpha < 26))
    levels = max(1, int(np.ceil(np.log2(max(height, width)))))
    for level in range(levels + 1):
        size = (round(width ** (level / levels)), round(height ** (level / levels)))

        def sized(picture: NDArray[Any], size: tuple[int, int] = size) -> NDArray[Any]:
            return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST))

        colours, opacity, product, ground = sized(rgb), sized(alpha), sized(product), sized(ground)
        if max(size) <= WHOLE:
            work = np.ones_like(opacity)
        else:
            work = np.asarray(cv2.resize(active, size, interpolation=cv2.INTER_AREA))
            work = cv2.dilate((work > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
            product[opacity == 255] = colours[opacity == 255] / np.float32(255)
            ground[opacity == 0] = colours[opacity == 0] / np.float32(255)
        rounds = FEW_ROUNDS if max(size) > SMALL else MANY_ROUNDS
        smooth_colours(colours, opacity, np.asarray(work, np.uint8), rounds, product, ground)
    return product, ground


def _mean_colour(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1 x 1 x 3, 0 to 1; black where there is nothing."""
    import cv2

    mean = np.asarray(cv2.mean(rgb, where.view(np.uint8))[:3]) / 255
    return mean.astype(np.float32).reshape(1, 1, 3)
