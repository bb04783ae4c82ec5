"""A backpack from the front: cloth, leather, zips and a carrying loop."""

import numpy as np

from imgflow.samples.canvas import Canvas, Part
from imgflow.samples.forms import inflated
from imgflow.samples.light import Material
from imgflow.samples.shapes import Outline, curve, ellipse, polygon, rounded_box, seam, stroke

CLOTH = Material("#47604a", gloss=0.03, texture="canvas", grain=0.06)
DEEP = Material("#3b5140", gloss=0.03, texture="canvas", grain=0.06)
LEATHER = Material("#9a6236", gloss=0.16, rough=0.45, texture="leather", grain=0.06)
WEBBING = Material("#26292a", gloss=0.06, texture="nylon", grain=0.08)
BRASS = Material("#caa04e", gloss=0.7, rough=0.15, metal=True)
CX = 0.375


def draw(canvas: Canvas) -> None:
    """Straps and loop behind, body, zip, pockets, leather."""
    _behind(canvas)
    body = canvas.body(CLOTH, _body(), inflated(0.11, 0.75), fade=(1.08, 0.85), lift=0.01)
    _folds(canvas, body)
    _zip(
        canvas,
        curve(
            [
                (0.155, 0.50),
                (0.148, 0.33),
                (0.175, 0.235),
                (0.25, 0.178),
                (CX, 0.162),
                (0.50, 0.178),
                (0.575, 0.235),
                (0.602, 0.33),
                (0.595, 0.50),
            ],
            closed=False,
        ),
    )
    _pocket(canvas)
    for x in (0.150, 0.600):
        canvas.body(LEATHER, rounded_box(x, 0.885, 0.085, 0.075, 0.02), inflated(0.012, 0.6), within=body)
    canvas.darken_towards(0.935, 0.05, 0.3)


def _body() -> Outline:
    left = [
        (CX, 0.112),
        (0.27, 0.120),
        (0.18, 0.160),
        (0.128, 0.245),
        (0.108, 0.40),
        (0.098, 0.60),
        (0.095, 0.78),
        (0.108, 0.885),
        (0.15, 0.922),
        (0.25, 0.930),
    ]
    right = [(2 * CX - x, y) for x, y in left[:0:-1]]
    return curve([*left, (CX, 0.932), *right])


def _behind(canvas: Canvas) -> None:
    loop = curve(
        [(0.305, 0.135), (0.308, 0.075), (0.335, 0.050), (CX, 0.045), (0.415, 0.050), (0.442, 0.075), (0.445, 0.135)],
        closed=False,
    )
    canvas.body(WEBBING, stroke(loop, 0.022), inflated(0.008))
    canvas.body(
        LEATHER,
        stroke(curve([(0.333, 0.051), (CX, 0.045), (0.417, 0.051)], closed=False), 0.030),
        inflated(0.013),
        lift=0.003,
    )
    for side in (-1, 1):
        strap = curve(
            [
                (CX + side * 0.23, 0.20),
                (CX + side * 0.305, 0.32),
                (CX + side * 0.325, 0.50),
                (CX + side * 0.305, 0.68),
                (CX + side * 0.265, 0.80),
            ],
            closed=False,
        )
        canvas.body(DEEP, stroke(strap, [0.05, 0.058, 0.05, 0.026, 0.022]), inflated(0.02), fade=(0.85, 0.7))


def _folds(canvas: Canvas, body: Part) -> None:
    """Soft creases: broad dark and light strokes, nearly transparent."""
    for side in (-1, 1):
        for top, low, x, dark in ((0.33, 0.50, 0.235, True), (0.60, 0.88, 0.250, True), (0.56, 0.84, 0.262, False)):
            path = curve(
                [(CX + side * x, top), (CX + side * (x - 0.012), (top + low) / 2), (CX + side * (x + 0.004), low)],
                closed=False,
            )
            for width in (0.030, 0.020, 0.010):
                tone = Material("#1f2c22" if dark else "#7f9a80", gloss=0)
                canvas.body(tone, stroke(path, [0.001, width, 0.001]), within=body, opacity=0.07)


