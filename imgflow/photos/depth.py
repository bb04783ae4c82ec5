"""Sixteen-bit pictures as Pillow has them, brought down to eight bits by the right factor and with rounding.

Pillow's own conversions clip 16-bit grey (everything above 255 is white) and keep only the high byte of 16-bit
colour, so that the transparent colour of a PNG no longer compares right.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

_NATIVE, _OTHER = ("L", "B") if sys.byteorder == "little" else ("B", "L")
_LOW_BYTES = {
    f"{mode};16{order}": f"{mode};16{swapped}"
    for mode in ("RGB", "RGBA")
    for order, swapped in (("B", "L"), ("L", "B"), ("N", _OTHER))
}
"""Raw mode that unpacks the low bytes, by the one that unpacks the high bytes: the opposite byte order."""
_GREY_ALPHA = "LA;16B"


def scale_to_8_bits(samples: NDArray[np.uint16], bits: int = 16) -> NDArray[np.uint8]:
    """Samples of 0 to 2^bits - 1 as 0 to 255, rounded. Any shape."""
    most = (1 << bits) - 1
    values = np.minimum(np.arange(1 << 16), most)
    table = ((values * 255 + most // 2) // most).astype(np.uint8)
    return table[samples]


def is_16_bit_grey(im: ImageFile.ImageFile) -> bool:
    """Whether Pillow has the picture in one of its 16-bit grey modes."""
    return im.mode.startswith("I;16")


def raw_mode(im: ImageFile.ImageFile) -> str:
    """How the pixels of an opened, not yet decoded picture will be unpacked; empty if Pillow does not say."""
    args = im.tile[0][3] if im.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def has_16_bit_colour(im: ImageFile.ImageFile) -> bool:
    """Whether the low bytes, which Pillow leaves out, can be had with `read_16_bits`."""
    return raw_mode(im) in _LOW_BYTES or raw_mode(im) == _GREY_ALPHA


def read_16_bits(reopen: Callable[[], ImageFile.ImageFile]) -> NDArray[np.uint16]:
    """All 16 bits of a colour picture.

    Args:
        reopen: opens the picture anew; called once or twice.

    Returns:
        H x W x 3 (colour), 4 (colour and alpha) or 2 (grey and alpha), uint16.
    """
    im = reopen()
    mode = raw_mode(im)
    if mode == _GREY_ALPHA:
        return _decode_as(im, "RGBA").view(">u2").astype(np.uint16)
    samples = np.asarray(im).astype(np.uint16)
    samples *= 256
    samples |= _decode_as(reopen(), _LOW_BYTES[mode])
    return samples


def _decode_as(im: ImageFile.ImageFile, mode: str) -> NDArray[np.uint8]:
    im.tile = [tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile in im.tile]
    return np.array(im)
