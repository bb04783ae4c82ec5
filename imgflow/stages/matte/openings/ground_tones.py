"""Tones, and how those of a pixel differ from those of its ground."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of
from imgflow.stages.matte.slopes import slopes

TONE = np.log(np.arange(256, dtype=np.float32) + 1)
"""Natural logarithm of each grey level plus 1."""


def tones_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """h x w x 3, natural logarithm of the grey levels plus 1."""
    import cv2

    return np.asarray(cv2.LUT(rgb, TONE), np.float32)


def differences_of(
    rgb: NDArray[np.uint8], tones: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of brightness (below 0 where it is darker), and of the channel that differs most from it; natural logarithm."""
    import cv2

    offset = (tones_of(rgb) - tones).reshape(1, -1, 3)
    brightness = np.asarray(cv2.transform(offset, np.full((1, 3), 1 / 3, np.float32)), np.float32)
    rest = np.abs(np.asarray(cv2.transform(offset, np.eye(3, dtype=np.float32) - np.float32(1 / 3)), np.float32))
    return brightness.reshape(tones.shape[:-1]), greatest_of(rest).reshape(tones.shape[:-1])


def rises(rgb: NDArray[np.uint8], tones: NDArray[np.float32]) -> NDArray[np.float32]:
    """h x w: change of brightness a pixel, natural logarithm."""
    return np.hypot(*slopes(differences_of(rgb, tones)[0]))
