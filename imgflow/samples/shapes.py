"""Outlines and their exact pixel coverage.

An outline is a closed polygon, N x 2 float64, in scene units: x to the right and y down, the picture's height is 1.
Curves are polygons fine enough for 12 MP. Coverage is the exact area of each pixel inside the outlines, by the signed
area accumulation of font rasterisers (R. Levien, "Inside the fastest font renderer in the world", 2016).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Path = Sequence[tuple[float, float]] | Outline

_TURN = 2 * np.pi


def points(text: str) -> Outline:
    """Path written like those of an SVG polygon: `"x,y x,y ..."`."""
    return np.array([[float(value) for value in pair.split(",")] for pair in text.split()])


def polygon(points: Path) -> Outline:
    """Straight lines through the points."""
    return np.asarray(points, np.float64)


def ellipse(cx: float, cy: float, rx: float, ry: float | None = None, tilt: float = 0.0, steps: int = 240) -> Outline:
    """An ellipse (a circle without `ry`); `tilt` in radians. The polygon has the ellipse's own area."""
    angle = np.linspace(0, _TURN, steps, endpoint=False)
    grow = np.sqrt((_TURN / steps) / np.sin(_TURN / steps))
    ring = np.stack([rx * np.cos(angle), (rx if ry is None else ry) * np.sin(angle)], axis=1) * grow
    return moved(ring, cx, cy, tilt)


def rounded_box(cx: float, cy: float, width: float, height: float, radius: float, tilt: float = 0.0) -> Outline:
    """A rectangle around (cx, cy) with round corners."""
    angle = np.linspace(0, np.pi / 2, 16)
    right, low = width / 2 - radius, height / 2 - radius
    quarters = [
        np.stack([x + radius * np.cos(angle + turn), y + radius * np.sin(angle + turn)], axis=1)
        for x, y, turn in (
            (right, low, 0.0),
            (-right, low, np.pi / 2),
            (-right, -low, np.pi),
            (right, -low, 1.5 * np.pi),
        )
    ]
    return moved(np.concatenate(quarters), cx, cy, tilt)


def curve(points: Path, closed: bool = True, steps: int = 14) -> Outline:
    """A Catmull-Rom curve through the points; open ones end at the first and last point."""
    knots = np.asarray(points, np.float64)
    if closed:
        before, after, far = np.roll(knots, 1, axis=0), np.roll(knots, -1, axis=0), np.roll(knots, -2, axis=0)
        start = knots
    else:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
        before, start, after, far = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (before, start, after, far))
    smooth = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    flat = smooth.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, knots[-1:]])


def stroke(path: Path, width: float | Sequence[float], round_ends: bool = True) -> Outline:
    """The outline of a line along `path`; several widths are spread evenly along the path (tapering)."""
    line = np.asarray(path, np.float64)
    widths = np.atleast_1d(np.asarray(width, np.float64))
    half = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths) / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-12)[:, None]
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
    left, right = line + aside, (line - aside)[::-1]
    if not round_ends:
        return np.concatenate([left, right])
    angle = np.linspace(0, np.pi, 12)[1:-1]
    caps = [
        centre + np.outer(np.cos(angle), side) + np.outer(np.sin(angle), forward * r)
        for centre, side, forward, r in (
            (line[-1], aside[-1], along[-1], half[-1]),
            (line[0], -aside[0], -along[0], half[0]),
        )
    ]
    return np.concatenate([left, caps[0], right, caps[1]])


def strands(paths: Outline, widths: Sequence[float]) -> list[Outline]:
    """Outlines of many tapering lines at once.

    Args:
        paths: N x K x 2, K points along each of N lines.
        widths: K widths, from root to tip.
    """
    along = np.gradient(paths, axis=1)
    along /= np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-12)[..., None]
    aside = np.stack([-along[..., 1], along[..., 0]], axis=-1) * (np.asarray(widths)[None, :, None] / 2)
    return list(np.concatenate([paths + aside, (paths - aside)[:, ::-1]], axis=1))


def seam(outline: Outline, inset: float, stitch: float, pitch: float, width: float) -> list[Outline]:
    """Stitches `stitch` long every `pitch` along an outline shrunk to `inset` of its size."""
    middle = outline.mean(axis=0)
    path = middle + (np.concatenate([outline, outline[:1]]) - middle) * inset
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    start = np.arange(0, length[-1] - stitch, pitch)
    marks = np.stack([start, start + stitch], axis=1)
    ends = np.stack([np.interp(marks, length, path[:, axis]) for axis in (0, 1)], axis=2)
    return [stroke(pair, width) for pair in ends]


