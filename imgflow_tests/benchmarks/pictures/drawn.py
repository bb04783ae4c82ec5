"""Products drawn plainly on ten grounds, with exact truth: other pictures than the samples.

The samples show products as photos do; these ask for what they lack: walls behind tables, wood, cloth, concrete, white
soles on white, rings, fringe. Light is composed in linear values: a cast shadow (the product's silhouette, sheared and
soft), a contact shadow, and what the product takes of the room's light.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgflow_tests.benchmarks.pictures.inputs import write
from imgflow_tests.stages.scenes import Canvas

Floats = NDArray[np.floating[Any]]

NOISE = 2.0
"""Standard deviation of the noise, grey levels."""

GAMMA = 2.2


class _Product:
    """Draws in shares of the shorter side, from the picture's middle."""

    def __init__(self, height: int, width: int) -> None:
        self.canvas, self.unit = Canvas(height, width), min(height, width)
        self.middle = np.array([width / 2, height / 2])
        self.size = np.array([width, height])

    def at(self, *places: tuple[float, float]) -> list[tuple[float, float]]:
        return [tuple(self.middle + np.array(place) * self.unit) for place in places]

    def polygon(self, *places: tuple[float, float]) -> None:
        self.canvas.polygon([tuple(np.array(place) / self.size) for place in self.at(*places)])

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
        self.canvas.line(*self.at(start, end), max(1.0, width * self.unit))

    def ring(self, centre: tuple[float, float], radius: float, width: float) -> None:
        self.canvas.ring(self.at(centre)[0], radius * self.unit, max(1.0, width * self.unit))

    def disc(self, centre: tuple[float, float], radius: float, value: int = 255) -> None:
        self.canvas.disc(self.at(centre)[0], radius * self.unit, value)


def _box(product: _Product) -> None:
    product.polygon((-0.2, -0.12), (0.2, -0.16), (0.22, 0.22), (-0.18, 0.26))


def _mug(product: _Product) -> None:
    product.polygon((-0.16, -0.2), (0.16, -0.2), (0.15, 0.24), (-0.15, 0.24))
    product.ring((0.18, 0.0), 0.1, 0.035)


def _wheel(product: _Product) -> None:
    product.ring((0, 0), 0.28, 0.028)
    product.disc((0, 0), 0.04)
    for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        product.line((0, 0), (0.28 * np.cos(turn), 0.28 * np.sin(turn)), 0.005)


def _bottle(product: _Product) -> None:
    right = ((0.035, -0.28), (0.035, -0.16), (0.1, -0.05), (0.1, 0.26))
    product.polygon(*((-x, y) for x, y in reversed(right)), *right)


def _ball(product: _Product) -> None:
    product.disc((0, 0.05), 0.2)


def _shoe(product: _Product) -> None:
    product.polygon(
        (-0.3, 0.18),
        (-0.3, -0.02),
        (-0.24, -0.14),
        (-0.12, -0.16),
        (-0.06, -0.06),
        (0.26, 0.06),
        (0.3, 0.14),
        (0.3, 0.18),
    )


def _bracelet(product: _Product) -> None:
    product.ring((0, 0), 0.24, 0.014)


def _donut(product: _Product) -> None:
    product.disc((0, 0), 0.25)
    product.disc((0, 0), 0.09, value=0)


def _chair(product: _Product) -> None:
    for x in np.linspace(-0.2, 0.2, 7):
        product.line((x, -0.25), (x, 0.05), 0.015)
    product.line((-0.22, -0.25), (0.22, -0.25), 0.03)
    product.line((-0.22, 0.05), (0.22, 0.05), 0.05)
    for side in (-1, 1):
        product.line((0.2 * side, 0.05), (0.22 * side, 0.35), 0.025)


def _scissors(product: _Product) -> None:
    for side in (-1, 1):
        product.line((0.03 * side, -0.3), (-0.1 * side, 0.1), 0.03)
        product.ring((0.13 * side, 0.2), 0.09, 0.03)


def _tuft(product: _Product) -> None:
    product.disc((0, 0), 0.16)
    rng = np.random.default_rng(5)
    for turn in rng.uniform(0, 2 * np.pi, 700):
        lean, length = rng.normal(0, 0.06), rng.uniform(0.18, 0.24)
        start = 0.14 * np.array([np.cos(turn), np.sin(turn)])
        end = length * np.array([np.cos(turn + lean), np.sin(turn + lean)])
        product.line(tuple(start), tuple(end), 0.0009)


PRODUCTS: dict[str, tuple[Callable[[_Product], None], tuple[float, float, float]]] = {
    "box": (_box, (0.07, 0.07, 0.08)),
    "mug": (_mug, (0.85, 0.85, 0.84)),
    "wheel": (_wheel, (0.12, 0.12, 0.13)),
    "bottle": (_bottle, (0.1, 0.42, 0.2)),
    "ball": (_ball, (0.7, 0.2, 0.15)),
    "shoe": (_shoe, (0.2, 0.25, 0.5)),
    "bracelet": (_bracelet, (0.6, 0.45, 0.2)),
    "donut": (_donut, (0.35, 0.45, 0.65)),
    "chair": (_chair, (0.2, 0.55, 0.4)),
    "scissors": (_scissors, (0.25, 0.4, 0.5)),
    "tuft": (_tuft, (0.3, 0.1, 0.4)),
}
"""How each is drawn, and its colour in sRGB, 0 to 1."""

SOLE, SOLE_COLOUR = 0.13, (0.85, 0.85, 0.82)
"""Where the shoe's light sole begins, in shares of the shorter side below the middle; and its colour."""

TEXTURED = ("wood", "cloth", "concrete")
GROUNDS = ("white", "grey", "cream", "blue", "gradient", "vignette", "table", *TEXTURED)


