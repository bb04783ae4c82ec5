"""Writing EXIF blocks (CIPA DC-008, EXIF 2.32)."""

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from imgflow.photos.metadata import EXIF_TAGS, PhotoMetadata

_SOFTWARE = 0x0131
_VERSION = b"0232"
_JPEG_TAGS = {0x011A: IFDRational(72, 1), 0x011B: IFDRational(72, 1), 0x0128: 2, 0x0213: 1}
"""Resolution (72 an inch stands for unknown), and where colour samples lie (centred, as libjpeg has them)."""
_JPEG_EXIF_TAGS = {0x9000: _VERSION, 0xA000: b"0100", 0xA001: 1}
"""EXIF's version, Flashpix' version, colour space (sRGB)."""
_PARTS = 10_000
"""A second of arc is written in so many parts: 3 mm on the ground."""


def write_exif(metadata: PhotoMetadata, software: str = "", jpeg_size: tuple[int, int] | None = None) -> bytes:
    """An EXIF block (TIFF header first, no `Exif` prefix); empty when there is nothing to say.

    Args:
        metadata: all of it is written.
        software: name and version of what wrote the file; empty for none.
        jpeg_size: columns and rows of the picture, if it goes into a JPEG: there more tags are mandatory.
    """
    if not (metadata or software):
        return b""
    exif = Image.Exif()
    for name, tag in EXIF_TAGS.items():
        if value := getattr(metadata, name):
            exif[tag] = value.encode("utf-8")  # as every current program reads and writes these ASCII fields
    if software:
        exif[_SOFTWARE] = software
    taken: dict[int, object] = {}
    if jpeg_size:
        exif.update(_JPEG_TAGS)
        taken |= _JPEG_EXIF_TAGS | {0xA002: jpeg_size[0], 0xA003: jpeg_size[1]}
    if metadata.captured:
        moment, zone = metadata.captured[:19], metadata.captured[19:]
        taken |= {0x9000: _VERSION, 0x9003: moment} | ({0x9011: zone} if zone else {})
    if taken:
        exif.get_ifd(ExifTags.IFD.Exif).update(taken)
    if metadata.place:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(_gps(metadata.place))
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _gps(place: str) -> dict[int, object]:
    latitude, longitude, *height = (float(part) for part in place.split(","))
    gps: dict[int, object] = {0: b"\2\3\0\0"}
    gps |= {1: "S" if latitude < 0 else "N", 2: _sexagesimal(latitude)}
    gps |= {3: "W" if longitude < 0 else "E", 4: _sexagesimal(longitude)}
    if height:
        gps |= {5: bytes([height[0] < 0]), 6: IFDRational(round(abs(height[0]) * 10), 10)}
    return gps


def _sexagesimal(degrees: float) -> tuple[IFDRational, ...]:
    minutes, parts = divmod(round(abs(degrees) * 3600 * _PARTS), 60 * _PARTS)
    return IFDRational(minutes // 60, 1), IFDRational(minutes % 60, 1), IFDRational(parts, _PARTS)
