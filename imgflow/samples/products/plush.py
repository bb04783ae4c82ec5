"""A plush bear: thousands of tapering hairs, thinner than a pixel at their tips."""

import numpy as np

from imgflow.samples.canvas import Canvas
from imgflow.samples.forms import inflated
from imgflow.samples.light import Material, linear
from imgflow.samples.shapes import Outline, curve, ellipse, mirrored, points, strands, stroke

FUR = ("#5f3d20", "#7a5230", "#946741", "#ab7c52", "#c49768", "#d9b184")
CX = 0.375


def draw(canvas: Canvas) -> None:
    """Legs and arms behind, body, head, face; every part grows its own hair."""

    def both(outline: Outline) -> tuple[Outline, Outline]:
        return outline, mirrored(outline, CX)

    arm = curve(points("0.245,0.475 0.185,0.5 0.13,0.575 0.105,0.66 0.135,0.7 0.19,0.69 0.235,0.62 0.275,0.55"))
    leg = curve(points("0.235,0.74 0.175,0.765 0.125,0.815 0.115,0.885 0.16,0.92 0.24,0.92 0.295,0.88 0.31,0.81"))
    ear = ellipse(0.225, 0.165, 0.066)
    for part in both(ear):
        _furry(canvas, part, 0.05, 0.95)
    for part in both(ellipse(0.232, 0.172, 0.036)):
        canvas.body(Material("#c99d80", gloss=0.02, texture="grain", grain=0.08), part, inflated(0.03, 0.4))
    _furry(
        canvas,
        curve(
            [
                (CX, 0.43),
                (0.26, 0.48),
                (0.205, 0.62),
                (0.205, 0.76),
                (0.27, 0.865),
                (CX, 0.89),
                (0.48, 0.865),
                (0.545, 0.76),
                (0.545, 0.62),
                (0.49, 0.48),
            ]
        ),
        0.15,
        1.0,
    )
    _furry(canvas, ellipse(CX, 0.685, 0.105, 0.135), 0.09, 1.22, lift=0.0)
    for part in both(arm):
        _furry(canvas, part, 0.05, 1.0, lift=0.012)
    for part in both(leg):
        _furry(canvas, part, 0.07, 0.98, lift=0.012)
    for part in both(ellipse(0.187, 0.865, 0.046, 0.042)):
        canvas.body(Material("#d8b08c", gloss=0.02, texture="grain", grain=0.09), part, inflated(0.035, 0.5))
    _furry(
        canvas,
        curve(
            [
                (CX, 0.135),
                (0.27, 0.155),
                (0.2, 0.235),
                (0.185, 0.33),
                (0.22, 0.415),
                (0.30, 0.465),
                (CX, 0.475),
                (0.45, 0.465),
                (0.53, 0.415),
                (0.565, 0.33),
                (0.55, 0.235),
                (0.48, 0.155),
            ]
        ),
        0.14,
        1.04,
        lift=0.016,
    )
    _face(canvas)
    canvas.darken_towards(0.935, 0.04, 0.35)


def _face(canvas: Canvas) -> None:
    _furry(canvas, ellipse(CX, 0.375, 0.082, 0.064), 0.06, 1.3, lift=0.008, length=0.5)
    canvas.body(
        Material("#2a1a14", gloss=0.5, rough=0.12),
        curve(
            [
                (CX - 0.034, 0.335),
                (CX, 0.326),
                (CX + 0.034, 0.335),
                (CX + 0.014, 0.362),
                (CX, 0.368),
                (CX - 0.014, 0.362),
            ]
        ),
        inflated(0.016),
        lift=0.004,
    )
    thread = Material("#33201a", gloss=0.05)
    canvas.body(
        thread,
        [
            stroke([(CX, 0.368), (CX, 0.394)], 0.004),
            stroke(
                curve(
                    [(CX - 0.034, 0.398), (CX - 0.018, 0.408), (CX, 0.395), (CX + 0.018, 0.408), (CX + 0.034, 0.398)],
                    closed=False,
                ),
                0.004,
            ),
        ],
    )
    for x in (CX - 0.082, CX + 0.082):
        canvas.body(Material("#120d0a", gloss=0.22, rough=0.35), ellipse(x, 0.292, 0.021), inflated(0.018), lift=0.006)
        canvas.body(Material("#ffffff"), ellipse(x - 0.006, 0.285, 0.005), opacity=0.9)
    ribbon = Material("#2f5fa8", gloss=0.12, rough=0.4, texture="nylon", grain=0.05)
    for side in (-1, 1):
        canvas.body(
            ribbon,
            curve(
                [
                    (CX, 0.485),
                    (CX + side * 0.05, 0.452),
                    (CX + side * 0.098, 0.448),
                    (CX + side * 0.104, 0.49),
                    (CX + side * 0.098, 0.53),
                    (CX + side * 0.05, 0.52),
                ]
            ),
            inflated(0.03),
            lift=0.008,
        )
    canvas.body(ribbon, ellipse(CX, 0.487, 0.022, 0.026), inflated(0.014), lift=0.006)


