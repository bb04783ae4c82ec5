"""Smaller and larger copies of a picture."""

import numpy as np
from numpy.typing import NDArray

SHOWN_SIDE = 1280
"""Longer side, pixels, of the copy that segmenters are shown (of a larger one, if they see more). Every stage shows the
same, so that a photo which two stages ask about is looked at once."""


def scaled_size(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Width and height, as OpenCV wants them, of an H x W (x anything) picture at `scale`; at least one pixel each."""
    height, width = shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def scaled_down(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """A copy at `scale`, averaged; the picture itself if that is 1 or more.

    It is halved first as often as it can be: OpenCV does that six times as fast as anything else.

    Args:
        picture: H x W or H x W x 3, uint8.
        scale: of both sides.
    """
    import cv2

    if scale >= 1:
        return picture
    size = scaled_size(picture.shape, scale)
    while picture.shape[0] % 2 == picture.shape[1] % 2 == 0 and 2 * max(size) <= max(picture.shape[:2]):
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def at_most_side(picture: NDArray[np.uint8], longer_side: int) -> NDArray[np.uint8]:
    """The picture, or a copy with that longer side, pixels, if its own is longer; arguments as of `scaled_down`."""
    return scaled_down(picture, longer_side / max(picture.shape[:2]))


def at_most_pixels(picture: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """The picture, or a copy with about so many pixels if it has more; arguments as of `scaled_down`."""
    return scaled_down(picture, (pixels / (picture.shape[0] * picture.shape[1])) ** 0.5)


def enlarged(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An h x w mask, linearly interpolated to the height and width that `shape` begins with."""
    import cv2

    return np.asarray(cv2.resize(mask, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
