"""The markers of a JPEG file (ITU-T T.81, annex B), to find damage that libjpeg paints over.

libjpeg fills what is missing of a picture with grey and only warns, and Pillow does not pass its warnings on. So the
decoder is given a scan *without* the end marker behind it: if the scan's data runs out before the picture is
complete, the decoder asks for more instead of inventing pixels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from imgflow.errors import PhotoError
from imgflow.photos import tiff_pages
from imgflow.photos.container import Container, truncated

_DHT, _SOI, _EOI, _SOS, _DRI, _APP2 = 0xC4, 0xD8, 0xD9, 0xDA, 0xDD, 0xE2
_STANDALONE = {0x01, _SOI, *range(0xD0, 0xD8)}
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA)
_HUFFMAN = (0xC0, 0xC1)
"""Sequential with Huffman codes. (Arithmetic decoders read zeros behind the end by design.)"""
_NOT_DECODED = {0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical", 0xC8: "extended",
                0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical"}  # fmt: skip

_SCAN_END = re.compile(rb"\xff(?!\xff*[\x00\xd0-\xd7])")
_END_MARKER = re.compile(rb"\xff+\xd9")
_RESTARTS = re.compile(rb"\xff([\xd0-\xd7])")

_HOLE = bytes(64)
_PADDING = bytes(16)
"""libjpeg reads up to 8 bytes ahead: these let it finish the last block of a scan without seeing a marker."""
_CLOSED = b"\xff\xd9"

_SEVERAL_VIEWS = 0x02
"""Class of the Multi-Picture types panorama, stereo and multi-angle (CIPA DC-007, 5.2.3.3); the others are previews."""


@dataclass(slots=True)
class _Frame:
    """What the headers say."""

    precision: int = 8
    height: int = 0
    width: int = 0
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    progressive: bool = False
    huffman: bool = False
    restart_interval: int = 0
    zeros_end_blocks: bool = False


@dataclass(slots=True)
class _Scan:
    """One scan: its header's numbers, and where its data lies."""

    components: tuple[int, ...]
    band: range
    high: int
    low: int
    start: int
    end: int


def examine(data: bytes) -> Container:
    """Checks frame header, scans and restart markers.

    Raises:
        PhotoError: `truncated`, `corrupt`, `unsupported_mode` or `animated` (several views in one file).
    """
    frame = _Frame()
    scans: list[_Scan] = []
    closed = False
    for marker, start, end in _segments(data):
        if marker == _EOI:
            closed = True
        elif marker in _NOT_DECODED:
            raise PhotoError("unsupported_mode", f"{_NOT_DECODED[marker]} JPEG")
        elif marker in _SEQUENTIAL or marker in _PROGRESSIVE:
            _read_frame(data[start:end], frame)
            frame.progressive, frame.huffman = marker in _PROGRESSIVE, marker in _HUFFMAN
        elif marker == _DHT:
            frame.zeros_end_blocks |= _zeros_end_blocks(data[start:end])
        elif marker == _DRI:
            frame.restart_interval = int.from_bytes(data[start:end], "big")
        elif marker == _APP2 and data.startswith(b"MPF\0", start):
            _refuse_several_views(data[start + 4 : end])
        elif marker == _SOS:
            scans.append(_read_scan(data, start, end))
            if frame.huffman and len(frame.sampling) == len(scans[0].components):
                break  # the one scan of a sequential JPEG: nothing behind it matters
    if not frame.sampling:
        raise PhotoError("corrupt", "there is no frame header")
    if not scans:
        raise truncated(len(data), len(data) + 1)
    if frame.huffman and len(frame.sampling) == len(scans[0].components):
        _check_restarts(data, scans[0], frame)
        _check_hole(data, scans[0], frame)
        end = scans[0].end
        cut = end == len(data) or _END_MARKER.match(data, end) is not None
        return Container(data[:end] + _PADDING, exact_end=True, when_dry="truncated" if cut else "corrupt")
    _check_scans(scans, frame, closed)
    return Container(data[: scans[-1].end] + _CLOSED)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment's content, up to the end marker; scan data is skipped."""
    at = 2
    while at < len(data):
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) and data[at] == 0xFF:
            at += 1
        if not 0 <= at < len(data):
            return
        marker = data[at]
        at += 1
        if marker == _EOI:
            yield marker, at, at
            return
        if marker == 0 or marker in _STANDALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or at + length > len(data):
            raise truncated(len(data), at + max(length, 2))
        if length < 2:
            raise PhotoError("corrupt", f"a segment without length at byte {at:,}")
        yield marker, at + 2, at + length
        at += length
        if marker == _SOS:
            at = _scan_end(data, at)


