"""Samples as files: photos in the formats shops send, and their truth."""

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from imgflow.samples.profiles import in_display_p3
from imgflow.samples.scene import Bytes, Scene, SceneDescription, render_scene
from imgflow.samples.scenes import SCENES

_FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_EXIF_ORIENTATION = 0x0112


def render(name: str, *, megapixels: float | None = None, seed: int = 0) -> Scene:
    """Render one sample with its truth.

    Args:
        name: key of `SCENES`.
        megapixels: size; native without.
        seed: of everything random; the same seed gives the same pixels.

    Raises:
        KeyError: no sample has this name.
    """
    return render_scene(name, SCENES[name], megapixels, seed)


def encoded(scene: Scene, description: SceneDescription) -> bytes:
    """The photo in its file format, with orientation and profile."""
    pixels = np.rot90(scene.photo) if description.orientation == 6 else scene.photo
    image = Image.fromarray(np.ascontiguousarray(pixels))
    options: dict[str, object] = {}
    if description.profile == "Display P3":
        image, options["icc_profile"] = in_display_p3(image)
    if description.orientation != 1:
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = description.orientation
        options["exif"] = exif
    buffer = BytesIO()
    image.save(buffer, _FORMATS[Path(description.file).suffix], quality=description.quality, **options)
    return buffer.getvalue()


def write_photos(
    folder: Path, names: Iterable[str] | None = None, megapixels: float | None = None, seed: int = 0
) -> list[Path]:
    """Render samples and write each as a photo file in its sub-folder; atomic for each file.

    Args:
        folder: made when it is missing.
        names: keys of `SCENES`; all without.
        megapixels, seed: see `render`.

    Returns:
        The files, in the order of the names.
    """
    return [path for paths in _written(names, megapixels, seed, folder, None) for path in paths]


def write_truth(
    folder: Path, names: Iterable[str] | None = None, megapixels: float | None = None, seed: int = 0
) -> list[Path]:
    """Render samples and write what is known: `<name>.png` (straight colours and alpha), `<name>.ground.png`,
    `<name>.shadow.png` (8 bit, 255 is no shadow) and `<name>.clean.png` (no noise), upright sRGB.

    Args and returned files: see `write_photos`.
    """
    return [path for paths in _written(names, megapixels, seed, None, folder) for path in paths]


def write_both(photos: Path, truth: Path, megapixels: float | None = None, seed: int = 0) -> list[Path]:
    """All photos and their truth from one rendering."""
    return [path for paths in _written(None, megapixels, seed, photos, truth) for path in paths]


def _written(
    names: Iterable[str] | None, megapixels: float | None, seed: int, photos: Path | None, truth: Path | None
) -> Iterable[list[Path]]:
    for name in SCENES if names is None else names:
        scene = render(name, megapixels=megapixels, seed=seed)
        paths: list[Path] = []
        if photos is not None:
            path = photos / SCENES[name].file
            _write(path, encoded(scene, SCENES[name]))
            paths.append(path)
        if truth is not None:
            for suffix, pixels in _truth(scene).items():
                path = truth / f"{name}{suffix}.png"
                _write(path, _png(pixels))
                paths.append(path)
        yield paths


def _truth(scene: Scene) -> dict[str, Bytes]:
    alpha = np.rint(scene.alpha * 255).astype(np.uint8)
    return {
        "": np.dstack([scene.foreground, alpha]),
        ".ground": scene.ground,
        ".shadow": np.rint(scene.shadow * 255).astype(np.uint8),
        ".clean": scene.clean,
    }


def _png(pixels: Bytes) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Write below a name that nobody takes for a photo, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
