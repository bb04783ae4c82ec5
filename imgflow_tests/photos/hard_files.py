"""Hard pictures, made by hand: what the libraries cannot or would not write."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def scene(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """H x W x 3 uint8: a smooth ground with a disc and a bar, alike in no mirror or turn."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    rgb = np.stack([60 + 150 * x, 200 - 140 * y, 90 + 60 * x + 40 * y], -1)
    rgb[np.hypot(x - 0.3, y - 0.2) < 0.15] = (220, 40, 30)
    rgb[(x > 0.6) & (y > 0.4) & (y < 0.5)] = (20, 30, 160)
    return np.rint(rgb).astype(np.uint8)


def detailed(width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """The scene with fine grain, so that a file of it is large and every part of it matters."""
    grain = np.random.default_rng(7).normal(0, 12, (height, width, 1))
    return np.clip(scene(width, height) + grain, 0, 255).astype(np.uint8)


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal to noise ratio of two 8-bit pictures, dB."""
    assert a.shape == b.shape
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def saved(pixels: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def stored_turned(rgb: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels as a camera stores them: to be upright after the turn that EXIF prescribes."""
    stored = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.swapaxes(0, 1),
        6: np.rot90(rgb, 1),
        7: np.rot90(rgb, 2).swapaxes(0, 1),
        8: np.rot90(rgb, -1),
    }[orientation]
    return np.ascontiguousarray(stored)


def orientation_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def orientation_xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


# -- PNG ---------------------------------------------------------------------------------------------------------------


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int, bits: int, colour: int) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))


def png(samples: NDArray[Any], bits: int, colour: int, *chunks: bytes) -> bytes:
    """A PNG of H x W (x C) samples of 1, 2, 4, 8 or 16 bits, unfiltered; `chunks` go before the pixels."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if bits == 16:
        packed = rows.astype(">u2").view(np.uint8).reshape(height, -1)
    elif bits == 8:
        packed = rows.astype(np.uint8)
    else:
        spread = (rows[..., None] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)
        packed = np.packbits(spread.reshape(height, -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in packed)
    pixels = png_chunk(b"IDAT", zlib.compress(raw))
    return b"".join((SIGNATURE, png_header(width, height, bits, colour), *chunks, pixels, png_chunk(b"IEND", b"")))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += length + 12
    return found


# -- TIFF --------------------------------------------------------------------------------------------------------------


def tiff(pages: list[tuple[NDArray[Any], dict[int, int]]], order: str = "<") -> bytes:
    """An uncompressed TIFF; a page is H x W (x C) samples and tags that replace or add to the usual ones."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = bytearray(head + struct.pack(order + "I", 0))
    link = 4
    for samples, more in pages:
        height, width = samples.shape[:2]
        channels = samples.shape[2] if samples.ndim == 3 else 1
        bits = samples.dtype.itemsize * 8
        pixels = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
        at = len(body)
        body += pixels + bytes(len(pixels) % 2)
        bits_at = len(body)
        body += struct.pack(f"{order}{channels}H", *[bits] * channels) + bytes(channels * 2 % 4)
        tags = {256: width, 257: height, 258: bits_at if channels > 1 else bits, 259: 1, 262: 2 if channels > 1 else 1,
                273: at, 277: channels, 278: height, 279: len(pixels), **more}  # fmt: skip
        struct.pack_into(order + "I", body, link, len(body))
        body += struct.pack(order + "H", len(tags))
        for tag, value in sorted(tags.items()):
            count = channels if tag == 258 else 1
            if tag in (273, 279) or (tag == 258 and channels > 2):
                body += struct.pack(order + "HHII", tag, 3 if tag == 258 else 4, count, value)
            elif tag == 258 and channels == 2:
                body += struct.pack(order + "HHIHH", tag, 3, 2, bits, bits)
            else:
                body += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
        link = len(body)
        body += bytes(4)
    return bytes(body)


# -- colour profiles ---------------------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """sRGB with red and green exchanged: whoever heeds it exchanges the channels."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(profile[entry : entry + 4])
        profile[entry : entry + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(profile)


def cmyk_profile() -> bytes:
    """A printer profile (ICC.1:2001, lut8) whose first ink, called cyan, is really red; the other inks only darken."""
    table = bytearray()
    for node in range(16):
        first, rest = node >> 3 & 1, (node & 7).bit_count()
        lightness, a, b = (54, 81, 70) if first else (100, 0, 0)
        dark = 1 - rest / 3
        table += bytes((round(lightness * dark * 2.55), round(128 + a * dark), round(128 + b * dark)))
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes(table) + ramp * 3
    text = b"desc" + bytes(4) + struct.pack(">I", 9) + b"red cyan\0" + bytes(4 + 4 + 2 + 1 + 67)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags, at, content = b"", 128 + 4 + 12 * 3, b""
    for name, data in ((b"desc", text), (b"wtpt", white), (b"A2B0", lut)):
        data += bytes(-len(data) % 4)
        tags += name + struct.pack(">II", at + len(content), len(data))
        content += data
    size = at + len(content)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + tags + content
