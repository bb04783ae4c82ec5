"""What is kept of a photo's metadata when the result is published: who made it, who owns it, what it shows.

Everything else (place, serial numbers, camera, previews, editing history) is left behind.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from PIL import Image

_LONGEST = 2000
"""Characters kept of each."""


@dataclass(frozen=True, slots=True)
class PhotoMetadata:
    """Metadata worth keeping; an empty string where the photo says nothing."""

    copyright: str = ""
    artist: str = ""
    description: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))


EXIF_TAGS = {"copyright": 0x8298, "artist": 0x013B, "description": 0x010E}
"""EXIF 2.32 tags of the first directory."""
_XMP_PROPERTIES = {"copyright": "dc:rights", "artist": "dc:creator", "description": "dc:description"}
_PNG_KEYWORDS = {"copyright": "Copyright", "artist": "Author", "description": "Description"}


def read_metadata(info: Mapping[Any, Any], exif: Image.Exif) -> PhotoMetadata:
    """The metadata of an opened picture: EXIF first, then XMP, then PNG text.

    Args:
        info: Pillow's `info` of the picture.
        exif: its EXIF.
    """
    xmp = _text(info.get("xmp") or info.get("XML:com.adobe.xmp") or "")
    return PhotoMetadata(**{
        name: _text(exif.get(tag, ""))[:_LONGEST]
        or _xmp_value(xmp, _XMP_PROPERTIES[name])[:_LONGEST]
        or _text(info.get(_PNG_KEYWORDS[name], ""))[:_LONGEST]
        for name, tag in EXIF_TAGS.items()
    })  # fmt: skip


def write_exif(metadata: PhotoMetadata) -> bytes:
    """An EXIF block (TIFF header first, no `Exif` prefix) with the metadata; empty when there is none."""
    exif = Image.Exif()
    for name, tag in EXIF_TAGS.items():
        if value := getattr(metadata, name):
            exif[tag] = value.encode("utf-8")  # as every current program reads and writes these ASCII fields
    return exif.tobytes().removeprefix(b"Exif\0\0") if metadata else b""


def _xmp_value(xmp: str, name: str) -> str:
    """The first text of a property, without an XML parser: entities that unfold endlessly stay what they are."""
    found = re.search(rf"<{name}\b[^>]*>(.{{0,20000}}?)</{name}>", xmp, re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", found[1]) if found else ""
    return html.unescape(" ".join(text.split()))


def _text(value: object) -> str:
    """Printable text; EXIF written as UTF-8 arrives as Latin-1 from Pillow."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    elif isinstance(value, str):
        try:
            text = value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            text = value
    else:
        return ""
    return "".join(c for c in text.split("\0")[0] if c.isprintable() or c in "\n\t").strip()
