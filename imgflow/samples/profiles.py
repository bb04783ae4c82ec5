"""The Display P3 colour profile, built from its published numbers (SMPTE EG 432-1 primaries, D65, sRGB curve)."""

import struct
from io import BytesIO

from PIL import Image, ImageCms

_D50 = (0.96420, 1.0, 0.82491)
_COLUMNS = {  # CIE XYZ of the primaries, adapted to D50 (Bradford), as profiles store them
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def display_p3() -> bytes:
    """An ICC version 4.3 matrix profile (ICC.1:2010) of Display P3."""
    tags: list[tuple[bytes, bytes]] = [
        (b"desc", _text("Display P3")),
        (b"cprt", _text("No copyright, use freely")),
        (b"wtpt", _xyz(_D50)),
    ]
    tags += [(name, _xyz(column)) for name, column in _COLUMNS.items()]
    curve = b"para" + struct.pack(">I2H", 0, 3, 0) + b"".join(_fixed(value) for value in _SRGB_CURVE)
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">2I", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28
    header += b"".join(_fixed(value) for value in _D50)
    return header.ljust(128, b"\0") + table + body


def in_display_p3(image: Image.Image) -> tuple[Image.Image, bytes]:
    """An sRGB picture's colours in Display P3 values, and the profile to embed."""
    profile = display_p3()
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(BytesIO(profile)), outputMode="RGB"
    )
    assert converted is not None  # only converting in place gives None
    return converted, profile


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + b"\0" * 4 + b"".join(_fixed(value) for value in values)


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">3I2s2s2I", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded
