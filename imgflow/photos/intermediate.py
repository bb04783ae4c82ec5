"""What passes between stages: PNG files that imgflow itself wrote."""

import io

import numpy as np
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
            pixels = np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoError("corrupt", f"an intermediate result: {error}") from error
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise PhotoError("corrupt", f"an intermediate result of shape {pixels.shape}")
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha)
