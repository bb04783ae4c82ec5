"""A wristwatch seen from above: polished steel, leather strap, fine hands."""

import numpy as np

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import dome, inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, curve, ellipse, moved, polygon, rounded_box, stroke

STEEL = Material("#c9ccd1", gloss=0.8, rough=0.08, metal=True)
SATIN = Material("#b4b7bd", gloss=0.4, rough=0.5, metal=True, texture="brushed", grain=0.03)
STRAP = Material("#6b3d22", gloss=0.14, rough=0.5, texture="leather", grain=0.09)
DIAL = Material("#1d2f4d", gloss=0.10, rough=0.6, texture="grain", grain=0.02)
THREAD = Material("#d8c09a", gloss=0.0)
CX, CY = 0.5, 0.5


def draw(canvas: Canvas) -> None:
    """Strap, case with crown, dial, hands, crystal."""
    _strap(canvas)
    for angle in (-0.50, 0.50, np.pi - 0.50, np.pi + 0.50):
        lug = curve(
            [(-0.026, -0.15), (0.026, -0.15), (0.022, -0.225), (0.006, -0.245), (-0.016, -0.235), (-0.028, -0.20)]
        )
        canvas.body(
            STEEL, moved(lug * ((1 if np.sin(angle) > 0 else -1), 1), CX, CY, angle), inflated(0.012), lift=0.008
        )
    canvas.body(SATIN, rounded_box(CX + 0.218, CY, 0.045, 0.05, 0.008), inflated(0.010))
    grooves = [stroke([(CX + 0.203, CY + y), (CX + 0.239, CY + y)], 0.002) for y in np.linspace(-0.02, 0.02, 9)]
    canvas.body(Material("#55585e"), grooves, opacity=0.8)
    canvas.body(STEEL, ellipse(CX, CY, 0.205, steps=480), inflated(0.030), lift=0.012)
    canvas.body(SATIN, ellipse(CX, CY, 0.186, steps=480), inflated(0.006), lift=0.0)
    canvas.body(Material("#3a3d43", gloss=0.3), ellipse(CX, CY, 0.170, steps=480), dome(0.5, 0.5, -0.6, -0.6))
    dial = canvas.body(DIAL, ellipse(CX, CY, 0.164, steps=480), dome(0.5, 0.5, 1.6, 1.6))
    _marks(canvas)
    canvas.text("AURELE", CX, CY - 0.068, 0.024, "#e8e6df")
    canvas.text("automatic", CX, CY - 0.045, 0.0125, "#cfd3da")
    canvas.body(Material("#f2f0ea"), rounded_box(CX + 0.103, CY, 0.030, 0.024, 0.003), inflated(0.003))
    canvas.text("21", CX + 0.103, CY, 0.019, "#16181c")
    _hands(canvas)
    for dx, wide in ((-0.06, 0.05), (0.02, 0.016)):
        glare = moved(
            polygon([(-wide / 2, -0.25), (wide / 2, -0.25), (wide / 2, 0.25), (-wide / 2, 0.25)]), CX + dx, CY, 0.6
        )
        canvas.body(Material("#dfe8f6"), glare, within=dial, opacity=0.07)


def _strap(canvas: Canvas) -> None:
    for side in (-1, 1):
        edge = np.array([(0.098, 0.12), (0.098, 0.20), (0.088, 0.32), (0.081, 0.425)])
        end = curve([(0.081, 0.425), (0.062, 0.448), (0.0, 0.456 if side > 0 else 0.442)], closed=False)
        right = np.concatenate([curve(edge, closed=False), end])
        outline = np.concatenate([right, right[::-1] * (-1, 1)]) * (1, side) + (CX, CY)
        strap = canvas.body(STRAP, outline, inflated(0.022, 0.7), fade=(1.0, 1.0))
        threads: list[Outline] = []
        for x in (-1, 1):
            for y in np.arange(0.20, 0.42, 0.0125):
                here, there = (np.interp(v, edge[:, 1], edge[:, 0]) - 0.013 for v in (y, y + 0.008))
                threads.append(
                    stroke([(CX + x * here, CY + side * y), (CX + x * there, CY + side * (y + 0.008))], 0.003)
                )
        canvas.body(THREAD, threads, inflated(0.0015), within=strap, opacity=0.9)
    for y in (0.30, 0.33, 0.36, 0.39):
        canvas.body(Material("#1d100a"), ellipse(CX, CY + y, 0.006, 0.0075), opacity=0.9)
    canvas.body(
        STEEL,
        rounded_box(CX, CY - 0.432, 0.205, 0.052, 0.014),
        inflated(0.007),
        holes=[rounded_box(CX, CY - 0.434, 0.172, 0.026, 0.006)],
        lift=0.006,
    )
    canvas.body(STEEL, stroke([(CX, CY - 0.410), (CX, CY - 0.457)], 0.010), inflated(0.005), lift=0.004)
    canvas.body(STRAP, rounded_box(CX, CY - 0.335, 0.188, 0.030, 0.008), inflated(0.010), lift=0.006)


def _marks(canvas: Canvas) -> None:
    for minute in range(60):
        angle = minute * np.pi / 30
        hour = minute % 5 == 0
        inner, width = (0.128, 0.0085) if hour else (0.150, 0.0018)
        ends = [(CX + r * np.sin(angle), CY - r * np.cos(angle)) for r in (inner, 0.156)]
        if minute == 15:
            continue
        canvas.body(
            STEEL if hour else Material("#c9cdd6"),
            stroke(ends, width, round_ends=False),
            inflated(0.003),
            lift=0.002 if hour else 0.0,
        )


def _hands(canvas: Canvas) -> None:
    for angle, tail, length, widths in (
        (-0.92, 0.02, 0.088, [0.012, 0.016, 0.003]),
        (0.98, 0.02, 0.135, [0.010, 0.013, 0.002]),
    ):
        ends = [(CX + r * np.sin(angle), CY - r * np.cos(angle)) for r in np.linspace(-tail, length, 9)]
        canvas.body(STEEL, stroke(np.asarray(ends), widths), inflated(0.004), lift=0.005)
    second = [(CX + r * np.sin(3.6), CY - r * np.cos(3.6)) for r in (-0.045, 0.145)]
    canvas.body(Material("#d8432f", gloss=0.2), stroke(second, [0.004, 0.0016]), lift=0.004)
    canvas.body(STEEL, ellipse(CX, CY, 0.010), inflated(0.006), lift=0.003)
