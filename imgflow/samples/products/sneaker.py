"""A running shoe from the side."""

import numpy as np

from imgflow.samples.canvas import Canvas, Part
from imgflow.samples.forms import inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, curve, ellipse, moved, points, seam, stroke

KNIT = Material("#c8472f", gloss=0.03, texture="mesh", grain=0.075)
OVERLAY = Material("#8f2a1e", gloss=0.12, rough=0.5, texture="leather", grain=0.05)
FOAM = Material("#eceae4", gloss=0.05, rough=0.7, texture="grain", grain=0.02)
RUBBER = Material("#3a3a3e", gloss=0.08, texture="grain", grain=0.06)
LINING = Material("#5a201a", gloss=0.0, texture="knit", grain=0.06)
LACE = Material("#f1eee6", gloss=0.03, texture="canvas", grain=0.06)


def draw(canvas: Canvas) -> None:
    """Inside, upper with its overlays, laces, then the sole."""
    lining = curve(points("0.235,0.3 0.29,0.275 0.4,0.285 0.49,0.265 0.545,0.295 0.5,0.4 0.32,0.42"))
    canvas.body(LINING, lining, inflated(0.03), fade=(0.75, 0.6))
    _tongue(canvas)
    upper = canvas.body(KNIT, _upper(), inflated(0.13, 0.85), fade=(1.05, 0.82), lift=0.006)
    _overlays(canvas, upper)
    _laces(canvas)
    _sole(canvas)
    canvas.darken_towards(0.755, 0.05, 0.2)


def _upper() -> Outline:
    return curve(
        points(
            "0.205,0.315 0.225,0.29 0.252,0.315 0.3,0.375 0.38,0.395 0.455,0.355 0.505,0.325 0.56,0.352 "
            "0.66,0.418 0.78,0.49 0.9,0.528 1,0.555 1.065,0.605 1.085,0.66 1.06,0.71 0.8,0.725 0.5,0.715 "
            "0.26,0.715 0.205,0.68 0.213,0.58 0.222,0.47 0.208,0.38"
        )
    )


def _tongue(canvas: Canvas) -> None:
    tongue = curve(points("0.445,0.365 0.468,0.275 0.505,0.222 0.545,0.225 0.555,0.3 0.64,0.4 0.6,0.45"))
    canvas.body(KNIT, tongue, inflated(0.03), fade=(0.95, 0.8), lift=0.006)
    canvas.body(LACE, stroke([(0.512, 0.238), (0.528, 0.285)], 0.018), inflated(0.004, 0.5))


def _overlays(canvas: Canvas, upper: Part) -> None:
    heel = curve([(0.19, 0.43), (0.28, 0.45), (0.335, 0.56), (0.375, 0.73), (0.18, 0.73)])
    toe = curve([(0.90, 0.50), (0.925, 0.585), (0.985, 0.635), (0.985, 0.74), (1.12, 0.74), (1.12, 0.50)])
    eyelets = curve(
        points(
            "0.455,0.352 0.505,0.32 0.57,0.352 0.67,0.418 0.8,0.488 0.815,0.525 0.76,0.525 0.64,0.465 "
            "0.54,0.415 0.48,0.4"
        )
    )
    for outline in (heel, toe, eyelets):
        part = canvas.body(OVERLAY, outline, inflated(0.012, 0.5), within=upper, lift=0.005, fade=(1.05, 0.9))
        canvas.body(Material("#e2b4a4"), seam(outline, 0.93, 0.0055, 0.009, 0.0022), within=part, opacity=0.8)
    stripe = Material("#f1ede4", gloss=0.12, rough=0.4, texture="leather", grain=0.02)
    for x in (0.0, 0.075, 0.15):
        path = curve([(0.47 + x, 0.435 + x * 0.42), (0.455 + x, 0.56), (0.475 + x * 0.95, 0.735)], closed=False)
        canvas.body(stripe, stroke(path, [0.030, 0.036, 0.042]), inflated(0.01, 0.5), within=upper, lift=0.004)
    collar = curve(
        [(0.216, 0.305), (0.25, 0.325), (0.30, 0.382), (0.38, 0.402), (0.455, 0.362), (0.51, 0.332)], closed=False
    )
    canvas.body(OVERLAY, stroke(collar, 0.026), inflated(0.013), lift=0.004)
    tab = curve([(0.198, 0.335), (0.192, 0.275), (0.212, 0.245), (0.236, 0.268), (0.236, 0.35)])
    canvas.body(OVERLAY, tab, inflated(0.012), lift=0.004)


def _laces(canvas: Canvas) -> None:
    for k, t in enumerate(np.linspace(0, 1, 6)):
        x, y = 0.515 + 0.235 * t, 0.345 + 0.140 * t
        canvas.body(Material("#2b2b2e", gloss=0.3), ellipse(x + 0.012, y + 0.038, 0.0075), inflated(0.004))
        path = curve([(x + 0.012, y + 0.036), (x + 0.02, y + 0.005), (x + 0.048 - 0.003 * k, y - 0.026)], closed=False)
        canvas.body(LACE, stroke(path, 0.017), inflated(0.008, 0.8), lift=0.004)
    for loop in (
        [(0.555, 0.325), (0.50, 0.36), (0.475, 0.425), (0.512, 0.452), (0.54, 0.40), (0.562, 0.335)],
        [(0.565, 0.325), (0.60, 0.375), (0.635, 0.435), (0.672, 0.425), (0.63, 0.37), (0.568, 0.328)],
        [(0.56, 0.33), (0.578, 0.41), (0.572, 0.50)],
    ):
        canvas.body(LACE, stroke(curve(loop, closed=False), 0.013), inflated(0.006), lift=0.005)
    canvas.body(LACE, ellipse(0.562, 0.327, 0.016, 0.013), inflated(0.010), lift=0.004)


def _sole(canvas: Canvas) -> None:
    foam = curve(
        points(
            "0.165,0.655 0.185,0.632 0.26,0.655 0.42,0.672 0.6,0.676 0.8,0.668 0.97,0.664 1.075,0.652 "
            "1.108,0.66 1.1,0.705 1.02,0.752 0.9,0.77 0.6,0.772 0.28,0.772 0.2,0.765 0.165,0.73"
        )
    )
    sole = canvas.body(FOAM, foam, inflated(0.022, 0.9), fade=(1.05, 0.86), lift=0.004)
    groove = curve([(0.17, 0.705), (0.30, 0.722), (0.60, 0.728), (0.90, 0.722), (1.09, 0.668)], closed=False)
    canvas.body(Material("#b9b4aa"), stroke(groove, 0.004), within=sole, opacity=0.8)
    canvas.body(OVERLAY, stroke(moved(groove, 0, 0.014), 0.010), inflated(0.004), within=sole)
    tread = curve([(0.19, 0.762), (0.30, 0.766), (0.60, 0.768), (0.90, 0.766), (1.02, 0.748)], closed=False)
    canvas.body(RUBBER, stroke(tread, [0.018, 0.022, 0.022, 0.022, 0.012]), inflated(0.01))
