"""An amber bottle with a printed label and a ribbed cap: opaque glass with highlights."""

import numpy as np

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import inflated, turned
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, arc, curve, ellipse, stroke
from imgflow.samples.shapes import turned as turned_outline

GLASS = Material("#6e3510", gloss=0.55, rough=0.05)
PAPER = Material("#efe6d2", gloss=0.03, texture="grain", grain=0.012)
CAP = Material("#2a2a2c", gloss=0.22, rough=0.25)


def _band(cx: float, top: float, low: float, half: float, sag: float) -> Outline:
    """A strip around a turned body, bent like the circles it follows."""
    upper = arc(cx, top, half, sag, np.pi, 0)
    lower = arc(cx, low, half, sag, 0, np.pi)
    return np.concatenate([upper * (1, -1) + (0, 2 * top), lower])


def draw(canvas: Canvas) -> None:
    """Glass, label, cap."""
    cx = canvas.aspect / 2
    profile = [(0.21, 0.052), (0.275, 0.052), (0.30, 0.062), (0.355, 0.125), (0.41, 0.148), (0.46, 0.152)]
    profile += [(0.70, 0.152), (0.825, 0.152), (0.855, 0.147), (0.872, 0.130)]
    body = canvas.body(GLASS, turned_outline(cx, profile, 0.016), turned(0.8), fade=(1.1, 0.9))
    core = turned_outline(cx, [(0.38, 0.06), (0.44, 0.10), (0.80, 0.10), (0.85, 0.08)], 0.014)
    canvas.body(Material("#b8641f", gloss=0.0), core, inflated(0.08), within=body, opacity=0.35)
    label = canvas.body(PAPER, _band(cx, 0.475, 0.765, 0.153, 0.014), turned(0.0), within=body)
    ink = "#3c2a1c"
    canvas.body(Material("#7d8b4c"), _band(cx, 0.482, 0.494, 0.153, 0.014), turned(0.0), within=label)
    leaf = curve(
        [(cx - 0.034, 0.575), (cx - 0.012, 0.545), (cx + 0.034, 0.53), (cx + 0.018, 0.575), (cx - 0.012, 0.59)]
    )
    canvas.body(Material("#7d8b4c"), leaf, inflated(0.02, 0.3), within=label)
    canvas.body(PAPER, stroke([(cx - 0.036, 0.594), (cx, 0.565), (cx + 0.02, 0.543)], 0.003), within=label)
    canvas.text("HERBA", cx, 0.635, 0.036, ink, within=label)
    canvas.text("botanical shampoo", cx, 0.675, 0.0165, ink, within=label)
    canvas.body(Material(ink), stroke([(cx - 0.05, 0.70), (cx + 0.05, 0.70)], 0.0016), within=label)
    canvas.text("250 ml   8.4 fl oz", cx, 0.725, 0.0135, ink, within=label)
    _cap(canvas, cx)
    canvas.darken_towards(0.888, 0.03, 0.35)


def _cap(canvas: Canvas, cx: float) -> None:
    outline = turned_outline(cx, [(0.125, 0.068), (0.135, 0.0715), (0.245, 0.0715), (0.25, 0.070)], 0.009, 0.008)
    cap = canvas.body(CAP, outline, turned(0.5), lift=0.01)
    ribs = [
        stroke([(cx + 0.072 * np.sin(a), 0.142), (cx + 0.072 * np.sin(a), 0.247)], 0.0022 * np.cos(a) + 0.0004)
        for a in np.linspace(-1.5, 1.5, 34)
    ]
    canvas.body(Material("#0c0c0d"), ribs, within=cap, opacity=0.75)
    canvas.body(Material("#37373a", gloss=0.2), ellipse(cx, 0.1265, 0.0675, 0.0085), inflated(0.01), within=cap)