def _scan_end(data: bytes, start: int) -> int:
    found = _SCAN_END.search(data, start)
    return found.start() if found else len(data)


def _read_frame(header: bytes, frame: _Frame) -> None:
    if len(header) < 6 or len(header) < 6 + 3 * header[5]:
        raise PhotoError("corrupt", "the frame header is too short")
    frame.precision = header[0]
    frame.height, frame.width = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:5], "big")
    if frame.precision != 8:
        raise PhotoError("unsupported_mode", f"JPEG with {frame.precision} bits per channel")
    if header[5] not in (1, 3, 4):
        raise PhotoError("unsupported_mode", f"JPEG with {header[5]} channels")
    parts = [header[6 + 3 * i : 9 + 3 * i] for i in range(header[5])]
    frame.sampling = {part[0]: (part[1] >> 4, part[1] & 15) for part in parts}
    if any(not 1 <= factor <= 4 for factors in frame.sampling.values() for factor in factors):
        raise PhotoError("corrupt", "the frame header has bad sampling factors")


def _read_scan(data: bytes, start: int, end: int) -> _Scan:
    header = data[start:end]
    if not header or len(header) < 4 + 2 * header[0]:
        raise PhotoError("corrupt", "a scan header is too short")
    first, last, bits = header[1 + 2 * header[0] : 4 + 2 * header[0]]
    components = tuple(header[1 : 1 + 2 * header[0] : 2])
    return _Scan(components, range(first, last + 1), bits >> 4, bits & 15, end, _scan_end(data, end))


def _check_restarts(data: bytes, scan: _Scan, frame: _Frame) -> None:
    """libjpeg skips or repeats blocks where a restart marker is missing: the rest of the picture would be shifted."""
    if not frame.restart_interval:
        return
    found = b"".join(_RESTARTS.findall(data, scan.start, scan.end))
    expected = bytes(0xD0 + i % 8 for i in range(len(found)))
    if found != expected:
        raise PhotoError("corrupt", "a restart marker is missing")
    widest, highest = (max(factors) for factors in zip(*frame.sampling.values(), strict=True))
    if len(frame.sampling) == 1:
        widest = highest = 1
    blocks = -(-frame.width // (8 * widest)) * -(-frame.height // (8 * highest))
    if len(found) < -(-blocks // frame.restart_interval) - 1:
        raise PhotoError("truncated", f"{len(found)} of {-(-blocks // frame.restart_interval) - 1} restart markers")


def _zeros_end_blocks(tables: bytes) -> bool:
    """Whether zero bits mean "nothing more in this block" in some AC table, so that plain areas are runs of zeros."""
    at = 0
    while at + 17 < len(tables):
        is_ac, first_symbol = tables[at] >> 4, tables[at + 17]
        if is_ac and first_symbol == 0:
            return True
        at += 17 + sum(tables[at + 1 : at + 17])
    return False


def _check_hole(data: bytes, scan: _Scan, frame: _Frame) -> None:
    """Parts of a file that never arrived are zeros; with most Huffman tables no picture gives so many in a row."""
    at = data.find(_HOLE, scan.start, scan.end)
    if at >= 0 and not frame.zeros_end_blocks:
        raise PhotoError("corrupt", f"a hole of zeros at byte {at:,}")


def _check_scans(scans: list[_Scan], frame: _Frame, closed: bool) -> None:
    """Every coefficient of every channel must have come, to the last bit for the first (brightness)."""
    if not closed:  # the decoder cannot tell where the last scan ends
        raise PhotoError("truncated", "the end marker is missing")
    for component in frame.sampling:
        mine = [scan for scan in scans if component in scan.components]
        if not frame.progressive:
            complete = bool(mine)
        else:
            sent = {k for scan in mine if component != next(iter(frame.sampling)) or not scan.low for k in scan.band}
            complete = sent >= set(range(64))
        if not complete:
            raise PhotoError("truncated", f"only {len(scans)} scans")


def _refuse_several_views(index: bytes) -> None:
    for page in tiff_pages.directories(index):
        entries = page.get(0xB002)
        if isinstance(entries, bytes):
            order = "little" if index.startswith(b"II") else "big"
            kinds = [int.from_bytes(entries[i : i + 4], order) >> 16 & 0xFF for i in range(0, len(entries), 16)]
            if kinds.count(_SEVERAL_VIEWS) > 1:
                raise PhotoError("animated", f"{len(kinds)} views")
