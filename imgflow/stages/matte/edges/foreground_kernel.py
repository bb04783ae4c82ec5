"""The steps of multi-level foreground estimation, as numba kernels; imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

REGULARISATION = 1e-5
"""Weight of the colours beside where alpha does not change; it rises with the change of alpha."""

KEPT = 0.75
"""Share of what a pixel's two colours miss that is given back to them; the rest is taken for noise."""


@njit(cache=True, nogil=True)
def smooth_colours(rgb: Any, alpha: Any, active: Any, rounds: int, product: Any, ground: Any) -> None:
    """Improves both colours of the active pixels, one pixel after the other (Germer et al. 2020, equations 4 to 6).

    Args:
        rgb: h x w x 3, uint8.
        alpha: h x w, uint8.
        active: h x w, uint8, not 0 where there is work.
        rounds: times that all pixels are gone over.
        product, ground: h x w x 3, float32, 0 to 1; changed.
    """
    height, width = alpha.shape
    scale = np.float32(1 / 255)
    least = np.float32(REGULARISATION)
    zero, one = np.float32(0), np.float32(1)
    weights = np.empty(4, np.float32)
    for _ in range(rounds):
        for y in range(height):
            for x in range(width):
                if not active[y, x]:
                    continue
                above, below = max(y - 1, 0), min(y + 1, height - 1)
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                share = alpha[y, x] * scale
                rest = one - share
                weights[0] = least + abs(share - alpha[y, left] * scale)
                weights[1] = least + abs(share - alpha[y, right] * scale)
                weights[2] = least + abs(share - alpha[above, x] * scale)
                weights[3] = least + abs(share - alpha[below, x] * scale)
                total = weights[0] + weights[1] + weights[2] + weights[3]
                a, b, c = share * share + total, share * rest, rest * rest + total
                factor = one / (a * c - b * b)
                for k in range(3):
                    value = rgb[y, x, k] * scale
                    own = (
                        share * value
                        + weights[0] * product[y, left, k]
                        + weights[1] * product[y, right, k]
                        + weights[2] * product[above, x, k]
                        + weights[3] * product[below, x, k]
                    )
                    other = (
                        rest * value
                        + weights[0] * ground[y, left, k]
                        + weights[1] * ground[y, right, k]
                        + weights[2] * ground[above, x, k]
                        + weights[3] * ground[below, x, k]
                    )
                    product[y, x, k] = min(max(factor * (c * own - b * other), zero), one)
                    ground[y, x, k] = min(max(factor * (a * other - b * own), zero), one)


@njit(cache=True, nogil=True)
def next_level(
    rgb: Any, alpha: Any, wanted: Any, small_product: Any, small_ground: Any, product: Any, ground: Any
) -> None:
    """First guess of both colours: what was found at the smaller size, or the photo's own where that is one of them.

    Args:
        rgb: h x w x 3, uint8.
        alpha: h x w, uint8.
        wanted: h x w, uint8, not 0 where a guess is wanted; no other pixel is touched.
        small_product, small_ground: of the smaller size, float32, 0 to 1.
        product, ground: h x w x 3, float32; changed.
    """
    height, width = alpha.shape
    rows, columns = small_product.shape[:2]
    scale = np.float32(1 / 255)
    for y in range(height):
        v = y * rows // height
        for x in range(width):
            if not wanted[y, x]:
                continue
            u = x * columns // width
            opacity = alpha[y, x]
            for k in range(3):
                value = rgb[y, x, k] * scale
                product[y, x, k] = value if opacity == 255 else small_product[v, u, k]
                ground[y, x, k] = value if opacity == 0 else small_ground[v, u, k]


@njit(cache=True, nogil=True)
def finish_colours(rgb: Any, alpha: Any, near: Any, product: Any, ground: Any, result: Any) -> None:
    """Colours of the product at the photo's size.

    Each soft pixel is made to satisfy the compositing equation (Forte 2021): what its two colours miss is shared
    between them as their shares in the pixel are. Opaque pixels keep the photo's colour.

    Args:
        rgb: H x W x 3, uint8.
        alpha: H x W, uint8.
        near: H x W, uint8, not 0 where a colour is wanted.
        product, ground: h x w x 3, float32, 0 to 1, at the photo's size or smaller (then enlarged, bilinear).
        result: H x W x 3, uint8; changed where the pixel is opaque or `near`.
    """
    height, width = alpha.shape
    rows, columns = product.shape[:2]
    scale, half = np.float32(1 / 255), np.float32(0.5)
    across, down = np.float32(columns / width), np.float32(rows / height)
    zero, one, white = np.float32(0), np.float32(1), np.float32(255)
    for y in range(height):
        v = min(max((y + half) * down - half, zero), np.float32(rows - 1))
        v0 = int(v)
        v1, lower = min(v0 + 1, rows - 1), v - np.float32(v0)
        for x in range(width):
            opacity = alpha[y, x]
            if opacity == 255:
                for k in range(3):
                    result[y, x, k] = rgb[y, x, k]
                continue
            if not near[y, x]:
                continue
            u = min(max((x + half) * across - half, zero), np.float32(columns - 1))
            u0 = int(u)
            u1, right = min(u0 + 1, columns - 1), u - np.float32(u0)
            w00, w01 = (one - lower) * (one - right), (one - lower) * right
            w10, w11 = lower * (one - right), lower * right
            share = opacity * scale
            rest = one - share
            part = np.float32(KEPT) * share / (share * share + rest * rest)
            for k in range(3):
                own = (
                    w00 * product[v0, u0, k]
                    + w01 * product[v0, u1, k]
                    + w10 * product[v1, u0, k]
                    + w11 * product[v1, u1, k]
                )
                below = (
                    w00 * ground[v0, u0, k]
                    + w01 * ground[v0, u1, k]
                    + w10 * ground[v1, u0, k]
                    + w11 * ground[v1, u1, k]
                )
                own += part * (rgb[y, x, k] * scale - share * own - rest * below)
                result[y, x, k] = np.uint8(min(max(own, zero), one) * white + half)
