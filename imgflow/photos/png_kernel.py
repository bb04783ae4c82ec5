"""Filtering the rows of PNG files: a numba kernel, imported when first used."""

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 (this module is itself imported inside functions)

NONE, LEFT, ABOVE = 0, 1, 2
"""Filter types: the bytes, their difference from the pixel to the left, or from the one above."""


@njit(cache=True, nogil=True)
def filter_rows(rows: Any, top: int, bottom: int, channels: int, result: Any) -> None:
    """Filters each row so that its bytes, taken as signed, are smallest in sum.

    Args:
        rows: H x N, uint8, all of the picture.
        top, bottom: the rows to do.
        channels: bytes of a pixel.
        result: (bottom - top) x (N + 1), uint8, written: the filter's type, then the filtered bytes.
    """
    length = rows.shape[1]
    # With room for a pixel of zeros, which is to the left of the first.
    here = np.zeros(channels + length, np.uint8)
    for y in range(top, bottom):
        row, above, out = rows[y], rows[max(y - 1, 0)], result[y - top]
        known = np.uint8(255 if y else 0)  # what is above the first row counts as zeros
        here[channels:] = row
        plain, left, up = np.uint32(0), np.uint32(0), np.uint32(0)
        for n in range(np.uint64(length)):
            plain += _size(row[n])
            left += _size(np.uint8(row[n] - here[n]))
            up += _size(np.uint8(row[n] - (above[n] & known)))
        if plain <= left and plain <= up:
            out[0] = NONE
            out[1:] = row
        elif left <= up:
            out[0] = LEFT
            for n in range(np.uint64(length)):
                out[n + np.uint64(1)] = row[n] - here[n]
        else:
            out[0] = ABOVE
            for n in range(np.uint64(length)):
                out[n + np.uint64(1)] = row[n] - (above[n] & known)


@njit(inline="always")
def _size(byte: Any) -> Any:
    """Of a byte that is taken as signed."""
    return np.uint32(min(byte, np.uint8(-np.int8(byte))))
