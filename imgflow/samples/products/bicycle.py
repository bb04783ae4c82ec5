"""A city bicycle from the side: thin spokes, cables and chain."""

import numpy as np

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, arc, curve, ellipse, points, polygon, rounded_box, stroke

RUBBER = Material("#26262a", gloss=0.10, rough=0.7, texture="grain", grain=0.08)
ALLOY = Material("#c9ccd2", gloss=0.5, rough=0.25, metal=True)
PAINT = Material("#1f7f86", gloss=0.45, rough=0.08)
LEATHER = Material("#7a4626", gloss=0.16, rough=0.5, texture="leather", grain=0.08)
STEEL = Material("#a9adb5", gloss=0.6, rough=0.2, metal=True)

REAR, FRONT, WHEEL = (0.36, 0.64), (0.985, 0.64), 0.232
CRANK, SEAT, HEAD, FORK_TOP = (0.60, 0.655), (0.535, 0.345), (0.872, 0.335), (0.888, 0.40)


def draw(canvas: Canvas) -> None:
    """Wheels, drive train, frame, then saddle and handlebar."""
    for centre in (REAR, FRONT):
        _wheel(canvas, *centre)
    for centre, start, end in ((REAR, 2.75, 5.05), (FRONT, 4.05, 5.75)):
        guard = arc(*centre, WHEEL + 0.012, WHEEL + 0.012, start, end)
        canvas.body(PAINT, stroke(guard, 0.017), inflated(0.008))
    _drive(canvas)
    _frame(canvas)
    _carrier(canvas)
    _saddle(canvas)
    _handlebar(canvas)
    canvas.darken_towards(0.88, 0.10, 0.25)


def _tube(canvas: Canvas, material: Material, path: object, width: float, lift: float = 0.0) -> None:
    outline = stroke(np.asarray(path, np.float64), width)
    canvas.body(material, outline, inflated(width / 2, 1.0), lift=lift)


def _wheel(canvas: Canvas, cx: float, cy: float) -> None:
    spokes: list[Outline] = []
    for k in range(32):
        lead = 0.42 * (1 if k % 4 < 2 else -1)
        out, hub = 2 * np.pi * k / 32 + 0.05, 2 * np.pi * k / 32 + 0.05 + lead * 2
        spokes.append(
            stroke(
                [
                    (cx + 0.019 * np.cos(hub), cy + 0.019 * np.sin(hub)),
                    (cx + (WHEEL - 0.047) * np.cos(out), cy + (WHEEL - 0.047) * np.sin(out)),
                ],
                0.0017,
                round_ends=False,
            )
        )
    canvas.body(Material("#8d9199", gloss=0.1, metal=True), spokes)
    tyre, wall, rim, inner = (
        ellipse(cx, cy, r, steps=720) for r in (WHEEL, WHEEL - 0.024, WHEEL - 0.030, WHEEL - 0.049)
    )
    canvas.body(ALLOY, wall, inflated(0.010), holes=[inner])
    canvas.body(RUBBER, tyre, inflated(0.014), holes=[rim])
    canvas.body(Material("#b08a5c", gloss=0.03), wall, holes=[rim])
    canvas.body(STEEL, ellipse(cx, cy, 0.021), inflated(0.012))
    canvas.body(STEEL, ellipse(cx, cy, 0.009), inflated(0.006), lift=0.004)
    valve = 1.2
    canvas.body(
        STEEL,
        stroke([(cx + r * np.cos(valve), cy + r * np.sin(valve)) for r in (WHEEL - 0.047, WHEEL - 0.070)], 0.0035),
    )


def _drive(canvas: Canvas) -> None:
    x, y = CRANK
    chain = Material("#5d5f66", gloss=0.4, rough=0.3, metal=True)
    for top in (-1, 1):
        ends = [(REAR[0], REAR[1] + top * 0.018), (x, y + top * 0.047)]
        canvas.body(chain, stroke(ends, 0.0055), inflated(0.003))
    guard = curve(
        [
            (x + 0.065, y),
            (x + 0.042, y - 0.046),
            (x - 0.01, y - 0.064),
            (REAR[0] + 0.05, y - 0.046),
            (REAR[0] + 0.03, y - 0.034),
            (REAR[0] + 0.05, y - 0.022),
            (x - 0.01, y - 0.028),
            (x + 0.03, y - 0.012),
        ]
    )
    canvas.body(PAINT, guard, inflated(0.008, 0.6), lift=0.003)
    ring = [ellipse(x + 0.036 * np.cos(a), y + 0.036 * np.sin(a), 0.010) for a in np.arange(5) * 2 * np.pi / 5 + 0.3]
    canvas.body(STEEL, ellipse(x, y, 0.051), inflated(0.004), holes=ring)
    canvas.body(chain, ellipse(x, y, 0.0515), inflated(0.003), holes=[ellipse(x, y, 0.047)])
    canvas.body(STEEL, ellipse(*REAR, 0.022), inflated(0.005), lift=0.003)


