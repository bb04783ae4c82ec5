"""The pages of a TIFF file (TIFF 6.0, BigTIFF): how many are pictures, is their data all there, is it camera raw?"""

import struct
from collections.abc import Iterator
from itertools import islice

from imgflow.errors import PhotoError
from imgflow.photos.container import Container, truncated

Directory = dict[int, tuple[int, ...] | bytes]
"""Values of one page by tag; bytes for tags of type UNDEFINED."""

_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_NEEDED = {254, 255, 256, 257, 258, 259, 262, 273, 279, 324, 325, 339, 50706, 0xB002}
_MOST_VALUES = 2_000_000
_MOST_PAGES = 64

_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType: a page that is a smaller version of, or a transparency mask for, another."""
_SENSOR_DATA = (32803, 34892)
"""Photometric interpretations of raw files: colour filter array and linear raw."""
_FLOAT, _COMPLEX = (3,), (5, 6)


def examine(data: bytes) -> Container:
    """Checks that there is one picture, of whole numbers, with all of its data.

    Raises:
        PhotoError: `truncated`, `corrupt`, `animated`, `unsupported_mode` or `unsupported_format`.
    """
    pages = list(islice(directories(data), _MOST_PAGES))
    if not pages:
        raise truncated(len(data), len(data) + 1)
    first = pages[0]
    if data[8:10] == b"CR" or 50706 in first or _is_reduced(first) or _first(first, 262) in _SENSOR_DATA:
        raise PhotoError("unsupported_format", "it is camera raw")
    if any(sample in (*_FLOAT, *_COMPLEX) for sample in _numbers(first, 339)):
        raise PhotoError("unsupported_mode", "floating-point TIFF")
    pictures = sum(not _is_reduced(page) for page in pages)
    if pictures > 1:
        raise PhotoError("animated", f"{pictures} pages")
    for offsets, counts in ((273, 279), (324, 325)):
        ends = [a + b for a, b in zip(_numbers(first, offsets), _numbers(first, counts), strict=False)]
        if ends and max(ends) > len(data):
            raise truncated(len(data), max(ends))
    return Container(data, max(_numbers(first, 258), default=1))


def directories(data: bytes) -> Iterator[Directory]:
    """Each page's tags, only those that matter here; ends at a loop or at the first damaged page."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (version,) = struct.unpack_from(order + "H", data, 2)
        big = version == 43
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        seen: set[int] = set()
        while at and at not in seen:
            seen.add(at)
            page, at = _directory(data, at, order, big)
            yield page
    except struct.error:
        return


def _directory(data: bytes, at: int, order: str, big: bool) -> tuple[Directory, int]:
    """One page and the offset of the next."""
    count_code, entry_code, pointer_code = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    entry_size = struct.calcsize(order + entry_code + pointer_code)
    inline = struct.calcsize(order + pointer_code)
    (count,) = struct.unpack_from(order + count_code, data, at)
    at += struct.calcsize(order + count_code)
    page: Directory = {}
    for entry in range(at, min(at + count * entry_size, len(data)), entry_size):
        tag, kind, values = struct.unpack_from(order + entry_code, data, entry)
        code = _TYPES.get(kind)
        if tag not in _NEEDED or code is None or not 0 < values <= _MOST_VALUES:
            continue
        size = struct.calcsize(code) * values
        where = entry + entry_size - inline
        if size > inline:
            (where,) = struct.unpack_from(order + pointer_code, data, where)
        content = data[where : where + size]
        page[tag] = content if kind == 7 else struct.unpack(f"{order}{values}{code}", content)
    (following,) = struct.unpack_from(order + pointer_code, data, at + count * entry_size)
    return page, following


def _numbers(page: Directory, tag: int) -> tuple[int, ...]:
    return tuple(page.get(tag, ()))


def _first(page: Directory, tag: int) -> int:
    return next(iter(_numbers(page, tag)), 0)


def _is_reduced(page: Directory) -> bool:
    return bool(_first(page, 254) & (_REDUCED | _MASK)) or _first(page, 255) == 2
