"""Some pixels of a small field at the size of a large photo, so that no stage holds a large copy of a smooth field."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FOLD = 1024
"""Length of the rows in which a list of pixels is looked up."""


def strips(length: int, most: int) -> Iterator[slice]:
    """What is in order, in slices of at most `most`."""
    for start in range(0, length, most):
        yield slice(start, min(start + most, length))


def enlarged_at(small: NDArray[np.float32], where: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Some pixels of the picture that `small` is when enlarged (bilinear) to `shape`.

    Args:
        small: h x w or h x w x channels.
        where: N flat indices of the large picture's pixels.
        shape: the large picture's height and width (more is ignored).

    Returns:
        N or N x channels.
    """
    import cv2

    height, width = shape[:2]
    rows, columns = np.divmod(where, np.int32(width))
    y = (rows.astype(np.float32) + np.float32(0.5)) * np.float32(small.shape[0] / height) - np.float32(0.5)
    x = (columns.astype(np.float32) + np.float32(0.5)) * np.float32(small.shape[1] / width) - np.float32(0.5)
    folded = -(-where.size // FOLD) * FOLD  # OpenCV's maps may not have a side longer than 32,767
    x_map, y_map = (np.resize(axis, folded).reshape(-1, FOLD) for axis in (x, y))
    found = np.asarray(cv2.remap(small, x_map, y_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    return found.reshape(folded, *small.shape[2:])[: where.size]
