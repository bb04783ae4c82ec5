"""A drinking glass with iced tea: alpha between 0 and 1 all over."""

import numpy as np

from imgflow.samples.canvas import Canvas, Part
from imgflow.samples.forms import turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, arc, ellipse, moved, rounded_box, stroke
from imgflow.samples.shapes import turned as turned_outline

GLASS = Material("#8fa1a8", gloss=0.9, rough=0.03)
TEA = Material("#c4661c", gloss=0.12, rough=0.2)


def draw(canvas: Canvas) -> None:
    """Back rim, tea with ice, glass wall whose opacity follows the angle of view, highlights."""
    cx, top, low = canvas.aspect / 2, 0.17, 0.86
    wide, narrow, tip = 0.185, 0.142, 0.030
    outline = turned_outline(cx, [(top, wide), (0.52, (wide + narrow) / 2), (low, narrow)], 0.024, tip)
    _rim(canvas, cx, top, wide, tip, np.pi, 2 * np.pi)
    tea = turned_outline(cx, [(0.365, 0.163), (0.60, 0.147), (0.80, 0.1335)], 0.019, 0.024)
    drink = canvas.body(TEA, tea, turned(), opacity=0.80, fade=(1.05, 0.78))
    for x, y, size, tilt in ((-0.07, 0.435, 0.105, 0.3), (0.055, 0.415, 0.095, -0.5), (0.0, 0.545, 0.10, 0.9)):
        cube = rounded_box(cx + x, y, size, size, 0.018, tilt)
        canvas.body(Material("#e8b27c", gloss=0.5, rough=0.1), cube, within=drink, opacity=0.30)
        edge = np.concatenate([cube, cube[:1]])
        canvas.body(Material("#fbe3c4"), stroke(edge, 0.004), within=drink, opacity=0.45)
    canvas.body(Material("#d98a3c", gloss=0.4, rough=0.1), ellipse(cx, 0.365, 0.1625, 0.0245), opacity=0.45)
    canvas.body(Material("#7a3a0e"), _crescent(cx, 0.365, 0.163, 0.0245), opacity=0.5)
    _wall(canvas, canvas.cut(outline))
    base = turned_outline(cx, [(0.823, 0.142), (low, narrow)], 0.024, -0.019)
    canvas.body(Material("#aebfc4", gloss=0.8, rough=0.05), base, turned(), opacity=0.55, fade=(1.1, 0.8))
    canvas.body(Material("#ffffff"), stroke(arc(cx, 0.851, narrow * 0.94, 0.022, 0.3, 2.8), 0.005), opacity=0.55)
    _rim(canvas, cx, top, wide, tip, 0, np.pi)


def _crescent(cx: float, cy: float, rx: float, ry: float) -> Outline:
    return stroke(arc(cx, cy, rx, ry, 0, np.pi), [0.001, 0.005, 0.001])


def _rim(canvas: Canvas, cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> None:
    path = arc(cx, cy, rx - 0.004, ry - 0.003, start, end)
    canvas.body(Material("#e9f1f3", gloss=0.6, rough=0.1), stroke(path, 0.008), opacity=0.62)
    canvas.body(Material("#55666c"), stroke(moved(path, 0, 0.0045), 0.002), opacity=0.5)


def _wall(canvas: Canvas, part: Part) -> None:
    """Clear glass: nearly nothing in the middle, dark and dense at the sides, opaque where lights are mirrored."""
    normals = turned()(part.area, canvas.unit)
    lights, _ = canvas.rig.reflected(normals, GLASS.rough)
    side = 1 - np.clip(normals[2], 0, 1)
    dense = 0.10 + 0.62 * side**2.2
    mirrored = np.clip(lights * 0.42, 0, 0.92)
    opacity = dense + (1 - dense) * mirrored
    tint = 0.66 - 0.42 * side**3
    colour = (tint * dense * (1 - mirrored) + 0.98 * mirrored) / np.maximum(opacity, 1e-3)
    canvas.paint(part, (colour[..., None] * (0.97, 1.0, 1.0)).astype(np.float32), opacity.astype(np.float32))
