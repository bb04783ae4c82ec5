"""Two files read, brought to one size, and measured."""

import io
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from imgflow.compare.figures import Figures, coverage, measure
from imgflow.compare.matching import Pair
from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.limits import Limits
from imgflow.photos.picture import Picture
from imgflow.pipeline.files import read_photo

_LONGEST_STAMP = 200


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files.

    Attributes:
        title: what a person calls it.
        coverage: mean alpha, 0 to 1.
        stamp: what imgflow wrote into the file about how it was made, if it did.
    """

    title: str
    picture: Picture
    bytes: int
    coverage: float
    stamp: str

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the page."""
        return {
            "path": self.title,
            "width": self.picture.width,
            "height": self.picture.height,
            "bytes": self.bytes,
            "alpha_coverage": round(self.coverage, 6),
            "stamp": self.stamp,
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair and its figures.

    Attributes:
        same_size: A and B as they were measured: both of the smaller one's size.
        notes: what is to be known about the figures.
    """

    pair: Pair
    a: Side
    b: Side
    same_size: tuple[Picture, Picture]
    figures: Figures
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the page."""
        width, height = self.same_size[0].width, self.same_size[0].height
        figures = {name: round(v, 6) if isinstance(v, float) else v for name, v in asdict(self.figures).items()}
        return {
            "name": self.pair.name,
            "status": "compared",
            "a": self.a.as_json(),
            "b": self.b.as_json(),
            "compared_size": [width, height],
            "figures": figures | {"delta_e": round(self.figures.delta_e, 6)},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Failed:
    """A pair of which a file, called `title`, cannot be read."""

    pair: Pair
    title: str
    error: PhotoError

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the page."""
        return {
            "name": self.pair.name,
            "status": "failed",
            "a": {"path": self.pair.titles[0]},
            "b": {"path": self.pair.titles[1]},
            "error": {"path": self.title, "code": self.error.code, "message": self.error.message},
        }


def compare_pair(pair: Pair, limits: Limits) -> Compared | Failed:
    """Reads and measures one pair; a file that cannot be read is told, not raised.

    Args:
        pair: what to compare.
        limits: of pixels and sides. Cutouts may be small, long and large files, so that nothing else is limited.
    """
    limits = replace(limits, max_bytes=max(limits.max_bytes, 4 * limits.max_pixels), min_side=1, max_aspect=math.inf)
    sides: list[Side] = []
    for path, title in zip((pair.a, pair.b), pair.titles, strict=True):
        try:
            sides.append(_read(path, title, limits))
        except PhotoError as error:
            return Failed(pair, title, error)
    return _compared(pair, *sides)


def _compared(pair: Pair, a: Side, b: Side) -> Compared:
    same_size, notes = _same_size(a.picture, b.picture)
    figures = measure(*same_size)
    if notes:
        figures = replace(figures, psnr_white=None, psnr_black=None)
    return Compared(pair, a, b, same_size, figures, notes)


def _read(path: Path, title: str, limits: Limits) -> Side:
    data = read_photo(path, limits.max_bytes)
    picture = decode(data, limits).picture
    return Side(title, picture, len(data), coverage(picture), _stamp(data))


def _stamp(data: bytes) -> str:
    """What imgflow says in PNG text or in EXIF's Software; empty if it says nothing."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            said = (image.info.get("imgflow"), image.info.get("Software"), image.getexif().get(ExifTags.Base.Software))
    except Exception:  # whatever is wrong with its metadata, the picture could be read
        return ""
    own = said[0] and f"imgflow {said[0]}"
    texts = (" ".join(str(text).split()) for text in (own, *said[1:]) if text)
    return next((text[:_LONGEST_STAMP] for text in texts if text.lower().startswith("imgflow")), "")


def _same_size(a: Picture, b: Picture) -> tuple[tuple[Picture, Picture], tuple[str, ...]]:
    if a.rgb.shape == b.rgb.shape:
        return (a, b), ()
    smaller = min(a, b, key=lambda picture: picture.width * picture.height)
    width, height = smaller.width, smaller.height
    notes = [f"The sizes differ: compared at {width} x {height} pixels, without PSNR."]
    if abs(math.log(a.width * b.height / (a.height * b.width))) > 0.01:
        notes.append("The shapes differ too: the larger one was fitted into the smaller one's frame.")
    return (fit(a, width, height), fit(b, width, height)), tuple(notes)


def fit(picture: Picture, width: int, height: int) -> Picture:
    """The whole picture as large as the frame allows, in its middle; what is left of the frame is transparent.

    Args:
        picture: what to scale; colours of transparent pixels do not bleed in.
        width, height: of the frame, pixels.
    """
    if (picture.width, picture.height) == (width, height):
        return picture
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # A pixel that rounding leaves over is no frame to be seen.
    size = (width if abs(size[0] - width) <= 1 else size[0], height if abs(size[1] - height) <= 1 else size[1])
    scaled = _scaled(picture, size)
    if size == (width, height):
        return scaled
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    frame = np.zeros((height, width, 4), np.uint8)
    frame[top : top + size[1], left : left + size[0]] = scaled.rgba
    return Picture(np.ascontiguousarray(frame[..., :3]), np.ascontiguousarray(frame[..., 3]))


def _scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    if picture.alpha is None:
        return Picture(np.asarray(Image.fromarray(picture.rgb).resize(size, Image.Resampling.LANCZOS)))
    premultiplied = Image.fromarray(picture.rgba).convert("RGBa")
    # Not Lanczos, which overshoots: a premultiplied colour must not exceed its alpha.
    rgba = np.asarray(premultiplied.resize(size, Image.Resampling.HAMMING).convert("RGBA"))
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))
