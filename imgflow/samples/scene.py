"""One sample: what is drawn, and the rendered photo with its truth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from imgflow.samples.camera import Camera
from imgflow.samples.canvas import Canvas
from imgflow.samples.ground import Ground, Shadow
from imgflow.samples.light import Rig

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_STRIP = 256
"""Rows composed at a time: keeps 12 MP photos small in memory."""


@dataclass(frozen=True)
class SceneDescription:
    """One sample scene, as data.

    Attributes:
        file: where `write_photos` puts the photo, relative to its folder; the suffix is the format.
        about: what is special about it.
        width, height: native size, upright.
        draw: puts the product on a canvas.
        ground, shadow, camera, rig: the studio.
        quality: of JPEG and WebP.
        orientation: EXIF orientation of the file (1 or 6).
        profile: colour space of the file.
    """

    file: str
    about: str
    width: int
    height: int
    draw: Callable[[Canvas], None]
    ground: Ground
    shadow: Shadow
    camera: Camera = field(default_factory=Camera)
    rig: Rig = field(default_factory=Rig)
    quality: int = 92
    orientation: int = 1
    profile: str = "sRGB"

    def size(self, megapixels: float | None) -> tuple[int, int]:
        """(width, height) at that many megapixels, native without; the aspect ratio is kept to a pixel."""
        if megapixels is None:
            return self.width, self.height
        scale = float(np.sqrt(megapixels * 1e6 / (self.width * self.height)))
        return max(16, round(self.width * scale)), max(16, round(self.height * scale))


@dataclass(frozen=True)
class Scene:
    """A rendered sample. For every pixel, in sRGB values (the space in which mattes are composited):

    `clean = alpha · foreground + (1 − alpha) · ground · shadow`, rounded.

    Attributes:
        name: key of `SCENES`.
        photo: H x W x 3, uint8, what the camera saw (noise included), before encoding.
        clean: H x W x 3, uint8, the same without noise.
        alpha: H x W, float32, 0..1, exact pixel coverage times opacity.
        foreground: H x W x 3, uint8, straight product colours; where alpha is 0, the nearest product's.
        ground: H x W x 3, uint8, the background without the product's shadow, falloff kept.
        shadow: H x W, float32, share of the ground's value that is left, 1 is none.
    """

    name: str
    photo: Bytes
    clean: Bytes
    alpha: Floats
    foreground: Bytes
    ground: Bytes
    shadow: Floats


def render_scene(name: str, description: SceneDescription, megapixels: float | None = None, seed: int = 0) -> Scene:
    """Render one sample; the same seed gives the same pixels."""
    width, height = description.size(megapixels)
    rng = np.random.default_rng([seed, crc32(name.encode())])
    ground = description.ground.render(height, width, rng)
    foreground, alpha = _product(description, height, width, rng)
    shadow = np.asarray(description.shadow.render(alpha), np.float32)
    clean = composed(alpha, foreground, ground, shadow)
    photo = description.camera.expose(clean, rng)
    return Scene(name, photo, clean, alpha, foreground, ground, shadow)


def composed(alpha: Floats, foreground: Bytes, ground: Bytes, shadow: Floats) -> Bytes:
    """The composite equation of `Scene`, H x W x 3, uint8."""
    result = np.empty_like(ground)
    for top in range(0, len(alpha), _STRIP):
        rows = slice(top, top + _STRIP)
        share = alpha[rows, :, None]
        value = share * foreground[rows] + (1 - share) * (ground[rows] * shadow[rows, :, None])
        result[rows] = np.rint(value)
    return result


def _product(description: SceneDescription, height: int, width: int, rng: np.random.Generator) -> tuple[Bytes, Floats]:
    """Straight colours and alpha of the product, in the scene's falloff."""
    canvas = Canvas(height, width, rng, description.rig)
    description.draw(canvas)
    alpha = np.clip(canvas.alpha, 0, 1, dtype=np.float32)
    extended = _extended(canvas.colour, alpha)
    straight = np.empty((height, width, 3), np.uint8)
    light = description.ground.vignette(height, width) * np.float32(255)
    for top in range(0, height, _STRIP):
        rows = slice(top, top + _STRIP)
        share = alpha[rows, :, None]
        colour = np.where(share > 0, canvas.colour[rows] / np.maximum(share, 1e-6), extended[rows])
        straight[rows] = np.clip(colour * light[rows, :, None] + 0.5, 0, 255)
    return straight, alpha


def _extended(premultiplied: Floats, alpha: Floats) -> Floats:
    """The product's colours spread over the whole picture: halve, fill from the halved picture, back up."""
    import cv2

    def shrunk(array: Floats, size: tuple[int, int]) -> Floats:
        return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)

    def filled(colour: Floats, weight: Floats) -> Floats:
        height, width = weight.shape
        if min(height, width) > 1:
            size = (max(1, width // 2), max(1, height // 2))
            small = filled(shrunk(colour, size), shrunk(weight, size))
            rough = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        else:
            rough = np.broadcast_to(colour.sum((0, 1)) / max(float(weight.sum()), 1e-6), colour.shape)
        share = np.minimum(weight * 4, 1)[..., None]
        return np.asarray(share * colour / np.maximum(weight, 1e-6)[..., None] + (1 - share) * rough, np.float32)

    height, width = alpha.shape
    size = (max(1, width // 4), max(1, height // 4))
    small = filled(shrunk(premultiplied, size), shrunk(alpha, size))
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