def _furry(canvas: Canvas, outline: Outline, bulge: float, tone: float, lift: float = 0.0, length: float = 1.0) -> None:
    """A stuffed part: a shaded core, then hair from the back to the tips, each layer lighter than the one below."""
    skin = Material(FUR[1], gloss=0.0, texture="grain", grain=0.1)
    part = canvas.body(skin, outline, inflated(bulge, 0.9), lift=lift, fade=(tone, tone * 0.85))
    shade = canvas.surface(part, Material("#ffffff", gloss=0.0), inflated(bulge, 0.9), (tone, tone * 0.85))[..., 0]
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle = (low + high) / 2
    perimeter = float(np.hypot(*(outline - np.roll(outline, 1, axis=0)).T).sum())
    count = int(perimeter * 1900)
    roots = np.concatenate([_around(canvas, outline, count), _inside(canvas, outline, int(count * 2.2))])
    rng = canvas.rng
    outward = (roots - middle) / np.maximum(
        np.hypot(*((roots - middle) / (high - low)).T)[:, None] * (high - low), 1e-6
    )
    angle = np.arctan2(outward[:, 1], outward[:, 0]) + rng.normal(0, 0.45, len(roots))
    run = length * rng.uniform(0.012, 0.030, len(roots))
    curl = rng.normal(0, 0.55, len(roots))
    t = np.linspace(0, 1, 5)
    bend = angle[:, None] + curl[:, None] * t
    steps = np.stack([np.cos(bend), np.sin(bend) + 0.18], axis=2) * (run[:, None, None] / 4)
    steps[:, 0] = 0
    paths = roots[:, None, :] + np.cumsum(steps, axis=1)
    rows = np.clip((roots[:, 1] * canvas.unit).astype(int) - part.top, 0, shade.shape[0] - 1)
    columns = np.clip((roots[:, 0] * canvas.unit).astype(int) - part.left, 0, shade.shape[1] - 1)
    light = shade[rows, columns] * rng.uniform(0.78, 1.12, len(roots))
    tones = np.clip((light - 0.35) / 0.7 * len(FUR), 0, len(FUR) - 1).astype(int)
    for level, colour in enumerate(FUR):
        if np.any(tones == level):
            hairs = strands(paths[tones == level], [0.0011, 0.0011, 0.0009, 0.0006, 0.0001])
            canvas.paint(canvas.cut(hairs), np.sqrt(linear(colour)) * np.float32(min(tone, 1.12)), 0.88)


def _around(canvas: Canvas, outline: Outline, count: int) -> Outline:
    """Random places just inside the outline."""
    place = canvas.rng.uniform(0, len(outline), count)
    index = place.astype(int)
    after = outline[(index + 1) % len(outline)]
    edge = outline[index] + (after - outline[index]) * (place - index)[:, None]
    middle = outline.mean(axis=0)
    return middle + (edge - middle) * canvas.rng.uniform(0.93, 0.99, count)[:, None]


def _inside(canvas: Canvas, outline: Outline, count: int) -> Outline:
    """Random places between the middle and the outline."""
    middle = outline.mean(axis=0)
    edge = outline[canvas.rng.integers(0, len(outline), count)]
    return middle + (edge - middle) * np.sqrt(canvas.rng.uniform(0, 0.9, count))[:, None]
