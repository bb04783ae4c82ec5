"""The studio's lights on the product.

Light adds up in linear values; a display value is the square root of a linear one (gamma 2, close to sRGB and cheap).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.samples.forms import Normals

Floats = NDArray[np.floating[Any]]


def linear(colour: str) -> Floats:
    """`#rrggbb` as three linear values."""
    return (np.frombuffer(bytes.fromhex(colour.removeprefix("#")), np.uint8).astype(np.float32) / 255) ** 2


@dataclass(frozen=True)
class Material:
    """What a surface is made of.

    Attributes:
        colour: `#rrggbb` under full light.
        gloss: strength of the reflected softboxes, 0 matt to 1 chrome.
        rough: their blur, 0.02 mirror to 1 satin.
        metal: reflections take the surface's colour and its own colour hardly shows.
        texture: a key of `TEXTURES`, or "".
        grain: the texture's contrast.
    """

    colour: str
    gloss: float = 0.06
    rough: float = 0.5
    metal: bool = False
    texture: str = ""
    grain: float = 0.05


@dataclass(frozen=True)
class Softbox:
    """A lit rectangle in the space of reflected directions (x right, y down, both -1 to 1)."""

    x: float
    y: float
    half_width: float
    half_height: float
    power: float

    def seen(self, rx: Floats, ry: Floats, rough: float) -> Floats:
        """How much of the box each reflected direction sees."""
        soft = 0.03 + 0.5 * rough
        across = ramp((self.half_width - np.abs(rx - self.x)) / soft + 0.5)
        down = ramp((self.half_height - np.abs(ry - self.y)) / soft + 0.5)
        spread = self.half_width * self.half_height / ((self.half_width + soft / 2) * (self.half_height + soft / 2))
        return across * down * np.float32(self.power * spread)


@dataclass(frozen=True)
class Rig:
    """The lights of one scene. Directions point from the product to the light."""

    key: tuple[float, float, float] = (-0.52, -0.62, 0.59)
    key_power: float = 0.78
    fill: tuple[float, float, float] = (0.75, -0.1, 0.65)
    fill_power: float = 0.22
    ambient: float = 0.20
    boxes: tuple[Softbox, ...] = (
        Softbox(-0.62, -0.15, 0.16, 0.62, 2.2),
        Softbox(0.80, -0.05, 0.07, 0.70, 1.0),
        Softbox(0.0, -0.86, 0.55, 0.12, 1.2),
    )

    def diffuse(self, normals: Normals) -> Floats:
        """Light that a matt surface sends back, 1 where it faces the key light."""
        nx, ny, nz = normals
        light = np.float32(self.ambient) * (np.float32(0.85) - np.float32(0.35) * ny)
        for (lx, ly, lz), power in ((self.key, self.key_power), (self.fill, self.fill_power)):
            facing = (nx * np.float32(lx) + ny * np.float32(ly) + nz * np.float32(lz) + np.float32(0.25)) / 1.25
            light = light + np.float32(power) * np.maximum(facing, 0)
        return light

    def reflected(self, normals: Normals, rough: float) -> tuple[Floats, Floats]:
        """Softboxes and surroundings as a shiny surface mirrors them, and the Fresnel factor (0..1)."""
        nx, ny, nz = normals
        rx, ry = 2 * nz * nx, 2 * nz * ny
        boxes = np.zeros_like(nx)
        for box in self.boxes:
            boxes += box.seen(rx, ry, rough)
        return boxes, (1 - np.clip(nz, 0, 1)) ** 4

    def shade(self, normals: Normals, material: Material) -> Floats:
        """H x W x 3 display values (0..1) of a surface."""
        boxes, fresnel = self.reflected(normals, material.rough)
        diffuse = self.diffuse(normals)
        colour = linear(material.colour)
        if material.metal:
            _, ny, nz = normals
            room = 0.16 + 0.5 * ramp(0.5 - 2 * nz * ny * np.float32(1.2)) + 0.35 * diffuse
            light = (room + boxes * np.float32(material.gloss))[..., None] * colour
        else:
            shine = boxes * np.float32(material.gloss) * (1 + 2 * fresnel) + fresnel * np.float32(0.5 * material.gloss)
            light = diffuse[..., None] * colour + shine[..., None]
        return np.sqrt(_shoulder(light))


def ramp(t: Floats) -> Floats:
    """Smooth step from 0 at t = 0 to 1 at t = 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _shoulder(light: Floats) -> Floats:
    """Linear up to 0.75, then softly towards 1, as cameras render highlights."""
    over = np.maximum(light - np.float32(0.75), 0)
    return np.minimum(light, np.float32(0.75)) + over / (1 + over * 4)
