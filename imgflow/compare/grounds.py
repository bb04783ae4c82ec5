"""What pictures are laid on to be looked at: one colour, or the checkerboard that means transparent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from imgflow.errors import UsageError
from imgflow.photos.picture import Picture

Colour = tuple[int, int, int]

CHECKERBOARD = "checkerboard"
NAMED: dict[str, str] = {"white": "#ffffff", "black": "#000000", "magenta": "#ff00ff", "green": "#00b140"}
"""Grounds by name, beside the checkerboard. The green is that of studio walls."""

_LIGHT, _DARK, _CELL = 255, 214, 8


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground by name; `colour` is None for the checkerboard."""

    name: str
    colour: Colour | None

    def under(self, picture: Picture) -> NDArray[np.uint8]:
        """H x W x 3, uint8: the picture laid on this ground."""
        if self.colour is not None or picture.alpha is None:
            return picture.over(self.colour or (0, 0, 0))
        rows, columns = np.arange(picture.height) // _CELL, np.arange(picture.width) // _CELL
        board = np.where((rows[:, None] + columns) % 2, _DARK, _LIGHT)[..., None]
        alpha = picture.alpha.astype(np.float32)[..., None] / 255
        return np.rint(picture.rgb * alpha + board * (1 - alpha)).astype(np.uint8)


def parse_grounds(texts: Sequence[str], default: Sequence[str]) -> list[Ground]:
    """Grounds from texts such as `white,magenta` or `#f0f0f0`; `default` if there are none.

    Raises:
        UsageError: a name is no colour.
    """
    names = [name.strip().lower() for text in texts for name in text.split(",") if name.strip()]
    return [_parse(name) for name in dict.fromkeys(names or default)]


def _parse(name: str) -> Ground:
    if name == CHECKERBOARD:
        return Ground(name, None)
    try:
        red, green, blue = ImageColor.getrgb(NAMED.get(name, name))[:3]
    except ValueError as error:
        known = ", ".join((*NAMED, CHECKERBOARD))
        raise UsageError(f"--background {name}: is none of {known}, and no colour such as #f0f0f0") from error
    return Ground(name, (red, green, blue))
