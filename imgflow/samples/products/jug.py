"""A white porcelain jug, for the white ground."""

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import dome, inflated, turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import curve, points, stroke
from imgflow.samples.shapes import turned as turned_outline

PORCELAIN = Material("#efeeea", gloss=0.34, rough=0.06)


def draw(canvas: Canvas) -> None:
    """Handle, body, spout, rim and inside."""
    cx, top, tip = 0.50, 0.215, 0.034
    handle = curve(
        [(0.60, 0.275), (0.70, 0.262), (0.745, 0.335), (0.73, 0.45), (0.69, 0.545), (0.62, 0.60)], closed=False
    )
    canvas.body(PORCELAIN, stroke(handle, [0.040, 0.034, 0.032, 0.032, 0.034, 0.044]), inflated(0.017))
    spout = curve(points("0.4,0.19 0.372,0.165 0.325,0.158 0.345,0.205 0.37,0.27 0.41,0.31 0.45,0.24"))
    canvas.body(PORCELAIN, spout, inflated(0.03))
    profile = [(top, 0.118), (0.29, 0.112), (0.37, 0.128), (0.48, 0.178), (0.60, 0.212), (0.70, 0.208), (0.785, 0.168)]
    profile += [(0.82, 0.142), (0.845, 0.142)]
    canvas.body(PORCELAIN, turned_outline(cx, profile, 0.022, tip), turned(0.9), lift=0.01, fade=(1.02, 0.9))
    foot = turned_outline(cx, [(0.824, 0.148), (0.845, 0.142)], 0.022, -0.020)
    canvas.body(Material("#cfcbc4", gloss=0.2), foot, turned(0.2), fade=(0.95, 0.85))
    mouth = curve(
        points("0.325,0.156 0.4,0.176 0.5,0.18 0.59,0.192 0.619,0.215 0.58,0.243 0.5,0.25 0.42,0.24 0.375,0.205")
    )
    canvas.body(Material("#efeeea", gloss=0.3), mouth, inflated(0.006))
    inner = curve(
        points("0.345,0.164 0.41,0.184 0.5,0.188 0.58,0.198 0.607,0.216 0.575,0.236 0.5,0.242 0.425,0.232 0.385,0.203")
    )
    canvas.body(Material("#b7b3ac", gloss=0.10, rough=0.4), inner, dome(0.55, 0.9, -0.8, -1.6), fade=(0.85, 1.0))
    canvas.darken_towards(0.868, 0.04, 0.22)
