"""The product's own colours at soft edges, so that no halo of the old ground shows on a new one."""

import math

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.trimap import box_around
from imgflow.stages.sizes import scaled_size

MOST_PIXELS = 4_000_000
"""The multi-level estimate runs on at most this many pixels; a larger photo is halved (or more) for it, and the answer
refined on the full photo."""

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
    size; each full-size pixel is then made to satisfy the compositing equation (Forte 2021).

    Args:
        rgb: H x W x 3, uint8, the photo.
        alpha: H x W, uint8.

    Returns:
        H x W x 3, uint8.
    """
    from imgflow.stages.matte.edges.foreground_kernel import finish_colours

    cleaned = np.zeros_like(rgb)
    rim = rim_width(alpha.shape)
    times = math.ceil((alpha.size / MOST_PIXELS) ** 0.5)
    box = box_around(alpha > 0, int(rim) + 2, step=times)
    if box is None:
        return cleaned
    rows, _ = box  # rows alone are no copies
    soft = _soft(alpha[rows], rim)
    product, ground = _estimate(rgb[rows], alpha[rows], soft, times)
    finish_colours(rgb[rows], alpha[rows], soft, product, ground, cleaned[rows])
    return cleaned


def _soft(alpha: NDArray[np.uint8], rim: float) -> NDArray[np.uint8]:
    """1 where a colour is to be found: what is neither opaque nor farther outside than `rim`, pixels."""
    import cv2

    near = cv2.distanceTransform((alpha == 0).view(np.uint8), cv2.DIST_L2, 3) <= rim
    return (near & (alpha != 255)).view(np.uint8)


def rim_width(shape: tuple[int, ...]) -> float:
    """Pixels outside the product that keep a colour: at least 4, so that filters of that reach find no black."""
    return max(4.0, RIM * max(shape))


def _estimate(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], soft: NDArray[np.uint8], times: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours of product and ground, at so many times less than the photo's size; they mean something where `soft`.

    From one pixel on the size doubles from level to level; the colours found at one are the first guess at the next.
    Large levels are worked on only where it matters: elsewhere one of the two is the photo's own colour.
    """
    import cv2

    from imgflow.stages.matte.edges.foreground_kernel import next_level, smooth_colours

    active = soft
    if times > 1:
        size = scaled_size(alpha.shape, 1 / times)
        rgb, alpha, active = (
            np.asarray(cv2.resize(full, size, interpolation=cv2.INTER_AREA), np.uint8) for full in (rgb, alpha, soft)
        )
    height, width = alpha.shape
    product, ground = (_mean_colour(rgb, alpha > 229), _mean_colour(rgb, alpha < 26))
    levels = max(1, int(np.ceil(np.log2(max(height, width)))))
    for level in range(levels + 1):
        size = (round(width ** (level / levels)), round(height ** (level / levels)))
        colours, opacity = (
            np.asarray(cv2.resize(full, size, interpolation=cv2.INTER_NEAREST)) for full in (rgb, alpha)
        )
        if max(size) <= WHOLE:
            work = wanted = np.ones_like(opacity)
        else:
            work = np.asarray(cv2.resize(active, size, interpolation=cv2.INTER_AREA))
            work = np.asarray(cv2.dilate(work, np.ones((5, 5), np.uint8)), np.uint8)
            wanted = np.asarray(cv2.dilate(work, np.ones((3, 3), np.uint8)), np.uint8)
        small_product, small_ground = product, ground
        product, ground = (np.zeros((size[1], size[0], 3), np.float32) for _ in range(2))
        next_level(colours, opacity, wanted, small_product, small_ground, product, ground)
        smooth_colours(colours, opacity, work, FEW_ROUNDS if max(size) > SMALL else MANY_ROUNDS, product, ground)
    return product, ground


def _mean_colour(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1 x 1 x 3, 0 to 1; black where there is nothing."""
    import cv2

    mean = np.asarray(cv2.mean(rgb, where.view(np.uint8))[:3]) / 255
    return mean.astype(np.float32).reshape(1, 1, 3)
