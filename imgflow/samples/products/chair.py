"""A shell chair on thin wooden legs with wire struts."""

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import curve, ellipse, points, stroke

SHELL = Material("#d9a02c", gloss=0.16, rough=0.35, texture="grain", grain=0.015)
WOOD = Material("#b98350", gloss=0.10, rough=0.4, texture="wood", grain=0.045)
WIRE = Material("#2c2d30", gloss=0.3, rough=0.2)


def draw(canvas: Canvas) -> None:
    """Back legs, struts, front legs, then the shell with its seat."""
    _leg(canvas, (0.300, 0.60), (0.245, 0.875), 0.8)
    _leg(canvas, (0.470, 0.60), (0.565, 0.865), 0.8)
    for ends in (
        ((0.25, 0.63), (0.538, 0.79)),
        ((0.50, 0.63), (0.262, 0.79)),
        ((0.31, 0.63), (0.186, 0.775)),
        ((0.44, 0.63), (0.577, 0.775)),
        ((0.235, 0.635), (0.515, 0.635)),
    ):
        canvas.body(WIRE, stroke(ends, 0.0065), inflated(0.003))
    _leg(canvas, (0.225, 0.60), (0.150, 0.935), 1.0)
    _leg(canvas, (0.525, 0.60), (0.625, 0.930), 1.0)
    back = curve(
        points(
            "0.215,0.545 0.195,0.42 0.175,0.25 0.195,0.145 0.27,0.1 0.375,0.092 0.48,0.1 0.555,0.145 "
            "0.575,0.25 0.555,0.42 0.535,0.545 0.375,0.6"
        )
    )
    canvas.body(SHELL, back, inflated(0.05, 0.45), fade=(1.05, 0.82))
    hollow = curve(
        points(
            "0.235,0.52 0.218,0.4 0.2,0.25 0.218,0.16 0.285,0.122 0.375,0.114 0.465,0.122 0.532,0.16 "
            "0.55,0.25 0.532,0.4 0.515,0.52 0.375,0.57"
        )
    )
    canvas.body(SHELL, hollow, inflated(0.11, -0.28), fade=(1.0, 0.74))
    seat = curve(
        points(
            "0.2,0.5 0.26,0.478 0.375,0.472 0.49,0.478 0.55,0.5 0.597,0.565 0.6,0.605 0.56,0.632 0.375,0.642 "
            "0.19,0.632 0.15,0.605 0.153,0.565"
        )
    )
    canvas.body(SHELL, seat, inflated(0.035, 0.8), lift=0.012, fade=(0.92, 1.06))
    dish = curve(
        points("0.235,0.505 0.375,0.488 0.515,0.505 0.565,0.572 0.52,0.602 0.375,0.608 0.23,0.602 0.185,0.572")
    )
    canvas.body(SHELL, dish, inflated(0.05, -0.25), fade=(0.80, 1.08))
    canvas.darken_towards(0.93, 0.03, 0.3)


def _leg(canvas: Canvas, top: tuple[float, float], foot: tuple[float, float], bright: float) -> None:
    canvas.body(WOOD, stroke((top, foot), [0.030, 0.025, 0.016]), inflated(0.011), fade=(bright * 0.75, bright))
    canvas.body(WIRE, ellipse(foot[0], foot[1] + 0.003, 0.009, 0.006), inflated(0.004))
