"""Writing PNG files (ISO/IEC 15948) on several cores: each strip of rows is filtered and deflated on its own."""

import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng as zlib

from imgflow.cores import usable_cores

STRIP_BYTES = 2_000_000
"""Size of a strip's pixels. Each starts without a memory of the last: with less than this, files grow noticeably."""

MOST_THREADS = 4
"""Strips worked on at the same time."""

WINDOW = 15
"""Binary logarithm of deflate's window, which is the most that PNG allows."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}
_ADLER = 65_521


def write_png(pixels: NDArray[np.uint8], level: int, chunks: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """The file. Its bytes do not depend on the number of cores.

    Each row takes that of three filters (none, left, above) whose bytes are smallest in sum, as libpng's fast filters.

    Args:
        pixels: H x W x 3 (RGB) or 4 (RGBA), uint8.
        level: of zlib-ng, 0 to 9.
        chunks: type and content of what goes before the pixels.
    """
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    step = max(1, STRIP_BYTES // rows.shape[1])
    tops = range(0, height, step)

    def strip(top: int) -> tuple[bytes, int, int]:
        filtered = _filtered(rows, top, min(top + step, height), channels).data
        deflate = zlib.compressobj(level, zlib.DEFLATED, -WINDOW, zlib.DEF_MEM_LEVEL)
        content = deflate.compress(filtered) + deflate.flush(
            zlib.Z_FINISH if top + step >= height else zlib.Z_FULL_FLUSH
        )
        return _chunk(b"IDAT", content), zlib.adler32(filtered), filtered.nbytes

    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    file = [_SIGNATURE, _chunk(b"IHDR", header), *(_chunk(*chunk) for chunk in chunks)]
    file.append(_chunk(b"IDAT", b"\x78\x9c"))  # zlib's header: deflate with a window of 32 KB
    checksum = 1
    with ThreadPoolExecutor(max_workers=min(MOST_THREADS, usable_cores())) as pool:
        for content, its_checksum, size in pool.map(strip, tops):
            file.append(content)
            checksum = _joined(checksum, its_checksum, size)
    file += [_chunk(b"IDAT", struct.pack(">I", checksum)), _chunk(b"IEND", b"")]
    return b"".join(file)


def _filtered(rows: NDArray[np.uint8], top: int, bottom: int, channels: int) -> NDArray[np.uint8]:
    """Rows with their filter's type before each; flat."""
    from imgflow.photos.png_kernel import filter_rows

    result = np.empty((bottom - top, rows.shape[1] + 1), np.uint8)
    filter_rows(rows, top, bottom, channels, result)
    return result.reshape(-1)


def _joined(first: int, second: int, size: int) -> int:
    """Adler-32 of two stretches of bytes from those of each; `size` is the second's."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % _ADLER
    high = ((first >> 16) + (second >> 16) + ((first & 0xFFFF) - 1) * size) % _ADLER
    return high << 16 | low


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join(
        (struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
    )
