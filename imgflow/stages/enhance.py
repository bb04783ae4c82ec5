"""Enlargement: colours and alpha apart, in strips."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.models.base import Restorer
from imgflow.photos.picture import Picture
from imgflow.recipe import EnhanceConfig
from imgflow.stages.base import StageOutput

MOST_SIDE = 16_384
"""Pixels on a side of the result."""

MOST_PIXELS = 500_000_000
"""Pixels of the result."""

STRIP_PIXELS = 8_000_000
"""Result pixels made at a time."""

REACH = 3
"""Pixels that Lanczos sees on each side, in the coarser of the two pictures."""


def enlarge(picture: Picture, config: EnhanceConfig, upscaler: Restorer | None = None) -> StageOutput:
    """The picture at `scale` times its width and height, each rounded to the nearest pixel.

    Lanczos resampling with three lobes; where it would overshoot what its neighbours show (ringing along edges), it is
    clipped to them, so that alpha stays exactly 0 outside and 255 inside. Colours are straight: transparent pixels
    beside the product take its colour before colours are enlarged, so nothing dark seeps in.

    Args:
        picture: of any size.
        config: the scale.
        upscaler: a model that enlarges the colours; where its scale is not the wanted one, Lanczos does the rest.

    Returns:
        The picture; details: `method`, `scale`, `width`, `height`.

    Raises:
        PhotoError: `too_many_pixels` if the result would exceed 16,384 pixels on a side or 500 megapixels.
    """
    width, height = scaled(picture.width, config.scale), scaled(picture.height, config.scale)
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise PhotoError("too_many_pixels", f"{width} x {height} after enlargement")
    details = {"method": config.method, "scale": config.scale, "width": width, "height": height}
    if (width, height) == (picture.width, picture.height):
        return StageOutput(picture, details)
    if upscaler is not None:
        return StageOutput(_by_model(picture, width, height, upscaler), details)
    return StageOutput(_by_lanczos(picture, width, height), details)


def _by_model(picture: Picture, width: int, height: int, upscaler: Restorer) -> Picture:
    pixels = picture.width * picture.height * upscaler.scale**2
    if pixels > MOST_PIXELS:
        raise PhotoError("too_many_pixels", f"{pixels / 1e6:.0f} megapixels at the {upscaler.scale} x of the model")
    alpha = picture.alpha
    rgb = upscaler(picture.rgb if alpha is None else fill_transparent(picture.rgb, alpha))
    if rgb.shape[1::-1] != (width, height):
        rgb = _by_lanczos(Picture(rgb), width, height).rgb
    if alpha is None:
        return Picture(rgb)
    return Picture(rgb, _by_lanczos(Picture(picture.rgb, alpha), width, height).alpha)


def _by_lanczos(picture: Picture, width: int, height: int) -> Picture:
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = None if picture.alpha is None else np.empty((height, width), np.uint8)
    strip = max(1, STRIP_PIXELS // width)
    for top in range(0, height, strip):
        bottom = min(top + strip, height)
        first, last, box = _source_rows(top, bottom, height, picture)
        colours = picture.rgb[first:last]
        if alpha is not None and picture.alpha is not None:
            opacity = picture.alpha[first:last]
            alpha[top:bottom] = _lanczos(opacity, (width, bottom - top), box)
            colours = fill_transparent(colours, opacity)
        rgb[top:bottom] = _lanczos(colours, (width, bottom - top), box)
    return Picture(rgb, alpha)


def scaled(side: int, scale: float) -> int:
    """`side` times `scale`, to the nearest whole pixel, at least 1."""
    return max(1, round(side * scale))


def fill_transparent(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours with the transparent pixels next to the product (within the filter's reach) taking its colour."""
    import cv2

    if (alpha > 0).all() or not (alpha > 0).any():
        return rgb
    side = 2 * (REACH + 2) + 1
    weight = alpha.astype(np.float32)
    total = cv2.boxFilter(weight, -1, (side, side), normalize=False)
    nearby = cv2.boxFilter(rgb * weight[..., None], -1, (side, side), normalize=False)
    fill = (alpha == 0) & (total > 0)
    filled = rgb.copy()
    filled[fill] = np.rint(nearby[fill] / total[fill, None]).astype(np.uint8)
    return filled


def _source_rows(
    top: int, bottom: int, height: int, picture: Picture
) -> tuple[int, int, tuple[float, float, float, float]]:
    """The source rows that a strip of the result needs, and the strip's box within them."""
    ratio = picture.height / height
    margin = int(np.ceil((REACH + 1) * max(1.0, ratio))) + REACH + 2
    upper, lower = top * ratio, min(bottom * ratio, picture.height)
    first, last = max(0, int(upper) - margin), min(picture.height, int(np.ceil(lower)) + margin)
    return first, last, (0.0, upper - first, float(picture.width), lower - first)


def _lanczos(
    pixels: NDArray[np.uint8], size: tuple[int, int], box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """Lanczos within the range of each pixel's neighbours. The box may have fractions; pixels around it are seen."""
    import cv2

    sharp = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box), np.uint8)
    if box[3] - box[1] > size[1]:
        return sharp  # made smaller: every result pixel averages several, and neighbours say nothing
    kernel = np.ones((3, 3), np.uint8)
    nearest = Image.Resampling.NEAREST
    low = np.asarray(Image.fromarray(cv2.erode(pixels, kernel)).resize(size, nearest, box), np.uint8)
    high = np.asarray(Image.fromarray(cv2.dilate(pixels, kernel)).resize(size, nearest, box), np.uint8)
    return np.clip(sharp, low, high)
