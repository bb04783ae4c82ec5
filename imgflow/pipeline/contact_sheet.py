"""A small before/after sheet, for people looking at a batch in the Dagster UI."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from imgflow.photos.picture import Picture

# Dagster shows markdown metadata in a dialog 480 px wide; two pairs a row read well there.
_CELL = 116
_GAP = 4
_PAIRS_A_ROW = 2
_MOST_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """Thumbnails of one photo before and after a stage."""

    before: Image.Image
    after: Image.Image


def make_pair(before: Picture, after: Picture, size: int = _CELL) -> Pair:
    """Thumbnails of two states of a photo, `size` px on the longer side; transparency shows as a checkerboard."""
    return Pair(_thumbnail(before, size), _thumbnail(after, size))


def contact_sheet(pairs: Sequence[Pair], max_bytes: int) -> str:
    """A markdown picture (inline JPEG) of up to 12 pairs, no longer than `max_bytes` characters; empty for no pairs."""
    if not pairs:
        return ""
    shown = list(pairs[:_MOST_PAIRS])
    while shown:
        sheet = paste_pairs(shown)
        for quality in (82, 70, 55, 40):
            buffer = io.BytesIO()
            sheet.save(buffer, "JPEG", quality=quality, optimize=True)
            text = f"![before and after](data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()})"
            if len(text) <= max_bytes:
                return text
        shown = shown[: len(shown) // 2]
    return ""


def paste_pairs(pairs: Sequence[Pair], size: int = _CELL) -> Image.Image:
    """Two pairs a row, on white; `size` as given to `make_pair`."""
    pair_width = 2 * (size + _GAP)
    sheet = Image.new("RGB", (_PAIRS_A_ROW * pair_width, math.ceil(len(pairs) / _PAIRS_A_ROW) * (size + _GAP)), "white")
    for number, pair in enumerate(pairs):
        left = (number % _PAIRS_A_ROW) * pair_width
        top = (number // _PAIRS_A_ROW) * (size + _GAP)
        for offset, image in ((0, pair.before), (size + _GAP // 2, pair.after)):
            corner = (left + offset + (size - image.width) // 2, top + (size - image.height) // 2)
            sheet.paste(image, corner)
    return sheet


def _thumbnail(picture: Picture, size: int) -> Image.Image:
    """A small copy, so that the full-size pixels can be freed."""
    # Every n-th pixel first: a 12 MP photo need not be filtered whole for a hundred pixels.
    step = max(1, max(picture.width, picture.height) // (size * 4))
    pixels = picture.rgb if picture.alpha is None else picture.rgba
    image = Image.fromarray(pixels[::step, ::step].copy())
    scale = size / max(image.size)
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if picture.alpha is None:
        return image.resize(small, Image.Resampling.BOX)
    # Premultiplied, so that colours below transparent pixels do not bleed in.
    image = image.convert("RGBa").resize(small, Image.Resampling.BOX).convert("RGBA")
    ground = _checkerboard(small)
    ground.paste(image, mask=image)
    return ground


def _checkerboard(size: tuple[int, int]) -> Image.Image:
    tile = Image.new("RGB", (16, 16), (255, 255, 255))
    for corner in ((0, 0), (8, 8)):
        tile.paste((214, 214, 214), (*corner, corner[0] + 8, corner[1] + 8))
    board = Image.new("RGB", size)
    for left in range(0, size[0], 16):
        for top in range(0, size[1], 16):
            board.paste(tile, (left, top))
    return board
