"""HEIF and AVIF containers (ISO/IEC 14496-12 boxes, 23008-12 items): is all of the data there?

The decoders happily give a picture whose file ends too early, so the boxes and item extents are checked against the
file's length. What is not understood is left to the decoder.
"""

import struct
from collections.abc import Iterator

from imgflow.photos.container import Container, truncated

_MOST_BOXES = 10_000


def examine(data: bytes) -> Container:
    """Checks that every box and every item's data lies within the file.

    Raises:
        PhotoError: `truncated`.
    """
    bits = 8
    for kind, start, end in _boxes(data, 0, len(data)):
        if end > len(data):
            raise truncated(len(data), end)
        if kind == b"meta":
            for inner, inner_start, inner_end in _boxes(data, start + 4, end):
                if inner == b"iloc" and (needs := _extent(data[inner_start:inner_end])) > len(data):
                    raise truncated(len(data), needs)
            bits = _bits(data[start:end])
    return Container(data, bits)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin of the content and end of each box."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        elif size == 0:  # up to the end of the file
            size = end - start
        if size < header:
            return
        yield kind, start + header, start + size
        start += size


def _bits(meta: bytes) -> int:
    """Bits per channel from the first pixel information box (`pixi`), 8 without one."""
    at = meta.find(b"pixi")
    return meta[at + 9] if 0 <= at < len(meta) - 9 and 8 <= meta[at + 9] <= 16 else 8


def _extent(iloc: bytes) -> int:
    """The end of the farthest item data that an `iloc` box speaks of, as an offset in the file; 0 if not understood."""
    try:
        return _farthest(iloc)
    except (IndexError, struct.error):
        return 0


def _farthest(iloc: bytes) -> int:
    version = iloc[0]
    offset_size, length_size = iloc[4] >> 4, iloc[4] & 15
    base_size, index_size = iloc[5] >> 4, (iloc[5] & 15 if version in (1, 2) else 0)
    at = 6

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(iloc):
            raise IndexError
        at += size
        return int.from_bytes(iloc[at - size : at], "big")

    farthest = 0
    for _ in range(number(4 if version == 2 else 2)):
        number(4 if version == 2 else 2)  # the item
        in_file = (number(2) & 15) == 0 if version in (1, 2) else True
        outside = number(2) != 0
        base = number(base_size)
        for _ in range(number(2)):
            number(index_size)
            offset, length = number(offset_size), number(length_size)
            if in_file and not outside:
                farthest = max(farthest, base + offset + length)
    return farthest
