"""What a photo's file says of itself and may be kept: who made it, who owns it, what it shows, when, where, with what.

A recipe chooses what of it is published (`publish.keep`). Everything else (serial numbers, owner's name of the camera,
maker notes, previews, editing history) is never even read.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from PIL import ExifTags, Image

from imgflow.photos.xmp import xmp_text

LONGEST = 2000
"""Characters kept of each. All of them fit into one segment of a JPEG file, however they are written."""


@dataclass(frozen=True, slots=True)
class PhotoMetadata:
    """Metadata that may be kept; an empty string where the photo says nothing.

    Attributes:
        captured: when the photo was taken, as EXIF has it (`2026:05:01 10:11:12`), with the zone (`+02:00`) if known.
        make: of the camera.
        model: of the camera.
        place: latitude and longitude in degrees (WGS 84, north and east positive), and metres above the sea if known:
            `48.1372222, 11.5755556, 519.0`.
    """

    copyright: str = ""
    artist: str = ""
    description: str = ""
    captured: str = ""
    make: str = ""
    model: str = ""
    place: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))

    def kept(self, names: Iterable[str]) -> "PhotoMetadata":
        """Only the fields of these names; the others are empty."""
        return replace(self, **{f.name: "" for f in fields(self) if f.name not in set(names)})


EXIF_TAGS = {"copyright": 0x8298, "artist": 0x013B, "description": 0x010E, "make": 0x010F, "model": 0x0110}
"""EXIF 2.32 tags of the first directory that hold text."""
XMP_PROPERTIES = {"copyright": "dc:rights", "artist": "dc:creator", "description": "dc:description"}
"""XMP's names (Dublin Core) of what is written and read there, too."""
_PNG_KEYWORDS = {"copyright": "Copyright", "artist": "Author", "description": "Description"}

_MOMENT = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
_ZONE = re.compile(r"[+-]\d\d:\d\d")


def read_metadata(info: Mapping[Any, Any], exif: Image.Exif) -> PhotoMetadata:
    """The metadata of an opened picture. Texts: EXIF first, then XMP, then PNG text; all else from EXIF.

    Args:
        info: Pillow's `info` of the picture.
        exif: its EXIF.
    """
    xmp = xmp_of(info)
    texts = {
        name: _text(exif.get(tag, ""))[:LONGEST]
        or (xmp_text(xmp, XMP_PROPERTIES[name])[:LONGEST] if name in XMP_PROPERTIES else "")
        or (_text(info.get(_PNG_KEYWORDS[name], ""))[:LONGEST] if name in _PNG_KEYWORDS else "")
        for name, tag in EXIF_TAGS.items()
    }
    taken, gps = _directory(exif, ExifTags.IFD.Exif), _directory(exif, ExifTags.IFD.GPSInfo)
    return PhotoMetadata(**texts, captured=_captured(taken), place=_place(gps))


def xmp_of(info: Mapping[Any, Any]) -> str:
    """The XMP packet of an opened picture, from Pillow's `info`; empty if there is none."""
    return _text(info.get("xmp") or info.get("XML:com.adobe.xmp") or "")


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except Exception:  # damaged metadata is no reason to refuse the photo
        return {}


def _captured(taken: Mapping[int, Any]) -> str:
    moment, zone = _text(taken.get(0x9003)), _text(taken.get(0x9011))
    if not _MOMENT.fullmatch(moment):
        return ""
    return moment + (zone if _ZONE.fullmatch(zone) else "")


def _place(gps: Mapping[int, Any]) -> str:
    """EXIF 2.32, 4.6.6: degrees, minutes and seconds with a letter for the direction."""
    try:
        latitude = _degrees(gps[2]) * {"N": 1, "S": -1}[_text(gps[1])]
        longitude = _degrees(gps[4]) * {"E": 1, "W": -1}[_text(gps[3])]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return ""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # also when one is not a number
        return ""
    place = f"{latitude:.7f}, {longitude:.7f}"
    try:
        height = float(gps[6]) * (-1 if gps.get(5) in (1, b"\1") else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return place
    return f"{place}, {height:.1f}" if abs(height) < 100_000 else place


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600


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