def turned(cx: float, profile: Path, round_base: float = 0.0, round_top: float = 0.0) -> Outline:
    """A turned (rotationally symmetric) body seen from the side.

    Args:
        cx: the axis.
        profile: (y, radius) from top to bottom, joined by a smooth curve.
        round_base, round_top: how far base and top bulge down and up, as the camera looks down on their circles.
    """
    side = curve(profile, closed=False)
    y, radius = side[:, 0], np.maximum(side[:, 1], 0)
    right = np.stack([cx + radius, y], axis=1)
    angle = np.linspace(0, np.pi, 60)[1:-1]
    base = np.stack([cx + radius[-1] * np.cos(angle), y[-1] + round_base * np.sin(angle)], axis=1)
    left = np.stack([cx - radius, y], axis=1)[::-1]
    top = np.stack([cx - radius[0] * np.cos(angle), y[0] - round_top * np.sin(angle)], axis=1)
    return np.concatenate([right, base, left, top])


def moved(outline: Path, dx: float, dy: float, tilt: float = 0.0, scale: float = 1.0) -> Outline:
    """Turned by `tilt` radians around the origin and scaled, then moved."""
    cos, sin = np.cos(tilt) * scale, np.sin(tilt) * scale
    points = np.asarray(outline, np.float64)
    return points @ np.array([[cos, sin], [-sin, cos]]) + (dx, dy)


def mirrored(outline: Outline, cx: float) -> Outline:
    """The mirror picture across the vertical line at `cx`."""
    return outline * (-1, 1) + (2 * cx, 0)


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, steps: int = 80) -> Outline:
    """An open path along an ellipse between two angles in radians (0 right, pi/2 down)."""
    angle = np.linspace(start, end, steps)
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def coverage(solids: Sequence[Outline], height: int, width: int, holes: Sequence[Outline] = ()) -> NDArray[np.float32]:
    """The exact share of every pixel inside the outlines.

    Where outlines overlap their areas add up, at most to 1, so solids that overlap are one solid.

    Args:
        solids, holes: outlines in pixels (pixel (row, column) spans [column, column + 1] x [row, row + 1]);
            parts outside of the picture are cut off.

    Returns:
        height x width, float32, 0 to 1.
    """
    start, end = _edges(solids, holes)
    start, end = _split_at_pixels(start, end)
    middle = (start + end) / 2
    column, row = np.floor(middle).astype(np.int64).T
    rise = end[:, 1] - start[:, 1]
    inside = (row >= 0) & (row < height) & (column < width)
    column, row, rise, x = column[inside], row[inside], rise[inside], middle[inside, 0]
    share = np.where(column < 0, 0.0, x - column)
    column = np.maximum(column, 0)
    index = row * (width + 1) + column
    area = np.bincount(index, rise * (1 - share), minlength=height * (width + 1))
    area += np.bincount(index + 1, rise * share, minlength=height * (width + 1))[: len(area)]
    grid = area.reshape(height, width + 1)
    np.cumsum(grid, axis=1, out=grid)
    result = grid[:, :width].astype(np.float32)
    result[result < 1e-5] = 0  # rounding of the running sum
    return np.minimum(result, 1, out=result)


def _edges(solids: Sequence[Outline], holes: Sequence[Outline]) -> tuple[Outline, Outline]:
    """Start and end of every edge, solids turning so that their area counts positive and holes negative."""
    outlines = [*solids, *holes]
    points = np.concatenate(outlines)
    length = np.array([len(outline) for outline in outlines])
    first = np.cumsum(length) - length
    after = np.arange(1, len(points) + 1)
    after[first + length - 1] = first
    following = points[after]
    area = np.add.reduceat(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0], first)
    sign = np.repeat([1, -1], [len(solids), len(holes)])
    # Accumulation runs to the right from each edge: the left side of a solid must count +1.
    forward = np.repeat(area * sign < 0, length)[:, None]
    return np.where(forward, points, following), np.where(forward, following, points)


def _split_at_pixels(start: Outline, end: Outline) -> tuple[Outline, Outline]:
    """Cut edges where they cross pixel borders, so that each piece lies in one pixel."""
    owners = [np.arange(len(start)), np.arange(len(start))]
    places = [np.zeros(len(start)), np.ones(len(start))]
    for axis in (0, 1):
        low = np.floor(np.minimum(start[:, axis], end[:, axis])) + 1
        count = np.maximum(np.ceil(np.maximum(start[:, axis], end[:, axis])) - low, 0).astype(np.int64)
        owner = np.repeat(np.arange(len(start)), count)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        run = end[owner, axis] - start[owner, axis]
        owners.append(owner)
        places.append((low[owner] + nth - start[owner, axis]) / np.where(run == 0, 1, run))
    owner, place = np.concatenate(owners), np.concatenate(places)
    order = np.lexsort((place, owner))
    owner, place = owner[order], place[order]
    points = start[owner] + (end - start)[owner] * place[:, None]
    same = owner[1:] == owner[:-1]
    return points[:-1][same], points[1:][same]
