"""Which picture format a file is in, told by its content, never by its name."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import IO

from PIL import ImageFile

from imgflow.errors import PhotoError
from imgflow.photos import isobmff, jpeg_markers, png_chunks, tiff_pages, webp_chunks
from imgflow.photos.container import Container


def _as_it_is(data: bytes) -> Container:
    return Container(data)


@dataclass(frozen=True, slots=True)
class PhotoFormat:
    """A format that is taken in.

    Attributes:
        name: as it is shown and recorded.
        magic: what the file begins with.
        decoder: module and class of the Pillow plugin. The class is used directly rather than through `Image.open`,
            which would try other formats too, and would need pillow-heif to be registered for the whole process.
        examine: looks at the structure of the file before the decoder may.
        pixels_per_byte: no encoder packs more pixels into a byte; None where there is no such bound.
        animates: further frames are an animation. (TIFF and JPEG know it from `examine`; of a HEIC with several
            pictures, as of a JPEG with previews, the primary one is meant.)
    """

    name: str
    magic: re.Pattern[bytes]
    decoder: str
    examine: Callable[[bytes], Container] = _as_it_is
    pixels_per_byte: int | None = None
    animates: bool = False

    def open(self, stream: IO[bytes]) -> ImageFile.ImageFile:
        """The opened picture: header read, pixels not yet decoded. Raises what the plugin raises."""
        module, _, name = self.decoder.partition(":")
        plugin: Callable[[IO[bytes]], ImageFile.ImageFile] = getattr(import_module(module), name)
        return plugin(stream)


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FORMATS: tuple[PhotoFormat, ...] = (
    # One bit for each block of 8 x 8 pixels is the least that a JPEG needs.
    PhotoFormat(
        "jpeg", _starts(rb"\xff\xd8"), "PIL.JpegImagePlugin:JpegImageFile", jpeg_markers.examine, pixels_per_byte=512
    ),
    # Deflate packs at most 1032 bytes into one, each of at most 8 pixels.
    PhotoFormat(
        "png", _starts(rb"\x89PNG"), "PIL.PngImagePlugin:PngImageFile", png_chunks.examine, pixels_per_byte=8 * 1032
    ),
    PhotoFormat(
        "webp", _starts(rb"RIFF.{4}WEBP"), "PIL.WebPImagePlugin:WebPImageFile", webp_chunks.examine, animates=True
    ),
    PhotoFormat("gif", _starts(rb"GIF8[79]a"), "PIL.GifImagePlugin:GifImageFile", animates=True),
    PhotoFormat(
        "tiff", _starts(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), "PIL.TiffImagePlugin:TiffImageFile", tiff_pages.examine
    ),
    PhotoFormat("bmp", _starts(rb"BM.{12}[\x0c-\x80]\0\0\0"), "PIL.BmpImagePlugin:BmpImageFile"),
    PhotoFormat(
        "avif",
        _starts(rb".{4}ftyp(?:avi[fs]|mif1.{4}.{0,64}?avif)"),
        "PIL.AvifImagePlugin:AvifImageFile",
        isobmff.examine,
        animates=True,
    ),
    PhotoFormat(
        "heic",
        _starts(rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif[12]|msf1)"),
        "pillow_heif:HeifImageFile",
        isobmff.examine,
    ),
)
"""The formats that are taken in. Everything else that Pillow could open is refused."""

_REFUSED: tuple[tuple[str, re.Pattern[bytes], str], ...] = tuple(
    (code, _starts(pattern), name)
    for code, pattern, name in (
        ("unsupported_format", rb"8BPS", "a Photoshop document"),
        ("unsupported_format", rb"%PDF", "a PDF document"),
        ("unsupported_format", rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript (EPS, AI)"),
        ("unsupported_format", rb"\s*<(?:svg|(?:\?xml|!--|!DOCTYPE svg).{0,4000}?<svg)[\s>]", "an SVG drawing"),
        ("unsupported_format", rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
        ("unsupported_format", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
        ("unsupported_format", rb"II\xbc\x01", "JPEG XR"),
        ("unsupported_format", rb"\0\0[\x01\x02]\0[^\0]\0", "an icon"),
        ("unsupported_format", rb"gimp xcf", "a GIMP document"),
        ("unsupported_format", rb"P[1-7fF]\s", "a Netpbm picture"),
        ("unsupported_format", rb"#\?RADIANCE|v/1\x01", "a high dynamic range picture"),
        ("unsupported_format", rb"DDS |qoif|icns|\x01\xda|\x0a[\0-\5]\x01[\1\2\4\x08]|SIMPLE  =", "a rare format"),
        ("unsupported_format", rb"FUJIFILMCCD-RAW|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM|.{4}ftypcrx ", "camera raw"),
        ("unsupported_format", rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", "a video"),
        ("not_an_image", rb"(?i)\s*(?:<!--.{0,500}?-->\s*)?(?:<!doctype html|<html|<head|<body)", "a web page"),
        ("not_an_image", rb"\s*(?:<\?xml|<)", "XML or HTML text"),
        ("not_an_image", rb"PK\x03\x04", "a ZIP archive or office document"),
        ("not_an_image", rb"\x1f\x8b|Rar!|7z\xbc\xaf|BZh", "an archive"),
        ("not_an_image", rb"\s*[\[{]", "JSON or other text"),
    )
)  # fmt: skip


def sniff(data: bytes) -> PhotoFormat:
    """The format of a file.

    Raises:
        PhotoError: `unsupported_format` or `not_an_image`; the detail says what the file is, where its beginning tells.
    """
    start = data[:8192]
    for known in FORMATS:
        if known.magic.match(start):
            return known
    text = start.removeprefix(b"\xef\xbb\xbf")
    for code, pattern, name in _REFUSED:
        if pattern.match(text):
            raise PhotoError(code, f"it is {name}")
    if not any(start):
        raise PhotoError("not_an_image", "it begins with zeros only")
    if _is_text(text):
        raise PhotoError("not_an_image", "it is text")
    raise PhotoError("not_an_image", f"unknown content, beginning with {start[:8].hex(' ')}")


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8", errors="strict" if len(start) < 8192 else "ignore")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)
