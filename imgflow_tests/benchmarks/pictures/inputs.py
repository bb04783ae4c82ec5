"""What the parts work on: rendered scenes with their truth, and real photos where they are present."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.photos.decode import decode
from imgflow.samples import SCENES, render

PHOTOS = "BENCH_PHOTOS"
"""Variable that names a folder of photos with a MANIFEST.tsv; without it, `shared/photos` beside the repository."""
NOISE_PAIRS = "BENCH_NOISE_PAIRS"
"""Variable that names folders (separated as in PATH) of noisy photos `*_real.*` and their means `*_mean.*`."""

LARGE = ("bicycle", "plush", "backpack")
"""Scenes that are 12 MP by nature: thin parts, hair, coarse cloth with strong noise."""

_TRUE_ALPHA = ("gt_mask", "ref_alpha")
"""Roles of the manifest's pictures that say what is product; masks that a network made are not among them."""
_STORED = "STORED frame"
"""The manifest's word for a mask that must be turned as its photo's EXIF says."""
_TURNED = 0x0112


def write(folder: Path, name: str, **arrays: NDArray[Any]) -> Path:
    """An input file; `np.load` gives the arrays by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.npz"
    np.savez(file, **arrays)
    return file


def scenes(folder: Path, megapixels: float, names: Sequence[str] = tuple(SCENES), noise: bool = True) -> list[Path]:
    """Rendered scenes: `photo`, `alpha` (uint8), `foreground`, and `lit`, the photo without noise and shadow.

    Args:
        noise: the photo has the noise of the scene's camera.
    """
    files: list[Path] = []
    for name in names:
        scene = render(name, megapixels=megapixels)
        share = scene.alpha[..., None]
        lit = np.rint(scene.foreground * share + scene.ground * (1 - share)).astype(np.uint8)
        photo, alpha = scene.photo if noise else scene.clean, np.rint(scene.alpha * 255).astype(np.uint8)
        files.append(write(folder, name, photo=photo, alpha=alpha, foreground=scene.foreground, lit=lit))
    return files


@dataclass(frozen=True)
class NoisePair:
    """A noisy photo and the mean of many of the same: H x W x 3, uint8."""

    name: str
    noisy: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def noise_pairs() -> dict[str, list[NoisePair]]:
    """Real pairs by their folder's name; empty if the variable is not set."""
    folders = [Path(part) for part in os.environ.get(NOISE_PAIRS, "").split(os.pathsep) if part]
    return {f"{folder.parent.name}": list(_pairs(folder)) for folder in folders}


def _pairs(folder: Path) -> Iterator[NoisePair]:
    for noisy in sorted(folder.glob("*_real.*")):
        name = noisy.stem.removesuffix("_real")
        for truth in folder.glob(f"{name}_mean.*"):
            yield NoisePair(name, _rgb(noisy), _rgb(truth))


def matte_pairs(folder: Path) -> list[Path]:
    """Real photos with masks or measured alpha: inputs with `photo` and `alpha`; empty if there are none."""
    place = photos_folder()
    if place is None:
        return []
    with (place / "MANIFEST.tsv").open(newline="") as manifest:
        lines = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    photos = {line["pair_id"]: line for line in lines if line["role"] == "input"}
    files: list[Path] = []
    for line in lines:
        if line["role"] not in _TRUE_ALPHA or line["pair_id"] not in photos:
            continue
        photo, mask = place / photos[line["pair_id"]]["file"], place / line["file"]
        if photo.is_file() and mask.is_file():
            alpha = _mask(mask, photo if _STORED in (line["note"] or "") else None)
            files.append(write(folder, line["pair_id"], photo=_rgb(photo), alpha=alpha))
    return files


def photos_folder() -> Path | None:
    """The folder with real photos and their manifest, if it is present."""
    beside = Path(__file__).parents[4] / "shared" / "photos"
    folder = Path(os.environ.get(PHOTOS) or beside)
    return folder if (folder / "MANIFEST.tsv").is_file() else None


def _rgb(file: Path) -> NDArray[np.uint8]:
    return decode(file.read_bytes()).picture.rgb


def _mask(file: Path, turned_as: Path | None) -> NDArray[np.uint8]:
    """A mask's picture, H x W; turned upright as the photo is, if it is in the frame that the photo is stored in."""
    with Image.open(file) as opened:
        image = opened.copy()
    alpha = np.asarray(image.getchannel("A") if "A" in image.getbands() else image.convert("L"))
    if (alpha == alpha.flat[0]).all():  # painted black and white on an opaque picture
        alpha = np.asarray(image.convert("L"))
    if turned_as is None:
        return alpha
    with Image.open(turned_as) as photo:
        orientation = photo.getexif().get(_TURNED, 1)
    turns = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    return np.asarray(cv2.rotate(alpha, turns[orientation])) if orientation in turns else alpha