def _zip(canvas: Canvas, path: Outline) -> None:
    canvas.body(WEBBING, stroke(path, 0.022), inflated(0.006, 0.5), lift=0.003)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    marks = np.arange(0.002, length[-1], 0.0048)
    x, y = (np.interp(marks, length, path[:, k]) for k in (0, 1))
    turn = np.interp(marks, length, np.unwrap(np.arctan2(*np.gradient(path, axis=0).T[::-1])))
    teeth = [rounded_box(a, b, 0.0028, 0.0075, 0.001, t) for a, b, t in zip(x, y, turn, strict=True)]
    canvas.body(BRASS, teeth, inflated(0.0012))
    px, py = path[-1]
    canvas.body(BRASS, rounded_box(px, py, 0.014, 0.026, 0.005), inflated(0.005), lift=0.003)
    canvas.body(
        LEATHER, stroke([(px, py + 0.015), (px + 0.004, py + 0.075)], [0.010, 0.016]), inflated(0.005), lift=0.005
    )


def _pocket(canvas: Canvas) -> None:
    pocket = curve(
        [
            (0.172, 0.56),
            (0.20, 0.535),
            (CX, 0.528),
            (0.55, 0.535),
            (0.578, 0.56),
            (0.588, 0.70),
            (0.582, 0.845),
            (0.55, 0.882),
            (CX, 0.890),
            (0.20, 0.882),
            (0.168, 0.845),
            (0.162, 0.70),
        ]
    )
    canvas.body(CLOTH, pocket, inflated(0.045, 0.85), fade=(1.1, 0.88), lift=0.016)
    _seam(canvas, pocket, 0.955)
    flap = curve(
        [
            (0.158, 0.535),
            (0.17, 0.512),
            (CX, 0.502),
            (0.58, 0.512),
            (0.592, 0.535),
            (0.592, 0.625),
            (0.56, 0.66),
            (CX, 0.672),
            (0.19, 0.66),
            (0.158, 0.625),
        ]
    )
    canvas.body(DEEP, flap, inflated(0.022, 0.7), fade=(1.12, 0.95), lift=0.014)
    _seam(canvas, flap, 0.95)
    for x in (0.255, 0.495):
        canvas.body(LEATHER, stroke([(x, 0.515), (x, 0.735)], 0.036), inflated(0.007, 0.7), lift=0.008)
        canvas.body(
            BRASS,
            rounded_box(x, 0.700, 0.056, 0.046, 0.008),
            inflated(0.006),
            holes=[rounded_box(x, 0.700, 0.040, 0.028, 0.004)],
            lift=0.005,
        )
        canvas.body(BRASS, stroke([(x, 0.682), (x, 0.722)], 0.006), inflated(0.003), lift=0.002)
        canvas.body(Material("#3d2412"), [ellipse(x, y, 0.003) for y in (0.60, 0.63, 0.66)], opacity=0.8)
    patch = canvas.body(LEATHER, rounded_box(CX, 0.355, 0.150, 0.082, 0.012), inflated(0.007, 0.7), lift=0.005)
    _seam(canvas, rounded_box(CX, 0.355, 0.150, 0.082, 0.012), 0.9)
    canvas.text("FJELL", CX, 0.350, 0.036, "#4a2a12", within=patch, spread=1.1)
    peak = polygon([(CX - 0.02, 0.386), (CX - 0.006, 0.374), (CX, 0.380), (CX + 0.008, 0.370), (CX + 0.022, 0.386)])
    canvas.body(Material("#4a2a12", gloss=0), peak, within=patch)


def _seam(canvas: Canvas, outline: Outline, inset: float) -> None:
    threads = seam(outline, inset, 0.006, 0.0095, 0.0022)
    canvas.body(Material("#b9b48f", gloss=0), threads, inflated(0.001), opacity=0.85)
