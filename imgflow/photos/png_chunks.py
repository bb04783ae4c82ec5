"""The chunks of a PNG file (PNG specification, third edition): damage, text bombs, animation."""

import struct
import zlib
from collections.abc import Iterator

from imgflow.errors import PhotoError
from imgflow.photos.container import Container, truncated

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_IEND = b"\0\0\0\0IEND\xaeB`\x82"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, column and row step of each pass of an interlaced picture."""
_PIECE = 1 << 20
_METADATA = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
_MOST_TEXT = 1 << 20
"""Bytes into which a compressed profile or text may unfold. Pillow refuses the whole file above this."""
_MOST_TEXT_IN_ALL = 1 << 23


def examine(data: bytes) -> Container:
    """Checks the checksums, leaves out damaged or exploding chunks which do not carry pixels.

    Metadata behind the pixels is moved before them, where it can be read without decoding them.

    Raises:
        PhotoError: `truncated`, `corrupt` or `animated`.
    """
    if len(data) >= len(SIGNATURE) and not data.startswith(SIGNATURE):
        raise PhotoError("corrupt", "the signature is damaged, as by a transfer in text mode")
    kept = [SIGNATURE]
    late: list[bytes] = []
    warnings: list[str] = []
    text_left = _MOST_TEXT_IN_ALL
    bits = frames = first_data = 0
    seen_data = False
    for kind, chunk, intact in _chunks(data):
        critical = kind[:1].isupper()
        if critical and not intact:
            raise PhotoError("corrupt", f"checksum of the {_name(kind)} chunk")
        if len(kept) == 1:
            if kind != b"IHDR" or len(chunk) != 25:
                raise PhotoError("corrupt", "it does not begin with a header chunk")
            bits = chunk[16]
        if kind == b"acTL" and not seen_data and len(chunk) >= 16:
            frames = int.from_bytes(chunk[8:12], "big")
        if kind == b"IDAT" and not seen_data:
            seen_data, first_data = True, len(kept)
        unfolded = _unfolded(kind, chunk[8:-4], min(text_left, _MOST_TEXT)) if intact else None
        if unfolded is None or kind == b"acTL":
            warnings += [f"the {_name(kind)} chunk is damaged or too large: left out"] if unfolded is None else []
            continue
        text_left -= unfolded
        (late if seen_data and kind in _METADATA else kept).append(chunk)
    if frames > 1 and seen_data:
        raise PhotoError("animated", f"{frames} frames")
    if not seen_data:
        raise truncated(len(data), len(data) + 1)
    if kept[-1] != _IEND:
        warnings.append("the end chunk is missing")
        kept.append(_IEND)
    kept[first_data:first_data] = late
    return Container(b"".join(kept) if warnings or frames or late else data, bits, tuple(warnings))


def check_pixels_complete(data: bytes) -> None:
    """Checks that the packed pixels are as many as the header says; Pillow leaves missing ones zero.

    It unpacks everything, in small pieces, and so is for files of which the end looks empty.

    Raises:
        PhotoError: `truncated` or `corrupt`.
    """
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits_per_pixel = bits * _CHANNELS.get(colour, 1)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = (((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in passes)
    needed = sum(rows * (1 + (columns * bits_per_pixel + 7) // 8) for columns, rows in sizes if columns > 0)
    inflater = zlib.decompressobj()
    found = 0
    try:
        for kind, chunk, _ in _chunks(data):
            packed = chunk[8:-4] if kind == b"IDAT" else b""
            while found < needed and (piece := inflater.decompress(packed, _PIECE)):
                found += len(piece)
                packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise PhotoError("corrupt", str(error)) from error
    if found < needed:
        raise PhotoError("truncated", f"{found:,} of {needed:,} bytes of pixels are there")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, the whole chunk (length to checksum), and whether the checksum is right, up to and with IEND."""
    at = len(SIGNATURE)
    while at < len(data):
        if at + 8 > len(data):
            raise truncated(len(data), at + 12)
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            raise PhotoError("corrupt", f"no chunk where one should be, at byte {at:,}")
        end = at + 12 + length
        if end > len(data):
            raise truncated(len(data), end)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        yield kind, data[at:end], zlib.crc32(memoryview(data)[at + 4 : end - 4]) == checksum
        if kind == b"IEND":
            return
        at = end


def _unfolded(kind: bytes, content: bytes, most: int) -> int | None:
    """Bytes into which a chunk unfolds (0 for pixels and such); None if more than `most`, or damaged."""
    if kind not in (b"iCCP", b"zTXt", b"iTXt"):
        return 0
    _, _, packed = content.partition(b"\0")  # the keyword; then come flags
    if kind == b"iTXt":
        if packed[:1] != b"\1":
            return 0
        packed = packed[2:].split(b"\0", 2)[-1]  # language and translated keyword
    else:
        packed = packed[1:]
    inflater = zlib.decompressobj()
    try:
        unfolded = len(inflater.decompress(packed, most))
    except zlib.error:
        return None
    return unfolded if inflater.eof else None


def _name(kind: bytes) -> str:
    return kind.decode("ascii")