def drawn(folder: Path, names: Sequence[str], side: int = 900, noise: float = NOISE) -> list[Path]:
    """Input files with `photo`, `alpha` (uint8) and `lit`, the photo without noise and shadow, by name.

    Args:
        folder: for the files.
        names: of a product and a ground, `shoe-white`.
        side: the longer side, pixels; the shorter is four fifths of it.
        noise: standard deviation, grey levels.
    """
    return [write(folder, name, **_picture(*name.split("-"), side, noise)) for name in names]


def on_every_ground(products: Iterable[str]) -> list[str]:
    """Names of these products on all grounds."""
    return [f"{product}-{ground}" for product in products for ground in GROUNDS]


def _picture(product: str, ground: str, side: int, noise: float) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng([list(PRODUCTS).index(product), GROUNDS.index(ground)])
    height, width = side * 4 // 5, side
    behind = _ground(ground, height, width, rng) ** GAMMA
    alpha = _alpha(product, height, width)
    share, own = alpha[..., None], _colours(product, height, width, rng) ** GAMMA
    lit, shaded = (behind * light * (1 - share) + own * share for light in (1, _light(alpha, rng)))
    grain = rng.normal(0, noise, (height, width, 3)) if noise else 0
    return {
        "photo": _bytes(shaded ** (1 / GAMMA) * 255 + grain),
        "lit": _bytes(lit ** (1 / GAMMA) * 255),
        "alpha": _bytes(alpha * 255),
    }


def _alpha(product: str, height: int, width: int) -> Floats:
    drawing = _Product(height, width)
    PRODUCTS[product][0](drawing)
    return drawing.canvas.alpha()


def _colours(product: str, height: int, width: int, rng: np.random.Generator) -> Floats:
    """The product's own, mottled and darker to the lower right; the shoe has a sole."""
    y, x = (np.mgrid[:height, :width] - np.array([height, width])[:, None, None] / 2) / min(height, width)
    colours = np.ones((height, width, 3)) * PRODUCTS[product][1]
    if product == "shoe":
        colours[y > SOLE] = SOLE_COLOUR
    mottle = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), min(height, width) / 80)
    return np.clip(colours * ((1 - 0.2 * x - 0.15 * y) * (1 + 0.05 * mottle / mottle.std()))[..., None], 0, 1)


def _light(alpha: Floats, rng: np.random.Generator) -> Floats:
    """Share of the light that the ground gets, H x W x 3."""
    height, width = alpha.shape
    unit, foot = min(height, width), int(np.flatnonzero((alpha > 0.5).any(1))[-1])
    shear, flat = rng.uniform(0.35, 0.9) * rng.choice([-1, 1]), rng.uniform(0.25, 0.5)
    lying = np.array([[1, -shear, shear * foot], [0, flat, foot * (1 - flat)]], np.float32)
    cast = cv2.GaussianBlur(cv2.warpAffine(alpha, lying, (width, height)), (0, 0), unit * rng.uniform(0.006, 0.02))
    below = np.flatnonzero(alpha[max(0, foot - 2)] > 0.3)
    contact = np.zeros_like(alpha)
    axes = (float(np.ptp(below)) * 1.15 + 0.03 * unit, 0.045 * unit)
    cv2.ellipse(contact, ((float(below.mean()), float(foot)), axes, 0), 1, -1)
    contact = cv2.GaussianBlur(contact, (0, 0), 0.012 * unit)
    room = cv2.GaussianBlur(alpha, (0, 0), 0.05 * unit)
    tint = np.array([1, 0.98, 0.94]) if rng.random() < 0.5 else np.ones(3)
    sun = 1 - rng.uniform(0.3, 0.55) * cast[..., None] * tint
    return np.clip(sun * (1 - 0.3 * contact[..., None]) - 0.06 * room[..., None], 0, 1)


def _ground(name: str, height: int, width: int, rng: np.random.Generator) -> Floats:
    """Display values, 0 to 1."""
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]

    def noise(down: float, across: float) -> Floats:
        size = max(2, round(height / down)), max(2, round(width / across))
        return cv2.resize(rng.standard_normal(size), (width, height), interpolation=cv2.INTER_CUBIC)[..., None]

    plain = {"white": (0.92,) * 3, "grey": (0.55,) * 3, "cream": (0.88, 0.84, 0.76), "blue": (0.55, 0.66, 0.8)}
    if name in plain:
        return np.ones((height, width, 3)) * plain[name]
    if name == "gradient":
        return np.ones((height, width, 3)) * (0.9 - 0.25 * y - 0.1 * x)[..., None]
    if name == "vignette":
        return np.ones((height, width, 3)) * (0.92 - 0.35 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))[..., None]
    if name == "table":
        edge = np.where(y[..., None] < 0.42, (0.86, 0.86, 0.84), (0.72, 0.62, 0.5))
        return cv2.GaussianBlur(edge, (0, 0), height / 400)
    if name == "wood":
        return np.clip((0.66, 0.5, 0.36) * (1 + 0.08 * noise(4, 80) + 0.05 * noise(2, 40)), 0, 1)
    if name == "cloth":
        weave = np.sin(x * width * 2 * np.pi / 5) * np.sin(y * height * 2 * np.pi / 5)
        return np.clip((0.6, 0.62, 0.66) * (1 + 0.04 * weave[..., None] + 0.025 * noise(2, 2)), 0, 1)
    mottled = 0.02 * noise(2, 2) + 0.025 * noise(8, 8) + 0.02 * noise(40, 40)
    return np.clip((0.62, 0.61, 0.6) * (1 + mottled), 0, 1)


def _bytes(values: Floats) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
