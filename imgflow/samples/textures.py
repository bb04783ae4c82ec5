"""Surface patterns: each gives a relative change of brightness, H x W float32 around 0."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Texture = Callable[[int, int, float, np.random.Generator], Floats]
"""Height, width, pixels per scene unit, random numbers -> pattern with a standard deviation of about 1."""


def mottle(height: int, width: int, cell: float | tuple[float, float], rng: np.random.Generator) -> Floats:
    """Smooth random blotches about `cell` pixels large (or across and down), standard deviation about 1."""
    import cv2

    across, down = cell if isinstance(cell, tuple) else (cell, cell)
    columns, rows = int(width / max(across, 1)) + 4, int(height / max(down, 1)) + 4
    small = rng.standard_normal((rows, columns), dtype=np.float32)
    if columns >= width and rows >= height:
        return small[:height, :width]
    grown = cv2.resize(small, (max(width, columns), max(height, rows)), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown[:height, :width] * 1.25, np.float32)


def _embossed(relief: Floats) -> Floats:
    """The relief lit from the upper left."""
    lit = np.zeros_like(relief)
    lit[1:, 1:] = relief[1:, 1:] - relief[:-1, :-1]
    return lit


def _weave(count: float, across_share: float = 0.5, slubs: float = 0.7) -> Texture:
    def weave(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
        pitch = max(unit / count, 2.2)  # finer than this a camera sees plain cloth
        y = np.sin(np.arange(height, dtype=np.float32) * np.float32(2 * np.pi / pitch))[:, None]
        x = np.sin(np.arange(width, dtype=np.float32) * np.float32(2 * np.pi / pitch))[None, :]
        threads = y * x + across_share * y
        threads += slubs * mottle(height, width, (pitch * 5, pitch * 0.6), rng)
        threads += slubs * mottle(height, width, (pitch * 0.6, pitch * 5), rng)
        threads += 0.6 * mottle(height, width, unit * 0.03, rng)
        return threads * np.float32(0.7)

    return weave


def _leather(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    fine = _embossed(mottle(height, width, unit * 0.004, rng)) * np.float32(max(1.0, unit * 0.0015))
    return np.float32(0.6) * fine + np.float32(0.4) * mottle(height, width, unit * 0.06, rng)


def _speckle(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    spots = mottle(height, width, unit * 0.0035, rng)
    return np.float32(0.3) * mottle(height, width, unit * 0.05, rng) - np.float32(4) * (spots > 2.3)


def _brushed(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    return mottle(height, width, (unit * 0.12, unit * 0.0012), rng)


def _wood(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    drift = mottle(height, width, (unit * 0.07, unit * 0.5), rng) * np.float32(3.5)
    x = np.arange(width, dtype=np.float32)[None, :] / np.float32(unit * 0.0035)
    rings = np.sin(x + drift * 2)
    return np.float32(0.6) * rings + np.float32(0.6) * mottle(height, width, (unit * 0.0015, unit * 0.06), rng)


def _grain(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    fine = mottle(height, width, unit * 0.0016, rng)
    return np.float32(0.7) * fine + np.float32(0.5) * mottle(height, width, unit * 0.04, rng)


def _knit(height: int, width: int, unit: float, rng: np.random.Generator) -> Floats:
    pitch = max(unit / 95, 3.0)
    y = np.arange(height, dtype=np.float32)[:, None] / np.float32(pitch)
    x = np.arange(width, dtype=np.float32)[None, :] / np.float32(pitch)
    slant = np.abs((x % 1) - np.float32(0.5)) * np.float32(1.4)
    stitches = np.sin((y + slant) * np.float32(2 * np.pi)) - np.float32(1.2) * np.cos(x * np.float32(2 * np.pi))
    return stitches * np.float32(0.6) + np.float32(0.5) * mottle(height, width, pitch * 0.4, rng)


TEXTURES: dict[str, Texture] = {
    "canvas": _weave(380),
    "nylon": _weave(560, 0.2),
    "mesh": _weave(130, 0.1, 0.15),
    "leather": _leather,
    "speckle": _speckle,
    "brushed": _brushed,
    "wood": _wood,
    "grain": _grain,
    "knit": _knit,
}
