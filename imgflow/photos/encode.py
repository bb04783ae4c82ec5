"""A picture to the bytes of a file: PNG, WebP or JPEG, always marked as sRGB."""

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.colour import srgb_profile
from imgflow.photos.exif import write_exif
from imgflow.photos.metadata import XMP_PROPERTIES, PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.photos.png_writer import write_png
from imgflow.photos.stamp import Stamp
from imgflow.photos.xmp import write_xmp
from imgflow.recipe import PublishConfig

EXTENSIONS = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
"""File name extension by format."""
CONTENT_TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
"""Media type by format (RFC 2046, RFC 9649)."""
LONGEST_SIDES = {"png": 1_000_000, "webp": 16_383, "jpeg": 65_500}
"""Most pixels a side that libpng, libwebp and libjpeg write."""

_FULL_COLOUR_QUALITY = 90
"""From this JPEG quality on, colour is kept at full resolution (4:4:4)."""
_WEBP_EFFORT = {"lossless": 1, "lossy": 3}
"""libwebp methods. Lossless: method 4 takes half as long again and saves less than 1 %. Lossy: 4 takes a seventh longer
and saves nothing."""
_ZLIB_LEVELS = (0, 2, 3, 3, 4, 4, 5, 6, 7, 9)
"""zlib-ng's level by ours. At level 5 files are as large as Pillow's of level 6 (six cutouts of 12 MP: -4 to +6 %) in a
fifth to a quarter of the processor time; zlib's level 4 made them up to 11 % larger in more than a third. zlib-ng's own
level 1 makes far larger ones."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What goes beside the pixels; empty: it does not."""

    exif: bytes = b""
    xmp: bytes = b""


def encode(
    picture: Picture, config: PublishConfig, metadata: PhotoMetadata | None = None, stamp: Stamp | None = None
) -> bytes:
    """The published file.

    PNG is always RGBA, opaque or not. WebP keeps the colours below transparent pixels when lossless. JPEG is laid on
    `config.background`. Nothing of the photo's file gets into it but what `config.keep` names of `metadata`, as EXIF
    and, where XMP has a property that is commonly read, as XMP.

    Args:
        picture: what to write.
        config: format, quality, compression, background, and what is told of photo and recipe.
        metadata: the photo's.
        stamp: written unless `config.stamp` is off.

    Raises:
        PhotoError: `too_large` if the format cannot hold a picture of this size, `out_of_memory`.
    """
    longest = LONGEST_SIDES[config.format]
    if max(picture.width, picture.height) > longest:
        size = f"{picture.width} x {picture.height} pixels"
        raise PhotoError("too_large", f"{size}: {config.format} holds at most {longest:,} a side")
    kept = (metadata or PhotoMetadata()).kept(config.keep)
    jpeg_size = (picture.width, picture.height) if config.format == "jpeg" else None
    blocks = _blocks(kept, stamp if config.stamp else None, jpeg_size)
    try:
        if config.format == "png":
            return _png(picture.rgba, config.compression, blocks)
        if config.format == "webp":
            return _webp(picture, config, blocks)
        return _jpeg(picture.over(config.background_rgb), config.quality, blocks)
    except MemoryError as error:
        raise PhotoError("out_of_memory") from error


def encode_png(picture: Picture, compression: int = 1) -> bytes:
    """A PNG for what passes between stages: fast; RGB if the picture is opaque, else RGBA.

    Args:
        picture: what to write.
        compression: 0 (none) to 9 (smallest).
    """
    return _png(picture.rgb if picture.alpha is None else picture.rgba, compression, _Blocks())


def _blocks(kept: PhotoMetadata, stamp: Stamp | None, jpeg_size: tuple[int, int] | None) -> _Blocks:
    properties: dict[str, str | Sequence[str]] = {
        name: getattr(kept, field) for field, name in XMP_PROPERTIES.items() if getattr(kept, field)
    }
    software = stamp.software if stamp else ""
    return _Blocks(write_exif(kept, software, jpeg_size), write_xmp(properties | (stamp.as_xmp() if stamp else {})))


def _png(pixels: NDArray[np.uint8], compression: int, blocks: _Blocks) -> bytes:
    chunks = [(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile(), 9))]
    if blocks.exif:
        chunks.append((b"eXIf", blocks.exif))
    if blocks.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + blocks.xmp))  # not packed, as XMP demands of PNG
    return write_png(pixels, _ZLIB_LEVELS[compression], chunks)


def _webp(picture: Picture, config: PublishConfig, blocks: _Blocks) -> bytes:
    image = Image.fromarray(picture.rgb if picture.alpha is None else picture.rgba)
    effort = _WEBP_EFFORT["lossless" if config.lossless else "lossy"]
    quality = 50 if config.lossless else config.quality  # for lossless this is effort, too
    file = io.BytesIO()
    image.save(
        file, "WEBP", lossless=config.lossless, exact=config.lossless, quality=quality, method=effort,
        icc_profile=srgb_profile(), exif=blocks.exif, xmp=blocks.xmp,
    )  # fmt: skip
    return file.getvalue()


def _jpeg(rgb: NDArray[np.uint8], quality: int, blocks: _Blocks) -> bytes:
    file = io.BytesIO()
    subsampling = "4:4:4" if quality >= _FULL_COLOUR_QUALITY else "4:2:0"
    Image.fromarray(rgb).save(
        file, "JPEG", quality=quality, subsampling=subsampling, optimize=True,
        icc_profile=srgb_profile(), exif=b"Exif\0\0" + blocks.exif if blocks.exif else b"", xmp=blocks.xmp,
    )  # fmt: skip
    return file.getvalue()
