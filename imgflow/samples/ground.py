"""The ground a product stands or lies on, and the shadow it casts there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.samples.light import linear, ramp
from imgflow.samples.textures import mottle

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Ground:
    """A seamless paper or cloth sweep.

    Attributes:
        colour: `#rrggbb` at its brightest.
        back: brightness at the top of the picture, relative.
        front: brightness at the bottom, relative.
        centre: (x, y) as shares of the picture where the light is brightest.
        falloff: light lost in the far corners.
        texture: contrast of its fine texture.
        blotches: contrast of its large unevenness.
    """

    colour: str
    back: float = 0.92
    front: float = 1.0
    centre: tuple[float, float] = (0.42, 0.5)
    falloff: float = 0.18
    texture: float = 0.006
    blotches: float = 0.008

    def vignette(self, height: int, width: int) -> Floats:
        """The lens's and light's falloff, H x W, 1 at the centre. It lies on ground and product alike."""
        x = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / width - np.float32(self.centre[0])
        y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height - np.float32(self.centre[1])
        return 1 - np.float32(self.falloff) * (x**2 + y**2) / np.float32(0.5)

    def render(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """H x W x 3, uint8."""
        bend = ramp((np.arange(height, dtype=np.float32) + 0.5) / height * np.float32(1.5) - np.float32(0.3))
        light = self.vignette(height, width)
        light *= (np.float32(self.back) + np.float32(self.front - self.back) * bend)[:, None]
        light += np.float32(self.blotches) * mottle(height, width, height * 0.25, rng)
        light += np.float32(self.texture) * mottle(height, width, max(height * 0.0012, 1.0), rng)
        colour = np.sqrt(linear(self.colour)) * 255
        result = np.empty((height, width, 3), np.uint8)
        for channel in range(3):
            result[..., channel] = np.clip(light * colour[channel] + np.float32(0.5), 0, 255)
        return result


@dataclass(frozen=True)
class Contact:
    """Where the product touches the ground: a soft dark ellipse, scene units."""

    x: float
    y: float
    rx: float
    ry: float
    strength: float = 0.5


@dataclass(frozen=True)
class Shadow:
    """The product's shadow.

    Attributes:
        base: y of the ground line for a standing product; None when it lies flat under the camera.
        lean: shadow's run to the right per height (standing), or its offset in scene units (flat).
        squash: the shadow's height on the ground per height of the product (standing), or offset down (flat).
        blur: penumbra far from the contact, scene units.
        strength: light lost in the core.
        contacts: contact shadows.
    """

    base: float | None = None
    lean: float = 0.45
    squash: float = 0.16
    blur: float = 0.03
    strength: float = 0.45
    contacts: tuple[Contact, ...] = ()

    def render(self, alpha: Floats) -> Floats:
        """Share of the ground's (display) value that is left, H x W, 0..1; 1 is no shadow."""
        import cv2

        height, width = alpha.shape
        shrink = max(1.0, height / 480)
        size = (round(width / shrink), round(height / shrink))
        small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        unit = float(size[1])
        left = np.ones_like(small)
        left *= 1 - np.float32(self.strength) * (
            self._lying(small, unit) if self.base is None else self._standing(small, unit, self.base)
        )
        y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32) / np.float32(unit)
        for spot in self.contacts:
            along = np.abs(x - np.float32(spot.x))
            inner = ramp((np.float32(spot.rx) - along) / np.float32(max(3 * spot.ry, 0.8 * spot.rx)) + np.float32(0.5))
            aside = np.exp(-(((y - np.float32(spot.y)) / np.float32(spot.ry)) ** 2))
            left *= 1 - np.float32(spot.strength) * inner * aside
        grown = np.asarray(cv2.resize(left, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        return np.clip(grown, 0, 1, out=grown)

    def _lying(self, alpha: Floats, unit: float) -> Floats:
        """A wide offset shadow and a tight one right at the edges."""
        wide = _blurred(_shifted(alpha, self.lean * unit, self.squash * unit), self.blur * unit)
        tight = _blurred(_shifted(alpha, self.lean * unit * 0.3, self.squash * unit * 0.3), self.blur * unit * 0.25)
        return np.maximum(wide, np.float32(0.9) * tight)

    def _standing(self, alpha: Floats, unit: float, base: float) -> Floats:
        """The product's outline laid back on the ground, blurrier with distance from the base."""
        import cv2

        foot = base * unit
        # source (x, y) -> (x + lean (foot - y), foot - squash (foot - y))
        lay = np.array([[1, -self.lean, self.lean * foot], [0, self.squash, foot * (1 - self.squash)]], np.float32)
        laid = np.asarray(cv2.warpAffine(alpha, lay, (alpha.shape[1], alpha.shape[0])), np.float32)
        near = _blurred(laid, self.blur * unit * 0.3)
        middle = _blurred(laid, self.blur * unit * 0.8)
        distant = _blurred(laid, self.blur * unit * 1.8)
        rows = np.arange(alpha.shape[0], dtype=np.float32)[:, None]
        far = np.clip((foot - rows) / np.float32(max(self.squash * unit * 0.8, 1)), 0, 1) * 2
        return np.where(far < 1, near + far * (middle - near), middle + (far - 1) * (distant - middle)) * (
            1 - np.float32(0.25) * far / 2
        )


def _blurred(area: Floats, sigma: float) -> Floats:
    import cv2

    return np.asarray(cv2.GaussianBlur(area, (0, 0), max(sigma, 0.3)), np.float32)


def _shifted(area: Floats, right: float, down: float) -> Floats:
    import cv2

    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return np.asarray(cv2.warpAffine(area, move, (area.shape[1], area.shape[0])), np.float32)
