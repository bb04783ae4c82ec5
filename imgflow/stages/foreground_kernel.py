"""The step of multi-level foreground estimation, as a numba kernel; imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

REGULARISATION = 1e-5
"""Weight of the colours beside where alpha does not change; it rises with the change of alpha."""


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
