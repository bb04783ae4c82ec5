"""A comparison as one picture, for a chat or an issue: A, B and their difference, and a look at the worst edge."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imgflow.compare.comparison import Compared, Failed, Side, fit
from imgflow.compare.grounds import Ground
from imgflow.compare.matching import Matched
from imgflow.photos.picture import Picture
from imgflow.pipeline.files import write_result

GAIN = 4
"""How many times the differences are amplified, so that they are seen."""
MOST_PAIRS = 4
"""Pairs that one strip shows: those that differ most."""

_CELL = (416, 320)
_CROP = (416, 260)
"""Widest and highest whole picture, and the 100 % crop, pixels. Three of them make a picture that chats don't scale."""
_GAP, _MARGIN, _LINE = 8, 16, 22
_WIDTH = 3 * _CELL[0] + 2 * _GAP + 2 * _MARGIN
_PAPER, _INK, _FAINT = (244, 244, 245), (24, 24, 27), (113, 113, 122)
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
EXTENSIONS = frozenset(_FORMATS)

_Pixels = NDArray[np.uint8]


class Strip:
    """Takes compared pairs one by one, keeps the rows of those that differ most, and writes them as one picture."""

    def __init__(self, out: Path, grounds: Sequence[Ground]) -> None:
        self._out = out
        self._grounds = grounds
        self._rows: list[tuple[float, int, Image.Image]] = []
        self._count = 0

    def add(self, compared: Compared) -> None:
        """Draws the pair if it is among those that differ most."""
        self._count += 1
        rank = compared.figures.delta_e
        if len(self._rows) == MOST_PAIRS and rank <= self._rows[-1][0]:
            return
        # Of equal ones, the first stays first.
        self._rows.append((rank, self._count, draw_pair(compared, self._grounds)))
        self._rows.sort(key=lambda row: (-row[0], row[1]))
        del self._rows[MOST_PAIRS:]

    def finish(self, matched: Matched, failed: Sequence[Failed]) -> None:
        """Writes the picture.

        Raises:
            UsageError: it cannot be written.
        """
        left = self._count - len(self._rows)
        told = [f"{left} more pairs differ less." if left else ""]
        told.append(f"{len(failed)} pairs could not be read." if failed else "")
        alone = len(matched.only_a) + len(matched.only_b)
        told.append(f"{alone} files have no partner." if alone else "")
        footer = "  ".join(text for text in told if text)
        height = sum(row.height for _, _, row in self._rows) + _MARGIN + (_LINE if footer else 0)
        sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
        top = 0
        for _, _, row in self._rows:
            sheet.paste(row, (0, top))
            top += row.height
        _write(ImageDraw.Draw(sheet), (_MARGIN, top), footer, _FAINT)
        file = io.BytesIO()
        sheet.save(file, _FORMATS[self._out.suffix.lower()], quality=92)
        write_result(self._out, file.getvalue())


def draw_pair(compared: Compared, grounds: Sequence[Ground]) -> Image.Image:
    """For each ground a row with A, B and the difference, whole; below it the same at 100 % around the worst edge."""
    a, b = compared.same_size
    whole = [_whole(picture) for picture in (a, b)]
    # What is shown at full size already needs no closer look.
    crops = [] if whole[0] is a else [_crop(picture, compared.figures.place) for picture in (a, b)]
    cells = [_cells(pair, ground) for ground in grounds for pair in (whole, crops) if pair]
    heading = _MARGIN + 3 * _LINE + _GAP
    row = Image.new("RGB", (_WIDTH, heading + sum(len(one[0]) + _GAP for one in cells)), _PAPER)
    _heading(ImageDraw.Draw(row), compared)
    top = heading
    for three in cells:
        for number, pixels in enumerate(three):
            left = _MARGIN + number * (_CELL[0] + _GAP) + (_CELL[0] - pixels.shape[1]) // 2
            row.paste(Image.fromarray(pixels), (left, top))
        top += len(three[0]) + _GAP
    return row


def difference(a: _Pixels, b: _Pixels, gain: int = GAIN) -> _Pixels:
    """H x W x 3, uint8: how far each channel differs, amplified."""
    apart = np.maximum(a, b) - np.minimum(a, b)
    return np.minimum(apart.astype(np.uint16) * gain, 255).astype(np.uint8)


def _cells(pair: Sequence[Picture], ground: Ground) -> tuple[_Pixels, _Pixels, _Pixels]:
    a, b = (ground.under(picture) for picture in pair)
    return a, b, difference(a, b)


def _whole(picture: Picture) -> Picture:
    """The picture scaled down into a cell."""
    scale = min(1, _CELL[0] / picture.width, _CELL[1] / picture.height)
    return fit(picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))


def _crop(picture: Picture, place: tuple[int, int]) -> Picture:
    width, height = min(_CROP[0], picture.width), min(_CROP[1], picture.height)
    left = min(max(place[0] - width // 2, 0), picture.width - width)
    top = min(max(place[1] - height // 2, 0), picture.height - height)
    region = slice(top, top + height), slice(left, left + width)
    return Picture(picture.rgb[region], None if picture.alpha is None else picture.alpha[region])


def _heading(draw: ImageDraw.ImageDraw, compared: Compared) -> None:
    figures = compared.figures
    differ = f"mean dE (CIE76) {figures.delta_e_white:.2f} on white, {figures.delta_e_black:.2f} on black"
    alpha = f"alpha SAD {figures.alpha_sad:.2f}k"
    share = f"{figures.differing:.1%} of pixels differ, {figures.visible:.1%} visibly"
    _write(draw, (_MARGIN, _MARGIN), compared.pair.name, _INK, 17)
    _write(draw, (_MARGIN, _MARGIN + _LINE), "   ".join((differ, alpha, share, *compared.notes)), _FAINT)
    titles = (_title("A", compared.a), _title("B", compared.b), f"Difference x{GAIN}")
    for number, title in enumerate(titles):
        left = _MARGIN + number * (_CELL[0] + _GAP)
        _write(draw, (left, _MARGIN + 2 * _LINE), title, _INK, width=_CELL[0])


def _title(letter: str, side: Side) -> str:
    return f"{letter}  {side.picture.width} x {side.picture.height}  {side.title}"


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    size: int = 14,
    width: int = _WIDTH - 2 * _MARGIN,
) -> None:
    """One line; of a longer one the beginning is left out, for the end of a path says more.

    The font that comes with Pillow has Latin letters only: no Δ, no ×.
    """
    font = ImageFont.load_default(size)
    shown = text
    while shown and draw.textlength(shown if shown == text else f"...{shown}", font) > width:
        shown = shown[1:]
    draw.text(at, shown if shown == text else f"...{shown}", colour, font)
