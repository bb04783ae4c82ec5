"""A file's bytes to an upright sRGB picture, or the reason why not."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos import depth
from imgflow.photos.colour import Alpha, key_alpha, split_alpha, to_srgb
from imgflow.photos.limits import Limits
from imgflow.photos.picture import Picture
from imgflow.photos.pillow_terms import pillow_terms
from imgflow.photos.png_chunks import check_pixels_complete
from imgflow.photos.source import Opened, SourceInfo, damage_is_a_photo_error, open_photo

LEAST_ALPHA = 26
"""A photo whose alpha nowhere reaches a tenth has nothing that a person would see on any ground."""
LEAST_RANGE = 3
"""A photo whose every channel stays within fewer levels is one colour and compression noise: nothing to cut out."""

_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright (EXIF 2.32, tag 0x0112)."""

_LEFT_OVER = 256
"""Bytes of a scan, zeros aside, that may be left when the picture is complete: some encoders pad."""


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo as the stages take it, and what its file was."""

    picture: Picture
    source: SourceInfo


def decode(data: bytes, limits: Limits = Limits()) -> DecodedPhoto:  # noqa: B008 (frozen)
    """Decodes one photo.

    The orientation (EXIF, else XMP, or the container's own) is applied once. Colours go through the embedded profile
    to sRGB: perceptual, with black-point compensation. 16-bit pictures are rounded to 8 bits first. The picture's own
    alpha is kept, and is None when it is opaque.

    Args:
        data: the whole file.
        limits: what is taken in; checked from the header before pixels are decoded.

    Raises:
        PhotoError: `empty_file`, `not_an_image`, `unsupported_format`, `unsupported_mode`, `truncated`, `corrupt`,
            `animated`, `too_many_pixels`, `too_small`, `too_large`, `too_elongated`, `no_foreground` (nothing in it is
            visible, or all of it has one colour) or `out_of_memory`. Nothing else is raised.
    """
    with pillow_terms():
        opened = open_photo(data, limits)
        with damage_is_a_photo_error(opened.container, opened.stream):
            colours, alpha = _colours(opened)
            _check_left_over(opened)
            if opened.kind.name == "png" and _ends_blank(colours):
                check_pixels_complete(opened.container.data)
            turn = None if opened.kind.name == "tiff" else _TURNS.get(opened.source.orientation)  # Pillow turns TIFF
            if turn is not None:
                colours = colours.transpose(turn)
                alpha = None if alpha is None else np.array(Image.fromarray(alpha).transpose(turn))
            rgb, profile, warnings = to_srgb(colours, opened.im.info.get("icc_profile"))
    source = replace(
        opened.source,
        width=rgb.shape[1],
        height=rgb.shape[0],
        icc_profile=profile,
        warnings=(*opened.source.warnings, *warnings),
    )
    if alpha is not None and int(alpha.min()) == 255:
        alpha = None
    _check_content(rgb, alpha)
    return DecodedPhoto(Picture(rgb, alpha), source)


def _colours(opened: Opened) -> tuple[Image.Image, Alpha]:
    """Decoded colours (mode L, RGB, CMYK or LAB) and alpha, as stored."""
    im = opened.im
    key = im.info.get("transparency")
    if depth.is_16_bit_grey(im):
        samples = np.asarray(im).astype(np.uint16)
        alpha = None if key is None else key_alpha(samples, key)
        grey = depth.scale_to_8_bits(samples, opened.container.bits)
        return Image.fromarray(~grey if _white_is_zero(im) else grey), alpha
    if depth.has_16_bit_colour(im):
        samples = depth.read_16_bits(opened.reopen)
        alpha = None if key is None else key_alpha(samples, key)
        channels = depth.scale_to_8_bits(samples)
        if channels.shape[2] in (2, 4):
            channels, alpha = channels[..., :-1], np.ascontiguousarray(channels[..., -1])
        return Image.fromarray(np.ascontiguousarray(channels.squeeze())), alpha
    opened.stream.tapering = opened.container.exact_end
    im.load()
    if isinstance(key, int) and im.mode == "L" and opened.container.bits < 8:
        im.info["transparency"] = key * 255 // ((1 << opened.container.bits) - 1)  # Pillow scales the pixels only
    return split_alpha(im)


def _check_left_over(opened: Opened) -> None:
    """A decoder that is ready long before its data is has lost its way, and the picture shows it."""
    if not opened.container.exact_end:
        return
    unread = len(opened.stream.read().strip(b"\0"))
    if unread > _LEFT_OVER:
        raise PhotoError("corrupt", f"the picture was complete {unread:,} bytes before the end of its data")


def _ends_blank(colours: Image.Image) -> bool:
    """Whether one of the last two rows (interlaced files fill them in turn) has one colour only."""
    rows = np.asarray(colours.crop((0, max(0, colours.height - 2), *colours.size)))
    return any(bool((row == row[0]).all()) for row in rows)


def _white_is_zero(im: Image.Image) -> bool:
    """Whether a TIFF counts from white to black, which Pillow heeds up to 8 bits only."""
    return getattr(im, "tag_v2", {}).get(262) == 0


def _check_content(rgb: NDArray[np.uint8], alpha: Alpha) -> None:
    if alpha is not None and int(alpha.max()) < LEAST_ALPHA:
        raise PhotoError("no_foreground", "the picture is transparent")
    if (alpha is None or _is_even(alpha)) and all(_is_even(rgb[..., channel]) for channel in range(3)):
        raise PhotoError("no_foreground", "the picture is of one colour")


def _is_even(channel: NDArray[np.uint8]) -> bool:
    sparse = channel[:: max(1, channel.shape[0] // 16), :: max(1, channel.shape[1] // 16)]
    return all(int(part.max()) - int(part.min()) < LEAST_RANGE for part in (sparse, channel))
