"""Bilinear samples at the places a deformable convolution asks for: a numba kernel, imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

ZERO, ONE = np.float32(0), np.float32(1)


@njit(cache=True, nogil=True)
def sample(source: Any, places: Any, strengths: Any, kernel: int, first: int, samples: Any) -> None:
    """Fills `samples` for the pixels from `first` on, in reading order.

    Args:
        source: H x W x C, float32, contiguous. Outside it is 0.
        places: pixels x 2 taps, float32: for each tap of the kernel how many pixels below and to the right of its
            usual place it looks.
        strengths: pixels x taps, float32: what the sample is multiplied with.
        kernel: side of the kernel, odd.
        first: the first pixel.
        samples: N x taps x C, float32, contiguous.
    """
    height, width, channels = source.shape
    for n in range(samples.shape[0]):
        pixel = first + n
        top, left = pixel // width - kernel // 2, pixel % width - kernel // 2
        for tap in range(kernel * kernel):
            y = np.float32(top + tap // kernel) + places[pixel, 2 * tap]
            x = np.float32(left + tap % kernel) + places[pixel, 2 * tap + 1]
            sampled = samples[n, tap]
            # Written so that a place which is no number (NaN) counts as outside, too.
            if not (-ONE < y < np.float32(height) and -ONE < x < np.float32(width)):
                sampled[:] = ZERO
                continue
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            y1, x1 = y0 + 1, x0 + 1
            below, right = y - np.float32(y0), x - np.float32(x0)
            above, left_share = (ONE - below) * strengths[pixel, tap], ONE - right
            below *= strengths[pixel, tap]
            if y0 < 0:
                above, y0 = ZERO, 0
            if y1 >= height:
                below, y1 = ZERO, height - 1
            if x0 < 0:
                left_share, x0 = ZERO, 0
            if x1 >= width:
                right, x1 = ZERO, width - 1
            a, b, c, d = above * left_share, above * right, below * left_share, below * right
            upper_left, upper_right, lower_left, lower_right = (
                source[y0, x0],
                source[y0, x1],
                source[y1, x0],
                source[y1, x1],
            )
            for channel in range(channels):
                sampled[channel] = (
                    a * upper_left[channel]
                    + b * upper_right[channel]
                    + c * lower_left[channel]
                    + d * lower_right[channel]
                )
