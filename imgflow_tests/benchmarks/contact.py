"""Cutouts to be looked at: `python -m imgflow_tests.benchmarks.contact PHOTOS CUTOUTS OUT` writes contact sheets.

A row for each photo: as it is, and its cutout on white, black and magenta; below, the same at 100 %, around the place
where most of alpha is soft. (`imgflow compare` shows where two pictures differ: photo and cutout do so everywhere.)
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from imgflow.compare.comparison import fit
from imgflow.compare.grounds import parse_grounds
from imgflow.compare.matching import Pair, match
from imgflow.photos.decode import decode
from imgflow.photos.picture import Picture

GROUNDS = parse_grounds(["white,black,magenta"], [])
CELL = 320
"""Side of a picture and of a crop, pixels."""
ROWS = 4
"""Photos on a sheet."""

_GAP, _LINE = 6, 18
_PAPER, _INK = (128, 128, 128), (0, 0, 0)


def sheets(pairs: Sequence[Pair]) -> Iterator[Image.Image]:
    """Sheets with `ROWS` photos each."""
    for first in range(0, len(pairs), ROWS):
        rows = [_row(pair) for pair in pairs[first : first + ROWS]]
        sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), _PAPER)
        top = 0
        for row in rows:
            sheet.paste(row, (0, top))
            top += row.height
        yield sheet


def softest(picture: Picture, side: int = CELL) -> tuple[int, int]:
    """Left and top of the window (of that side, or as large as the picture) with the most soft alpha."""
    height, width = min(side, picture.height), min(side, picture.width)
    alpha = picture.rgba[..., 3].astype(np.float32) / 255
    sums = cv2.boxFilter(alpha * (1 - alpha), cv2.CV_32F, (width, height), anchor=(0, 0), normalize=False)
    inside = sums[: picture.height - height + 1, : picture.width - width + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(left), int(top)


def _row(pair: Pair) -> Image.Image:
    photo, cutout = (decode(file.read_bytes()).picture for file in (pair.a, pair.b))
    photo = fit(photo, cutout.width, cutout.height)
    left, top = softest(cutout)
    lines = [
        [_whole(picture) for picture in (photo, cutout)],
        [_crop(picture, left, top) for picture in (photo, cutout)],
    ]
    row = Image.new("RGB", (4 * (CELL + _GAP), 2 * (CELL + _GAP) + _LINE), _PAPER)
    title = f"{pair.name}  {cutout.width} x {cutout.height}, crop at {left}, {top}"
    ImageDraw.Draw(row).text((_GAP, 2), title, _INK)
    for number, (before, after) in enumerate(lines):
        pictures = [before.rgb, *(ground.under(after) for ground in GROUNDS)]
        for column, pixels in enumerate(pictures):
            row.paste(Image.fromarray(pixels), (column * (CELL + _GAP), _LINE + number * (CELL + _GAP)))
    return row


def _whole(picture: Picture) -> Picture:
    scale = min(1, CELL / max(picture.width, picture.height))
    return fit(picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))


def _crop(picture: Picture, left: int, top: int) -> Picture:
    region = slice(top, top + CELL), slice(left, left + CELL)
    return Picture(picture.rgb[region], None if picture.alpha is None else picture.alpha[region])


def main() -> None:
    """Write the sheets of two folders, matched by path."""
    photos, cutouts, out = map(Path, sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    for number, sheet in enumerate(sheets(match(photos, cutouts).pairs), 1):
        sheet.save(out / f"sheet-{number:02}.png")


if __name__ == "__main__":
    main()
