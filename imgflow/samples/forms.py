"""How a flat outline bulges: surface normals from coverage."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Normals = tuple[Floats, Floats, Floats]
"""x (right), y (down) and z (to the camera) of the unit normal, each H x W."""
Form = Callable[[Floats, float], Normals]
"""Coverage (0..1) and pixels per scene unit -> normals."""


def flat(lean_x: float = 0.0, lean_y: float = 0.0) -> Form:
    """A plane that leans right and down by these components of its normal."""

    def normals(area: Floats, unit: float) -> Normals:
        one = np.ones_like(area)
        nz = float(np.sqrt(1 - lean_x**2 - lean_y**2))
        return one * np.float32(lean_x), one * np.float32(lean_y), one * np.float32(nz)

    return normals


def inflated(bevel: float, bulge: float = 1.0, soft: float = 0.25) -> Form:
    """A plate with a quarter-round edge.

    Args:
        bevel: radius of the edge, scene units; half the part's thickness makes a pillow.
        bulge: height of the edge over its radius: flatter below 1.
        soft: blur of the relief, as a share of the bevel.
    """

    def normals(area: Floats, unit: float) -> Normals:
        import cv2

        depth = _depth(area)
        inward = np.clip(depth / np.float32(bevel * unit), 0, 1)
        relief = np.sqrt(1 - (1 - inward) ** 2) * np.float32(bevel * unit * bulge)
        relief = np.asarray(cv2.GaussianBlur(relief, (0, 0), max(bevel * soft * unit, 1.0)), np.float32)
        return unit_normals(-np.gradient(relief, axis=1), -np.gradient(relief, axis=0), np.ones_like(relief))

    return normals


def turned(tall: float = 1.0) -> Form:
    """A body turned around an upright axis: each row is a half circle. `tall` weighs the profile's slope."""

    def normals(area: Floats, unit: float) -> Normals:
        import cv2

        columns = np.arange(area.shape[1], dtype=np.float32)
        across = np.asarray(area.sum(axis=1), np.float32)
        middle = (area @ columns) / np.maximum(across, 1e-3)
        radius = across / 2
        # rows that hardly hold the body (they only feed the soft edge) take over the nearest row's axis
        known = np.flatnonzero(across > 0.5)
        if known.size:
            rows = np.arange(len(middle))
            middle = np.interp(rows, known, middle[known]).astype(np.float32)
            radius = np.interp(rows, known, radius[known]).astype(np.float32)
        radius = np.maximum(radius, 0.5)
        even = np.asarray(cv2.GaussianBlur(radius[:, None], (0, 0), max(0.006 * unit, 0.6)), np.float32)[:, 0]
        slope = np.clip(np.gradient(even), -2.5, 2.5).astype(np.float32) * np.float32(tall)
        nx = np.clip((columns[None, :] - middle[:, None]) / radius[:, None], -0.985, 0.985)
        nz = np.sqrt(1 - nx**2)
        return unit_normals(nx, np.broadcast_to(-slope[:, None], nx.shape), nz)

    return normals


def dome(cx: float, cy: float, rx: float, ry: float) -> Form:
    """Part of an ellipsoid around a point given in the coverage's own relative place (0..1 across, 0..1 down)."""

    def normals(area: Floats, unit: float) -> Normals:
        height, width = area.shape
        nx = (np.arange(width, dtype=np.float32)[None, :] / width - cx) / np.float32(rx)
        ny = (np.arange(height, dtype=np.float32)[:, None] / height - cy) / np.float32(ry)
        nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0.02))
        return unit_normals(nx, ny, nz)

    return normals


def _depth(area: Floats) -> Floats:
    """Distance of every pixel to the edge, with the edge's place inside of its pixel taken from the coverage.

    After S. Gustavson and R. Strand, "Anti-aliased Euclidean distance transform", 2011.
    """
    import cv2

    outside = area < 0.5
    depth, labels = cv2.distanceTransformWithLabels(
        (~outside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(labels, np.int32)
    covered = np.zeros(int(nearest.max()) + 1, np.float32)
    covered[nearest[outside]] = area[outside]
    return np.where(outside, 0, np.asarray(depth, np.float32) - np.float32(0.5) + covered[nearest])


def unit_normals(nx: Floats, ny: Floats, nz: Floats) -> Normals:
    """The same directions with length 1."""
    length = np.sqrt(nx**2 + ny**2 + nz**2)
    return nx / length, ny / length, nz / length
