"""A black mirrorless camera: a dark product."""

import numpy as np

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import dome, inflated, turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import arc, curve, ellipse, points, polygon, rounded_box, stroke

BODY = Material("#1e1e20", gloss=0.10, rough=0.6, texture="grain", grain=0.05)
SKIN = Material("#19191b", gloss=0.16, rough=0.6, texture="leather", grain=0.22)
RING = Material("#232326", gloss=0.26, rough=0.3)
ALLOY = Material("#b9bbc0", gloss=0.5, rough=0.3, metal=True)


def draw(canvas: Canvas) -> None:
    """Body with grip and hump, dials, then the lens."""
    _body(canvas)
    _top(canvas)
    _lens(canvas, 0.70, 0.555)
    canvas.darken_towards(0.825, 0.05, 0.25)


def _body(canvas: Canvas) -> None:
    outline = curve(
        points(
            "0.25,0.345 0.29,0.322 0.45,0.318 0.95,0.318 1.055,0.326 1.085,0.36 1.09,0.56 1.085,0.765 "
            "1.055,0.8 0.95,0.806 0.45,0.808 0.29,0.805 0.245,0.775 0.235,0.56"
        )
    )
    hump = curve(points("0.545,0.33 0.575,0.245 0.61,0.212 0.7,0.205 0.79,0.212 0.825,0.245 0.855,0.33 0.7,0.36"))
    canvas.body(BODY, hump, inflated(0.035), fade=(1.3, 1.0))
    body = canvas.body(BODY, outline, inflated(0.035), fade=(1.25, 0.85))
    skin = rounded_box(0.665, 0.565, 0.90, 0.385, 0.02)
    canvas.body(SKIN, skin, within=body, fade=(1.15, 0.85))
    grip = curve(
        points(
            "0.232,0.37 0.29,0.345 0.375,0.352 0.4,0.42 0.395,0.6 0.4,0.76 0.36,0.812 0.27,0.815 0.225,0.77 0.218,0.56"
        )
    )
    canvas.body(SKIN, grip, inflated(0.075, 0.9), lift=0.014)
    canvas.text("ORION", 0.70, 0.258, 0.036, "#e8e8e6", spread=1.15)
    canvas.text("X-24", 1.015, 0.42, 0.026, "#cfcfcd")
    for x in (0.228, 1.094):
        canvas.body(ALLOY, rounded_box(x, 0.385, 0.018, 0.05, 0.006), inflated(0.006))


def _top(canvas: Canvas) -> None:
    for x, width, height in ((0.945, 0.12, 0.052), (0.47, 0.09, 0.038)):
        y = 0.318 - height / 2
        knob = canvas.body(RING, rounded_box(x, y, width, height, 0.007), turned(0.2), fade=(1.2, 0.9))
        ribs = [
            stroke(
                [(x + width / 2 * np.sin(a), y - height * 0.4), (x + width / 2 * np.sin(a), y + height * 0.4)], 0.0022
            )
            for a in np.linspace(-1.45, 1.45, 26)
        ]
        canvas.body(Material("#0a0a0b"), ribs, within=knob, opacity=0.8)
        canvas.body(ALLOY, rounded_box(x, y - height / 2 + 0.003, width * 0.96, 0.006, 0.002), inflated(0.003))
    canvas.body(ALLOY, rounded_box(0.325, 0.318, 0.062, 0.022, 0.008), inflated(0.008), fade=(1.1, 0.8))
    shoe = polygon([(0.645, 0.193), (0.755, 0.193), (0.765, 0.207), (0.635, 0.207)])
    canvas.body(ALLOY, shoe, inflated(0.005), fade=(1.0, 0.7))
    canvas.body(Material("#8e1d1d", gloss=0.3), ellipse(0.875, 0.372, 0.010), inflated(0.006))
    canvas.body(RING, ellipse(0.445, 0.74, 0.022), inflated(0.012), lift=0.006)


def _lens(canvas: Canvas, cx: float, cy: float) -> None:
    steps = (
        (0.262, RING, 0.022, 0.022),
        (0.242, ALLOY, 0.006, 0.0),
        (0.234, RING, 0.030, 0.012),
        (0.205, Material("#141416", gloss=0.2, rough=0.2), 0.012, 0.012),
        (0.186, Material("#28282b", gloss=0.3, rough=0.2), 0.018, 0.006),
    )
    for radius, material, bevel, lift in steps:
        canvas.body(material, ellipse(cx, cy, radius, steps=480), inflated(bevel), lift=lift)
    for angle in np.linspace(0, 2 * np.pi, 72, endpoint=False):
        a, b = (np.array([np.cos(angle), np.sin(angle)]) * r + (cx, cy) for r in (0.211, 0.230))
        canvas.body(Material("#0b0b0c"), stroke([tuple(a), tuple(b)], 0.006), inflated(0.003), opacity=0.8)
    for angle, words in ((-1.57, "35 mm  1:1.8"), (1.57, "58 mm")):
        canvas.text(words, cx, cy + 0.172 * np.sin(angle), 0.014, "#d8d8d4")
    # the barrel's inside: funnel of ever darker rings, then the front element
    for radius, tone in ((0.158, "#0e0e10"), (0.142, "#17171a"), (0.135, "#08080a")):
        canvas.body(Material(tone, gloss=0.12), ellipse(cx, cy, radius, steps=360), dome(0.5, 0.5, -0.7, -0.7))
    glass = canvas.body(
        Material("#0b1022", gloss=0.9, rough=0.05), ellipse(cx, cy, 0.126, steps=360), dome(0.5, 0.5, 0.75, 0.75)
    )
    for dx, dy, radius, tone, opacity in (
        (0.012, 0.014, 0.100, "#23194a", 0.55),
        (0.018, 0.02, 0.072, "#3c1f62", 0.5),
        (0.020, 0.024, 0.046, "#140c26", 0.8),
        (0.040, 0.048, 0.020, "#4f9a8a", 0.35),
    ):
        canvas.body(Material(tone, gloss=0), ellipse(cx + dx, cy + dy, radius), within=glass, opacity=opacity)
    shine = stroke(arc(cx, cy, 0.096, 0.096, 3.5, 4.5), [0.004, 0.022, 0.004])
    canvas.body(Material("#cfd8f4"), shine, within=glass, opacity=0.45)
