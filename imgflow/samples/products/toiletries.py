"""Two products in one photo: a pump bottle and a jar of cream."""

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import dome, inflated, turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import curve, ellipse, points, stroke
from imgflow.samples.shapes import turned as turned_outline

SAGE = Material("#7f9c86", gloss=0.22, rough=0.22)
WHITE = Material("#eeece6", gloss=0.25, rough=0.12)
GOLD = Material("#d2a45a", gloss=0.6, rough=0.12, metal=True)
BLUSH = Material("#d69a8c", gloss=0.3, rough=0.15)


def draw(canvas: Canvas) -> None:
    """The bottle on the left, the jar in front on the right."""
    _bottle(canvas, 0.44)
    _jar(canvas, 0.87)
    canvas.darken_towards(0.84, 0.05, 0.2)


def _bottle(canvas: Canvas, cx: float) -> None:
    nozzle = curve([(cx + 0.02, 0.145), (cx - 0.06, 0.140), (cx - 0.125, 0.148), (cx - 0.145, 0.175)], closed=False)
    canvas.body(WHITE, stroke(nozzle, [0.034, 0.028, 0.020]), inflated(0.012))
    canvas.body(
        WHITE, turned_outline(cx, [(0.127, 0.028), (0.14, 0.032), (0.185, 0.032)], 0.006, 0.005), turned(), lift=0.006
    )
    canvas.body(WHITE, turned_outline(cx, [(0.185, 0.014), (0.255, 0.014)], 0.003), turned(), fade=(0.9, 0.8))
    canvas.body(GOLD, turned_outline(cx, [(0.245, 0.046), (0.318, 0.048)], 0.008, 0.007), turned(0.5), lift=0.004)
    profile = points("0.318,0.05 0.335,0.085 0.362,0.128 0.4,0.142 0.6,0.144 0.775,0.142 0.795,0.134")
    body = canvas.body(SAGE, turned_outline(cx, profile, 0.022, 0.006), turned(0.8), lift=0.004, fade=(1.06, 0.92))
    canvas.text("lumen", cx, 0.52, 0.062, "#f4f1e8", within=body)
    canvas.text("hand & body wash", cx, 0.575, 0.019, "#f4f1e8", within=body)
    canvas.body(Material("#f4f1e8"), stroke([(cx - 0.03, 0.615), (cx + 0.03, 0.615)], 0.002), within=body)
    canvas.text("rosemary / mint", cx, 0.645, 0.016, "#f4f1e8", within=body)


def _jar(canvas: Canvas, cx: float) -> None:
    profile = [(0.62, 0.135), (0.64, 0.138), (0.79, 0.138), (0.82, 0.130)]
    body = canvas.body(BLUSH, turned_outline(cx, profile, 0.030, 0.02), turned(0.8), lift=0.008, fade=(1.05, 0.9))
    canvas.text("lumen", cx, 0.735, 0.044, "#fff7ef", within=body)
    canvas.text("day cream", cx, 0.775, 0.018, "#fff7ef", within=body)
    lid = turned_outline(cx, [(0.545, 0.139), (0.55, 0.142), (0.622, 0.142), (0.626, 0.141)], 0.030, 0.030)
    canvas.body(GOLD, lid, turned(0.3), lift=0.006)
    top = ellipse(cx, 0.546, 0.137, 0.029)
    canvas.body(Material("#dcb46e", gloss=0.35, rough=0.5, metal=True), top, dome(0.4, 0.9, 2.4, 2.0))
