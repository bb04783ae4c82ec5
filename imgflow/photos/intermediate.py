"""What passes between stages: PNG files that imgflow itself wrote."""

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.picture import Picture
from imgflow.photos.pillow_terms import pillow_terms


def read_intermediate(data: bytes) -> Picture:
    """The picture in a file made by `encode_png`: upright sRGB already, so that nothing is converted.

    Raises:
        PhotoError: `corrupt`, when the object was damaged in the store.
    """
    try:
        with pillow_terms(), Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            pixels = np.array(image) if image.mode == "RGB" else np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoError("corrupt", f"an intermediate result: {error}") from error
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise PhotoError("corrupt", f"an intermediate result of shape {pixels.shape}")
    if pixels.shape[2] == 3:
        return Picture(pixels)
    import cv2

    # In half of the time that NumPy takes to part the channels.
    rgb = cast(NDArray[np.uint8], cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB))
    return Picture(rgb, cast(NDArray[np.uint8], cv2.extractChannel(pixels, 3)))
