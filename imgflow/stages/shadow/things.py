"""Things that lie on the ground and are no shadow of it: of another hue, too dark, or narrow with sharp sides."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import greatest_of, mean_of
from imgflow.stages.shadow.ground_light import Light
from imgflow.stages.shadow.product_edge import nearest

DEEPEST = 2.5
"""Natural logarithm. What is darker than the ground by more than this is a thing, not a shadow."""

TINT, TINT_OF_DEPTH = 0.05, 0.1
"""Natural logarithm, and share of the depth: how far the channels may be from the shadow's own tint."""

MOST_TINT = 0.3
"""How far that tint may be from grey, as a share of the depth. The light in a shadow is the room's or the sky's, whose
colour is another than the lamp's or the sun's, but the same all over the shadow."""

TELLING = 0.1
"""Natural logarithm: a darkness from which on it tells the shadow's tint."""

BESIDE = 0.05
"""How far from the product's lowest quarter it does so, as a share of the longer side: further off or higher up it may
be the ground's own darkness, or a wall."""

LEAST_TELLING = 50
"""Pixels of the small copy that must do so."""

DOUBT = (0.6, 1.2), (0.6, 0.05)
"""The deeper a darkness, the surer must be the segmenter that it is ground: the foot of a product is dark, too, and has
no edge that one sees. Depths (natural logarithm), and the answers up to which they count."""

WIDE, BLACK = 5, 0.7
"""Times as wide may be what stands out by that much more (natural logarithm): a black thing on the ground."""

SHARP = 0.5
"""Share of that by which a thing's side rises over two pixels. A narrow shadow's sides are softer."""

BEYOND_TEXTURE = 1.2
"""Times what a hundredth of the lit ground stands out by, from which on something is no texture of it."""

SQUARE = np.ones((3, 3), np.uint8)


def without_things(
    likely: NDArray[np.float32],
    light: Light,
    ground: NDArray[np.bool_],
    clear: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """The ground without what on it can be neither lit nor shaded ground: other hues, brighter or too dark.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        ground: h x w, up to the product's edge.
        clear: h x w, well away from it.
    """
    import cv2

    smooth = np.asarray(cv2.GaussianBlur(light.missing, (0, 0), 1.5), np.float32)
    depth = mean_of(smooth)
    excess = smooth - depth[..., None]
    dark = np.maximum(depth, 0)
    uneven = 1.4826 * float(np.median(np.abs(depth[light.lit]))) if light.lit.any() else 0.0
    away = np.asarray(cv2.distanceTransform(ground.astype(np.uint8), cv2.DIST_L2, 3))
    telling = (
        clear
        & (away < BESIDE * max(away.shape))
        & (depth > max(TELLING, 3 * uneven))
        & (greatest_of(np.abs(excess)) < TINT + MOST_TINT * dark)
    )
    telling[: light.foot] = False
    tint = np.zeros(3, np.float32)
    if telling.sum() > LEAST_TELLING:
        tint = np.median(excess[telling] / depth[telling][:, None], axis=0).astype(np.float32)
    off = greatest_of(np.abs(excess - tint * dark[..., None]))
    lit = off[light.foot :][light.lit[light.foot :]]
    usual, rare = np.percentile(lit, (50, 99)) if lit.size else (0.0, 0.0)
    strange = ground & ((off > max(TINT, 4 * usual, rare) + TINT_OF_DEPTH * dark) | (depth > DEEPEST))
    doubted = np.interp(dark, *DOUBT).astype(np.float32)
    strange |= ground & (likely > doubted)
    strange |= ground & (depth < -3 * light.tolerance)
    return ground & (np.asarray(cv2.morphologyEx(strange.astype(np.uint8), cv2.MORPH_OPEN, SQUARE)) == 0)


def narrow_things(
    depth: NDArray[np.float32], ground: NDArray[np.bool_], lit: NDArray[np.bool_], narrow: int, least: float
) -> NDArray[np.bool_]:
    """Cables, spokes, gaps, dark things that lie about: narrow or very dark, with sharp sides."""
    import cv2

    filled = nearest(depth[..., None], ground)[..., 0]
    across = np.asarray(cv2.dilate(filled, SQUARE)) - np.asarray(cv2.erode(filled, SQUARE))
    things = np.zeros(depth.shape, np.uint8)
    for radius, stands_out in ((narrow, least), (WIDE * narrow, BLACK + least)):
        square = np.ones((2 * radius + 1,) * 2, np.uint8)
        above = filled - np.asarray(cv2.morphologyEx(filled, cv2.MORPH_OPEN, square), np.float32)
        if lit.any():
            stands_out = max(stands_out, BEYOND_TEXTURE * float(np.percentile(above[lit], 99)))
        sharp = ((above > stands_out) & (across > SHARP * above)).astype(np.uint8)
        if sharp.any():
            near_sharp = np.asarray(cv2.dilate(sharp, square), np.uint8)
            things |= near_sharp & np.asarray(cv2.dilate((above > stands_out / 2).astype(np.uint8), SQUARE), np.uint8)
    return things > 0
