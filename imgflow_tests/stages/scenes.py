"""Small drawn scenes whose alpha, colours and shadow are known exactly."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
OVERSAMPLING = 4


@dataclass(frozen=True)
class Scene:
    rgb: NDArray[np.uint8]
    alpha: FloatArray
    """0 to 1."""
    colours: FloatArray
    """The product's own, 0 to 255, everywhere."""
    clean: NDArray[np.uint8]
    """The photo without the shadow."""
    shadow: NDArray[np.bool_]
    """Where the ground is clearly darkened."""


@dataclass(frozen=True)
class BlurredTruth:
    """A segmenter which knows the truth but sees it through a small network's eyes."""

    input_size = 4096

    alpha: FloatArray
    side: int = 64
    name: str = "blurred_truth"
    device: str = "cpu"

    def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
        small = cv2.resize(self.alpha, (self.side, self.side), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 0.7)
        return np.clip(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Finds:
    """A segmenter that answers with one array, or one value everywhere."""

    input_size = 4096

    answer: FloatArray | float
    name: str = "finds"
    device: str = "cpu"

    def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
        if isinstance(self.answer, float):
            return np.full(rgb.shape[:2], self.answer, np.float32)
        return self.answer


def bicycle(height: int = 300, width: int = 400) -> FloatArray:
    """Two wheels with 1.5 px spokes, joined by a frame."""
    canvas = Canvas(height, width)
    radius = 0.22 * width
    hubs = [(0.27 * width, 0.6 * height), (0.73 * width, 0.6 * height)]
    for hub in hubs:
        canvas.ring(hub, radius, 7)
        for turn in range(12):
            angle = turn * np.pi / 6
            end = (hub[0] + radius * np.cos(angle), hub[1] + radius * np.sin(angle))
            canvas.line(hub, end, 1.5)
        canvas.disc(hub, 7)
    canvas.line(hubs[0], (0.5 * width, 0.25 * height), 8)
    canvas.line((0.5 * width, 0.25 * height), hubs[1], 8)
    canvas.line(hubs[0], hubs[1], 8)
    return canvas.alpha()


def ring(height: int = 240, width: int = 240) -> FloatArray:
    """A disc with a small round hole and a thin handle's hole."""
    canvas = Canvas(height, width)
    canvas.disc((0.5 * width, 0.5 * height), 0.32 * width)
    canvas.disc((0.42 * width, 0.5 * height), 0.035 * width, value=0)
    return canvas.alpha()


def box(height: int = 240, width: int = 320) -> FloatArray:
    canvas = Canvas(height, width)
    canvas.polygon([(0.35, 0.2), (0.65, 0.2), (0.68, 0.75), (0.32, 0.75)])
    return canvas.alpha()


def fringe(height: int = 240, width: int = 240) -> FloatArray:
    """A disc with an edge which fades over 12 px."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width / 2, y - height / 2)
    return np.clip((0.33 * width - distance) / 12 + 0.5, 0, 1).astype(np.float32)


def scene(
    alpha: FloatArray,
    product: tuple[int, int, int] = (60, 70, 160),
    ground: tuple[int, int, int] = (205, 200, 190),
    shadow: float = 0.0,
    texture: float = 2.0,
    seed: int = 0,
) -> Scene:
    """A product laid on lit, textured ground; its shadow falls to the lower right and takes `shadow` of the light."""
    random = np.random.default_rng(seed)
    height, width = alpha.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = 1 - 0.1 * (x / width) - 0.05 * (y / height)
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    lit = np.asarray(ground, np.float32) * light[..., None] + texture * (grain / grain.std())[..., None]
    shift = np.float32([[1, 0, 0.09 * width], [0, 1, 0.05 * height]])
    depth = shadow * cv2.GaussianBlur(cv2.warpAffine(alpha, shift, (width, height)), (0, 0), 0.02 * width)
    shade = 0.5 + 0.5 * np.cos(x / 23) * np.sin(y / 17)
    colours = np.asarray(product, np.float32) * (0.8 + 0.25 * shade[..., None])
    opacity = alpha[..., None]
    photo = colours * opacity + lit * (1 - depth[..., None]) * (1 - opacity)
    clean = colours * opacity + lit * (1 - opacity)
    return Scene(to_bytes(photo), alpha, colours, to_bytes(clean), (depth > 0.08) & (alpha == 0))


def to_bytes(values: FloatArray) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def delta_e(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> FloatArray:
    """CIE76 colour difference, pixel by pixel."""
    labs = [cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab) for picture in (a, b)]
    return np.linalg.norm(labs[0] - labs[1], axis=2).astype(np.float32)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


class Canvas:
    """Draws shapes of known width, antialiased by oversampling."""

    def __init__(self, height: int, width: int) -> None:
        self.size = (width, height)
        self.pixels = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
        ends = np.array([start, end]) * OVERSAMPLING
        across = np.array([ends[0, 1] - ends[1, 1], ends[1, 0] - ends[0, 0]])
        across *= width * OVERSAMPLING / 2 / np.linalg.norm(across)
        corners = np.array([ends[0] + across, ends[1] + across, ends[1] - across, ends[0] - across])
        cv2.fillPoly(self.pixels, [np.rint(corners * 16).astype(np.int32)], 255, shift=4)

    def ring(self, centre: tuple[float, float], radius: float, width: float) -> None:
        self._circle(centre, radius, 255, round(width * OVERSAMPLING))

    def disc(self, centre: tuple[float, float], radius: float, value: int = 255) -> None:
        self._circle(centre, radius, value, -1)

    def polygon(self, corners: list[tuple[float, float]]) -> None:
        points = np.array(corners) * self.pixels.shape[::-1]
        cv2.fillPoly(self.pixels, [np.rint(points).astype(np.int32)], 255)

    def alpha(self) -> FloatArray:
        return (cv2.resize(self.pixels, self.size, interpolation=cv2.INTER_AREA) / 255).astype(np.float32)

    def _circle(self, centre: tuple[float, float], radius: float, value: int, thickness: int) -> None:
        x, y = (round(value * OVERSAMPLING) for value in centre)
        cv2.circle(self.pixels, (x, y), round(radius * OVERSAMPLING), value, thickness)
