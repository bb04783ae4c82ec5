"""Opening a file: what it is, from its header, before any pixel is decoded."""

import io
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image, ImageFile

from imgflow.errors import ImgflowError, PhotoError
from imgflow.photos.colour import MODES, profile_name
from imgflow.photos.container import Container
from imgflow.photos.formats import PhotoFormat, sniff
from imgflow.photos.limits import Limits
from imgflow.photos.metadata import PhotoMetadata, read_metadata
from imgflow.photos.pillow_terms import pillow_terms

_UNSUPPORTED = ("unsupported", "not supported", "unknown pixel mode", "unknown data organization", "cannot handle")
"""How Pillow's plugins say that they know the format, but not this kind of pixels."""

_LAST_BLOCK = 64
_ADOBE_RGB = "R03"
"""EXIF interoperability index by which a camera says, without a profile, that its JPEG is Adobe RGB (DCF 2.0)."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a file is, from its header.

    Attributes:
        format: `jpeg`, `png`, `webp`, `gif`, `tiff`, `bmp`, `avif` or `heic`.
        width: columns of the upright picture.
        height: rows of the upright picture.
        mode: Pillow's name of how the pixels are stored (`RGB`, `CMYK`, `I;16`...).
        bits: bits per channel.
        orientation: EXIF orientation of the stored pixels, 1 (upright) to 8. HEIC is always 1: its decoder turns.
        icc_profile: name of the colour profile; None if there is none, or if it could not be used.
        metadata: what is worth keeping when the result is published.
        warnings: what is odd about the file, though it could be read.
    """

    format: str
    width: int
    height: int
    mode: str
    bits: int = 8
    orientation: int = 1
    icc_profile: str | None = None
    metadata: PhotoMetadata = field(default_factory=PhotoMetadata)
    warnings: tuple[str, ...] = ()


class Stream(io.BytesIO):
    """Bytes which remember whether somebody asked for more than there are.

    Attributes:
        ran_dry: whether a read came back empty.
        tapering: give less and less towards the end, so that `tell` says how many bytes a decoder needed.
    """

    ran_dry = False
    tapering = False

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        if self.tapering and size is not None:
            size = min(size, max(_LAST_BLOCK, self.unread // 16)) if size >= 0 else size
        got = super().read(size)
        self.ran_dry |= size is not None and size > 0 and not got
        return got

    @property
    def unread(self) -> int:
        """Bytes that were not asked for."""
        return len(self.getbuffer()) - self.tell()


@dataclass(slots=True)
class Opened:
    """A file whose structure was found sound, and whose header was read and found within the limits."""

    kind: PhotoFormat
    container: Container
    stream: Stream
    im: ImageFile.ImageFile
    source: SourceInfo

    def reopen(self) -> ImageFile.ImageFile:
        """The same picture again, not yet decoded."""
        self.stream = Stream(self.container.data)
        return self.kind.open(self.stream)


def inspect(data: bytes, limits: Limits = Limits()) -> SourceInfo:  # noqa: B008 (frozen)
    """What a file is, without decoding its pixels.

    Args:
        data: the whole file.
        limits: what is taken in.

    Raises:
        PhotoError: with the same codes as `decode`, as far as the header tells.
    """
    with pillow_terms():
        return open_photo(data, limits).source


def open_photo(data: bytes, limits: Limits) -> Opened:
    """Opens a file within the limits. To be called, and its result to be used, within `pillow_terms`.

    Raises:
        PhotoError: for everything that is wrong with the file.
    """
    limits.check_bytes(len(data))
    kind = sniff(data)
    with damage_is_a_photo_error():
        container = kind.examine(data)
    if container.size:
        limits.check_size(*container.size)
    stream = Stream(container.data)
    with damage_is_a_photo_error(container, stream):
        im = kind.open(stream)
        limits.check_size(*im.size)
        if im.mode not in MODES:
            raise PhotoError("unsupported_mode", f"{kind.name} of mode {im.mode}")
        if kind.animates and getattr(im, "is_animated", False):
            raise PhotoError("animated")
        if kind.pixels_per_byte and im.width * im.height > kind.pixels_per_byte * len(data):
            raise PhotoError("truncated", f"{len(data):,} bytes cannot hold {im.width} x {im.height} pixels")
        return Opened(kind, container, stream, im, _source(kind, container, im))


@contextmanager
def damage_is_a_photo_error(container: Container | None = None, stream: Stream | None = None) -> Generator[None]:
    """Turns whatever a decoder raises into a `PhotoError`: it is always about the file.

    Args:
        container: the file that is being decoded.
        stream: what the decoder reads from.

    Raises:
        PhotoError: `out_of_memory`, `truncated` if the decoder ran out of bytes, `unsupported_mode`, else `corrupt`.
    """
    try:
        yield
    except ImgflowError:
        raise
    except MemoryError as error:
        raise PhotoError("out_of_memory") from error
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        if any(phrase in said.lower() for phrase in _UNSUPPORTED):
            raise PhotoError("unsupported_mode", said) from error
        if container and stream and stream.ran_dry:
            raise PhotoError(container.when_dry, said) from error
        raise PhotoError("corrupt", said) from error


def _source(kind: PhotoFormat, container: Container, im: ImageFile.ImageFile) -> SourceInfo:
    exif, warnings = _exif(im)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = im.size
    if orientation > 4 and not _size_is_upright(im):
        width, height = height, width
    if exif.get_ifd(ExifTags.IFD.Interop).get(1) == _ADOBE_RGB and not im.info.get("icc_profile"):
        warnings = (*warnings, "EXIF says Adobe RGB, but there is no colour profile: taken as sRGB")
    return SourceInfo(
        format=kind.name,
        width=width,
        height=height,
        mode=im.mode,
        bits=container.bits,
        orientation=orientation,
        icc_profile=profile_name(im.info.get("icc_profile")),
        metadata=read_metadata(im.info, exif),
        warnings=(*container.warnings, *warnings),
    )


def _exif(im: ImageFile.ImageFile) -> tuple[Image.Exif, tuple[str, ...]]:
    """EXIF with the orientation from XMP, where only that has one; empty if it is damaged."""
    try:
        exif = Image.Image.getexif(im)  # a PNG's own method would decode all pixels to find a late chunk
        exif.get_ifd(ExifTags.IFD.Interop)
        return exif, ()
    except Exception:  # damaged metadata is no reason to refuse the photo
        return Image.Exif(), ("the EXIF block is damaged",)


def _size_is_upright(im: Any) -> bool:
    """Whether Pillow has swapped the size already, as it does for the orientation tag of a TIFF."""
    return ExifTags.Base.Orientation in getattr(im, "tag_v2", ())
