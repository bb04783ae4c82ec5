"""The table on which a product is built from shaded parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.samples.forms import Form, flat
from imgflow.samples.light import Material, Rig, linear
from imgflow.samples.shapes import Outline, coverage
from imgflow.samples.textures import TEXTURES

Floats = NDArray[np.floating[Any]]

SHADING_HEIGHT, SHADING_PIXELS = 1000, 250_000
"""Large parts of pictures higher than this are shaded at that height, but at no fewer pixels, and the shading is
enlarged. Coverage and texture are always native."""


@dataclass(frozen=True)
class Part:
    """Coverage of a part in its window of the picture."""

    top: int
    left: int
    area: Floats

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the picture."""
        height, width = self.area.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def within(self, other: "Part") -> "Part":
        """This part cut to another one (a label to its bottle)."""
        area = np.zeros_like(self.area)
        top, left = max(self.top, other.top), max(self.left, other.left)
        low = min(self.top + self.area.shape[0], other.top + other.area.shape[0])
        right = min(self.left + self.area.shape[1], other.left + other.area.shape[1])
        if low > top and right > left:
            mine = np.s_[top - self.top : low - self.top, left - self.left : right - self.left]
            theirs = np.s_[top - other.top : low - other.top, left - other.left : right - other.left]
            area[mine] = self.area[mine] * other.area[theirs]
        return Part(self.top, self.left, area)


