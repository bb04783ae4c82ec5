"""Open scissors seen from above: the ground shows through the handles and between the blades."""

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import flat, inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, curve, ellipse, moved, points, polygon

STEEL = Material("#c4c8ce", gloss=0.5, rough=0.3, metal=True, texture="brushed", grain=0.03)
EDGE = Material("#e6e9ee", gloss=0.5, rough=0.2, metal=True)
PLASTIC = Material("#d9531e", gloss=0.30, rough=0.18)
GRIP = Material("#2d2f33", gloss=0.08, rough=0.6, texture="grain", grain=0.05)
PIVOT = (0.675, 0.475)


def draw(canvas: Canvas) -> None:
    """Lower half, then upper half, then the screw."""
    for side, spread in ((-1, 0.27), (1, 0.27)):
        _half(canvas, side, spread)
    canvas.body(STEEL, ellipse(*PIVOT, 0.023), inflated(0.008), lift=0.004)
    canvas.body(
        Material("#44484e"),
        moved(polygon([(-0.015, -0.0025), (0.015, -0.0025), (0.015, 0.0025), (-0.015, 0.0025)]), *PIVOT, 0.6),
    )


def _half(canvas: Canvas, side: int, spread: float) -> None:
    """One half around the pivot: blade to the right, handle to the left, turned by `spread`."""

    def put(outline: Outline) -> Outline:
        local = outline * (1, -side)
        return moved(local, *PIVOT, 0.14 + side * spread, 1.16)

    blade = curve(
        points(
            "-0.1,-0.022 0,-0.034 0.12,-0.036 0.3,-0.024 0.44,-0.004 0.455,0.004 0.44,0.008 0.2,0.016 0,0.024 "
            "-0.1,0.022"
        )
    )
    canvas.body(STEEL, put(blade), inflated(0.006, 0.6), lift=0.007)
    hollow = polygon([(0.03, 0.022), (0.20, 0.0155), (0.452, 0.006), (0.30, 0.002), (0.03, 0.006)])
    canvas.body(EDGE, put(hollow), flat(0.1, -0.3))
    ring = curve(
        points(
            "-0.06,-0.03 -0.13,-0.034 -0.2,0 -0.27,0.002 -0.37,0.01 -0.425,0.07 -0.42,0.15 -0.36,0.195 "
            "-0.28,0.185 -0.21,0.135 -0.16,0.075 -0.1,0.035 -0.05,0.028"
        )
    )
    hole = curve(
        points("-0.235,0.052 -0.29,0.038 -0.355,0.048 -0.388,0.09 -0.38,0.135 -0.345,0.158 -0.29,0.15 -0.235,0.11")
    )
    lining = curve(hole[::7], steps=10)
    middle = lining.mean(axis=0)
    canvas.body(PLASTIC, put(ring), inflated(0.021), holes=[put(hole)], lift=0.010)
    canvas.body(GRIP, put(middle + (lining - middle) * 1.10), inflated(0.007), holes=[put(hole)])
    canvas.body(
        Material("#8c3010"),
        put(curve([(-0.09, -0.012), (-0.14, -0.010), (-0.16, 0.012), (-0.13, 0.016), (-0.09, 0.006)])),
        inflated(0.004),
        opacity=0.5,
    )