def _frame(canvas: Canvas) -> None:
    dark = Material("#17686e", gloss=0.4, rough=0.1)
    _tube(canvas, dark, [REAR, CRANK], 0.011)
    _tube(canvas, dark, [REAR, (SEAT[0] + 0.006, SEAT[1] + 0.03)], 0.010)
    fork = curve([FORK_TOP, (0.925, 0.50), (0.953, 0.585), FRONT], closed=False)
    canvas.body(PAINT, stroke(fork, [0.019, 0.017, 0.010]), inflated(0.008))
    _tube(canvas, PAINT, [CRANK, SEAT], 0.020)
    _tube(canvas, PAINT, [(0.545, 0.385), (HEAD[0] + 0.002, HEAD[1] + 0.012)], 0.019)
    _tube(canvas, PAINT, [CRANK, (HEAD[0] + 0.008, HEAD[1] + 0.04)], 0.023)
    _tube(canvas, PAINT, [HEAD, FORK_TOP], 0.026, lift=0.004)
    canvas.body(PAINT, ellipse(*CRANK, 0.020), inflated(0.012))
    canvas.body(STEEL, ellipse(*CRANK, 0.012), inflated(0.007))
    for side, shade in ((1, STEEL), (-1, Material("#85888f", gloss=0.4, metal=True))):
        end = (CRANK[0] + side * 0.075, CRANK[1] + side * 0.048)
        canvas.body(shade, stroke([CRANK, end], [0.015, 0.011]), inflated(0.006), lift=0.004 if side > 0 else 0)
        canvas.body(RUBBER, rounded_box(*end, 0.058, 0.016, 0.005, 0.06), inflated(0.006), lift=0.003)
    cable = curve([(0.905, 0.27), (0.93, 0.32), (0.90, 0.345), (0.80, 0.352), (0.57, 0.376)], closed=False)
    canvas.body(RUBBER, stroke(cable, 0.0035), inflated(0.002))


def _carrier(canvas: Canvas) -> None:
    x, y = REAR
    _tube(canvas, RUBBER, [(0.195, 0.372), (0.525, 0.372)], 0.010)
    for top in (0.225, 0.375):
        _tube(canvas, RUBBER, [(x - 0.01, y - 0.01), (top, 0.372)], 0.007)
    canvas.body(
        Material("#a3141a", gloss=0.5, rough=0.1), rounded_box(0.187, 0.380, 0.016, 0.030, 0.005), inflated(0.006)
    )


def _saddle(canvas: Canvas) -> None:
    _tube(canvas, STEEL, [SEAT, (0.517, 0.275)], 0.014)
    rails = curve([(0.455, 0.262), (0.50, 0.277), (0.56, 0.276), (0.61, 0.252)], closed=False)
    canvas.body(STEEL, stroke(rails, 0.0055), inflated(0.003))
    seat = curve(
        points(
            "0.425,0.235 0.45,0.218 0.51,0.226 0.58,0.228 0.628,0.227 0.645,0.237 0.62,0.25 0.56,0.254 "
            "0.5,0.272 0.445,0.27 0.424,0.254"
        )
    )
    canvas.body(LEATHER, seat, inflated(0.02), lift=0.004)
    for x in (0.437, 0.632):
        canvas.body(Material("#d9b36a", gloss=0.5, metal=True), ellipse(x, 0.240, 0.0035), inflated(0.003))


def _handlebar(canvas: Canvas) -> None:
    _tube(canvas, STEEL, [(HEAD[0] + 0.001, HEAD[1] + 0.004), (0.858, 0.283)], 0.017)
    _tube(canvas, STEEL, [(0.858, 0.281), (0.905, 0.262)], 0.014)
    bar = curve([(0.905, 0.262), (0.93, 0.243), (0.918, 0.222), (0.87, 0.221), (0.80, 0.238)], closed=False)
    canvas.body(STEEL, stroke(bar, 0.0115), inflated(0.006), lift=0.003)
    canvas.body(LEATHER, stroke([(0.845, 0.227), (0.788, 0.241)], 0.021), inflated(0.010))
    lever = curve([(0.895, 0.228), (0.87, 0.246), (0.82, 0.262)], closed=False)
    canvas.body(STEEL, stroke(lever, [0.009, 0.006]), inflated(0.003), lift=0.003)
    lamp = polygon([(0.912, 0.30), (0.942, 0.292), (0.942, 0.334), (0.912, 0.326)])
    canvas.body(Material("#2b2c30", gloss=0.3), lamp, inflated(0.010))
    canvas.body(Material("#f4efd8", gloss=0.6, rough=0.1), ellipse(0.943, 0.313, 0.006, 0.021), inflated(0.006))