class Canvas:
    """Collects shaded parts, front ones last, by the "over" operator in display values.

    Attributes:
        colour: H x W x 3 float32, premultiplied display values 0..1.
        alpha: H x W float32.
        unit: pixels per scene unit (the height).
        aspect: width in scene units.
        rng: random numbers of this scene.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator, rig: Rig | None = None) -> None:
        self.colour = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)
        self.unit = float(height)
        self.aspect = width / height
        self.rng = rng
        self.rig = rig or Rig()

    def cut(self, solids: Outline | Iterable[Outline], holes: Sequence[Outline] = ()) -> Part:
        """Exact coverage of outlines given in scene units."""
        outlines = [solids] if isinstance(solids, np.ndarray) else list(solids)
        pixels = [outline * self.unit for outline in outlines]
        height, width = self.alpha.shape
        points = np.concatenate(pixels)
        low = np.floor(points.min(axis=0)).astype(int) - self._margin
        high = np.ceil(points.max(axis=0)).astype(int) + self._margin
        left, top = (int(v) for v in np.clip(low, 0, [width - 1, height - 1]))
        right, bottom = (int(v) for v in np.clip(high, [left + 1, top + 1], [width, height]))
        area = coverage(
            [p - (left, top) for p in pixels],
            bottom - top,
            right - left,
            [hole * self.unit - (left, top) for hole in holes],
        )
        return Part(top, left, area)

    def body(
        self,
        material: Material,
        solids: Outline | Iterable[Outline],
        form: Form | None = None,
        *,
        holes: Sequence[Outline] = (),
        within: Part | None = None,
        opacity: float = 1.0,
        fade: tuple[float, float] = (1.0, 1.0),
        lift: float = 0.0,
    ) -> Part:
        """Shade a part and lay it on what is there.

        Args:
            material: its surface.
            solids, holes: its outlines in scene units.
            form: how it bulges; flat without.
            within: only inside of this part.
            opacity: below 1 for translucent parts.
            fade: brightness at the part's top and bottom.
            lift: height over what lies below, scene units: makes a soft shadow there.
        """
        part = self.cut(solids, holes)
        if within is not None:
            part = part.within(within)
        if lift > 0:
            self.occlude(part, lift)
        self.paint(part, self.surface(part, material, form or flat(), fade), opacity)
        return part

    def surface(self, part: Part, material: Material, form: Form, fade: tuple[float, float] = (1.0, 1.0)) -> Floats:
        """H x W x 3 display values of a part's lit surface, defined in its whole window."""
        import cv2

        height, width = part.area.shape
        small = self._shrunk(part.area)
        shade = self.rig.shade(form(small, self.unit * small.shape[0] / height), material)
        if fade != (1.0, 1.0):
            shade *= np.linspace(*fade, shade.shape[0], dtype=np.float32)[:, None, None]
        if small.shape != part.area.shape:
            shade = np.asarray(cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        if material.texture:
            pattern = TEXTURES[material.texture](height, width, self.unit, self.rng)
            shade *= (1 + np.float32(material.grain) * pattern)[..., None]
        return shade

    def paint(self, part: Part, colour: Floats, opacity: Floats | float = 1.0) -> None:
        """Lay display values (3, or H x W x 3 of the part's window) over what is there."""
        rows, columns = part.window
        alpha = part.area * np.asarray(opacity, np.float32)
        keep = 1 - alpha
        below = self.colour[rows, columns]
        below *= keep[..., None]
        below += np.clip(colour, 0, 1) * alpha[..., None]
        covered = self.alpha[rows, columns]
        covered *= keep
        covered += alpha

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float,
        colour: str,
        *,
        within: Part | None = None,
        spread: float = 1.0,
    ) -> None:
        """Print words in Pillow's built-in typeface.

        Args:
            words: one line.
            x, y: its middle, scene units.
            size: height of the typeface, scene units; nothing is printed where that is under 4 pixels.
            colour: `#rrggbb`; print is matt and shows no shading.
            within: only inside of this part.
            spread: width of a letter, relative.
        """
        from PIL import Image, ImageDraw, ImageFont

        pixels = size * self.unit
        if pixels < 4:
            return
        font = ImageFont.load_default(pixels * 4)
        left, top, right, low = font.getbbox(words)
        big = Image.new("L", (int(right - left) + 8, int(low - top) + 8))
        ImageDraw.Draw(big).text((4 - left, 4 - top), words, fill=255, font=font)
        small = big.resize((max(1, round(big.width * spread / 4)), max(1, big.height // 4)), Image.Resampling.BOX)
        area = np.asarray(small, np.float32) / 255
        part = Part(round(y * self.unit - area.shape[0] / 2), round(x * self.unit - area.shape[1] / 2), area)
        self.paint(part if within is None else part.within(within), np.sqrt(linear(colour)))

    def occlude(self, part: Part, lift: float, strength: float = 0.45) -> None:
        """Darken what lies below a part that stands off by `lift`, to the lower right of it."""
        import cv2

        reach = max(2, round(3 * lift * self.unit))
        top, left = max(part.top - reach, 0), max(part.left - reach, 0)
        low = min(part.top + part.area.shape[0] + reach, self.alpha.shape[0])
        right = min(part.left + part.area.shape[1] + reach, self.alpha.shape[1])
        wide = np.zeros((low - top, right - left), np.float32)
        y, x = part.top - top, part.left - left
        wide[y : y + part.area.shape[0], x : x + part.area.shape[1]] = part.area
        small = self._shrunk(wide)
        scale = small.shape[0] / wide.shape[0]
        shift = lift * self.unit * scale
        move = np.array([[1, 0, 0.5 * shift], [0, 1, 0.7 * shift]], np.float32)
        dark = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]))
        dark = cv2.GaussianBlur(dark, (0, 0), max(0.8 * shift, 0.4))
        dark = np.asarray(cv2.resize(dark, (wide.shape[1], wide.shape[0])), np.float32)
        self.colour[top:low, left:right] *= (1 - np.float32(strength) * dark)[..., None]

    def darken_towards(self, y: float, reach: float, strength: float) -> None:
        """Ambient occlusion: the product gets darker towards the ground line at `y`."""
        rows = (np.arange(self.alpha.shape[0], dtype=np.float32) + 0.5) / np.float32(self.unit)
        near = np.exp(-np.abs(np.float32(y) - rows) / np.float32(reach))
        self.colour *= (1 - np.float32(strength) * near)[:, None, None]

    @property
    def _margin(self) -> int:
        return 2 + int(2 * max(1.0, self.unit / SHADING_HEIGHT))

    def _shrunk(self, area: Floats) -> Floats:
        import cv2

        factor = min(self.unit / SHADING_HEIGHT, float(np.sqrt(area.size / SHADING_PIXELS)))
        if factor <= 1.2:
            return area
        size = (max(1, round(area.shape[1] / factor)), max(1, round(area.shape[0] / factor)))
        return np.asarray(cv2.resize(area, size, interpolation=cv2.INTER_AREA), np.float32)
