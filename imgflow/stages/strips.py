"""Rows of a small field at the size of a large photo, so that no stage holds a large copy of a smooth field."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

ROWS = 512
"""Rows of the large photo worked on at a time."""


def strips(height: int) -> Iterator[slice]:
    """The rows of a photo, in slices of at most `ROWS`."""
    for top in range(0, height, ROWS):
        yield slice(top, min(top + ROWS, height))


def enlarged_rows(small: NDArray[np.float32], rows: slice, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Those rows of the picture that `small` is when enlarged (bilinear) to `shape`.

    Args:
        small: h x w or h x w x channels.
        rows: which of the large picture's rows.
        shape: the large picture's height and width (more is ignored).
    """
    import cv2

    height, width = shape[:2]
    if small.shape[:2] == (height, width):
        return small[rows]
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * (small.shape[0] / height) - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * (small.shape[1] / width) - 0.5
    first = max(int(y[0]) - 1, 0)
    x_map, y_map = np.meshgrid(x, y - first)
    part = small[first : int(y[-1]) + 3]
    return np.asarray(cv2.remap(part, x_map, y_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
