"""A glazed mug with a handle to look through."""

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import dome, inflated, turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import curve, ellipse, stroke
from imgflow.samples.shapes import turned as turned_outline

GLAZE = Material("#3f7f8f", gloss=0.42, rough=0.07, texture="speckle", grain=0.045)
CLAY = Material("#c9a27d", gloss=0.04, texture="grain", grain=0.05)
INSIDE = Material("#d9d3c6", gloss=0.12, rough=0.3, texture="speckle", grain=0.02)


def draw(canvas: Canvas) -> None:
    """Handle, body with an unglazed foot, rim and inside."""
    cx, top, low, radius, tip = 0.555, 0.27, 0.775, 0.205, 0.052
    path = curve([(0.755, 0.365), (0.86, 0.36), (0.917, 0.45), (0.88, 0.565), (0.73, 0.64)], closed=False)
    canvas.body(GLAZE, stroke(path, [0.050, 0.044, 0.042, 0.044, 0.052]), inflated(0.022), fade=(1.0, 0.85))
    outline = turned_outline(
        cx, [(top, radius), (0.45, 0.207), (0.64, 0.203), (0.735, 0.188), (low, 0.158)], 0.036, tip
    )
    body = canvas.body(GLAZE, outline, turned(0.8), lift=0.008, fade=(1.03, 0.86))
    foot = turned_outline(cx, [(0.742, 0.25), (0.80, 0.25)], 0.03, -0.042)
    canvas.body(CLAY, foot, turned(0.3), within=body, fade=(0.95, 0.75))
    canvas.body(Material("#5b97a3", gloss=0.35, rough=0.1), ellipse(cx, top, radius, tip), inflated(0.008))
    inner = canvas.body(INSIDE, ellipse(cx, top + 0.002, radius - 0.013, tip - 0.007), dome(0.5, 0.35, -0.75, -0.9))
    coffee = ellipse(cx, top + 0.047, 0.182, 0.040)
    canvas.body(Material("#3a2013", gloss=0.5, rough=0.25), coffee, dome(0.5, 0.5, 4, 3), within=inner)
    canvas.darken_towards(0.82, 0.06, 0.25)
