"""Arithmetic on a picture's colours.

NumPy's own mean and maximum take several times as long over so short an axis as a picture's channels.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", np.float32, np.float64)


def mean_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """h x w x 3 to h x w."""
    return (values[..., 0] + values[..., 1] + values[..., 2]) * np.float32(1 / 3)


def greatest_of(values: NDArray[Float]) -> NDArray[Float]:
    """... x 3 to ...: without the last axis."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


def to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB (L 0 to 100) of uint8 sRGB."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
