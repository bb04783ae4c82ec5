"""The chunks of a WebP file (RFC 9649): size before the decoder allocates its canvas, and is all of it there?"""

import struct

from imgflow.errors import PhotoError
from imgflow.photos.container import Container, truncated


def examine(data: bytes) -> Container:
    """Checks that the file is as long as its header says, and reads its size.

    Raises:
        PhotoError: `truncated`, `corrupt` or `animated`.
    """
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if riff_size + 8 > len(data):
        raise truncated(len(data), riff_size + 8)
    if data.count(b"ANMF") > 1 and _frames(data) > 1:
        raise PhotoError("animated", f"{_frames(data)} frames")
    try:
        size = _size(data)
    except (IndexError, struct.error) as error:
        raise PhotoError("corrupt", "the header is incomplete") from error
    if size is None:
        raise PhotoError("corrupt", "there is no picture in it")
    return Container(data, size=size)


def _size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _frames(data: bytes) -> int:
    at, frames = 12, 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        frames += kind == b"ANMF"
        at += 8 + size + size % 2
    return frames
