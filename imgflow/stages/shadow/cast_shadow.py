"""What a cast shadow takes from the ground: only darkness that behaves like one counts (`cast_regions`).

A shadow takes the same share of light from all that lies in it. So it keeps the ground's texture and nearly its hue, it
begins at the product, it ends on lit ground, and it is darker than the unevenness that the ground has anyway. What is
otherwise (a fold, a wall, a cable, a part of the product that the segmenter missed) is left as it is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import mean_of
from imgflow.stages.shadow.cast_regions import DEEP, Darkness, cast_regions
from imgflow.stages.shadow.ground_light import Light
from imgflow.stages.shadow.product_edge import PERHAPS_GROUND, ProductEdge, nearest
from imgflow.stages.shadow.things import narrow_things

NOTICEABLE = 0.012
"""Natural logarithm: what is weaker than this is left alone; from twice this on all is taken."""

UNEVEN = 2.5
"""Standard deviations of the lit ground's broad unevenness below which a darkness is no shadow."""

FAR = 0.1
"""How far from the product that unevenness is measured, as a share of the longer side. Also, no more than a tenth of
the ground there may be as dark as what counts as shadow."""

SOFT = 0.06
"""Natural logarithm: what is narrow and stands out from its surroundings by more than this is a thing."""

NARROW = 0.005
"""Half of the width up to which that is narrow, as a share of the longer side."""

GRAINY = 0.05
"""Natural logarithm: lit ground's local contrast from which on its grain would show in the filter's answer."""

COARSE = 1.5
"""Times the variance of the fine texture that a coarse one has."""

AGAIN = 0.75
"""Sigma over which what the filter left over is averaged, in narrow widths."""

BEYOND = 2.0
"""Times what a tenth of the lit ground exceeds by texture, that it must be."""

TOUCHES = 0.02
"""How near to what the segmenter is sure of a shadow must begin, as a share of the longer side."""


def find_shadow(likely: NDArray[np.float32], light: Light, edge: ProductEdge) -> NDArray[np.float32]:
    """Measures the shadow that begins at the product: h x w x 3, natural logarithm of what gives each channel its light
    back, 0 or more.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        edge: the product's.
    """
    import cv2

    longer = max(edge.ground.shape)
    narrow = max(2, round(NARROW * longer))
    depth = np.asarray(cv2.GaussianBlur(mean_of(light.missing), (0, 0), 1.0), np.float32)
    rough = _local_contrast(light.missing, edge.ground)
    usual = float(np.median(rough[light.lit])) if light.lit.any() else 0.0
    plain = edge.ground & ~narrow_things(depth, edge.ground, light.lit, narrow, max(SOFT, 4 * usual))
    if not plain.any():
        return np.zeros_like(light.missing)
    filled = nearest(light.missing, plain)
    gain = _broad(filled, 2 * narrow, max(0.015, 3 * usual), light.lit, usual > GRAINY)
    darkness = mean_of(gain)
    product, outside = likely > PERHAPS_GROUND, edge.away > 0
    away = np.asarray(cv2.distanceTransform((~product).astype(np.uint8), cv2.DIST_L2, 3), np.float32) / longer
    beside = away < TOUCHES
    level = _unevenness(darkness, light, edge.ground & (away > FAR), beside, outside)
    lit = light.lit | (edge.ground & (np.abs(darkness) < max(level, light.tolerance)))
    dark = Darkness(darkness, level, product, beside, outside, plain, lit, rough, usual, light.middle)
    kept = cast_regions(dark, narrow)
    sure = np.clip(darkness / level - 1, 0, 1)
    # Its windows are broader than the darkest part of a contact shadow: what it left over is taken, unless texture.
    rest = np.asarray(cv2.GaussianBlur(filled - gain, (0, 0), AGAIN * narrow), np.float32)
    texture = BEYOND * float(np.percentile(np.abs(rest[light.lit]), 90)) if light.lit.any() else 0.0
    gain += np.sign(rest) * np.maximum(np.abs(rest) - texture, 0)
    return np.maximum(gain, 0) * (sure * kept)[..., None]


def _unevenness(
    darkness: NDArray[np.float32],
    light: Light,
    far: NDArray[np.bool_],
    beside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
) -> float:
    """How dark, natural logarithm, the ground is here and there without the product's doing."""
    import cv2

    lit = darkness[far & light.lit]
    spread = UNEVEN * 1.4826 * float(np.median(np.abs(lit))) if lit.size else 0.0
    level = max(NOTICEABLE, light.corrected, spread)
    # What is deep and begins at the product, a large shadow or a wall, does not tell; nor does what is higher up.
    labels = np.asarray(cv2.connectedComponents((outside & (darkness > level)).astype(np.uint8))[1], np.int32)
    begins = np.zeros(int(labels.max()) + 1, bool)
    begins[np.unique(labels[beside])] = True
    begins[0] = False
    alone = far & ~(begins[labels] & (darkness > DEEP * level))
    if alone[light.middle :].any():
        alone[: light.middle] = False
    return max(level, float(np.percentile(darkness[alone], 90)) if alone.any() else 0.0)


def _local_contrast(missing: NDArray[np.float32], plain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """h x w: root mean square of what is finer than a few pixels, natural logarithm."""
    import cv2

    grey = mean_of(missing)
    fine = np.square(grey - np.asarray(cv2.blur(grey, (5, 5)), np.float32)) * plain
    weight = np.asarray(cv2.blur(plain.astype(np.float32), (9, 9)), np.float32)
    return np.sqrt(np.maximum(np.asarray(cv2.blur(fine, (9, 9)), np.float32), 0) / np.maximum(weight, 0.05))


def _broad(
    missing: NDArray[np.float32], radius: int, texture: float, lit: NDArray[np.bool_], grainy: bool
) -> NDArray[np.float32]:
    """What the shadow took, without texture: h x w x 3.

    A guided filter (He, Sun and Tang 2010) whose guide is the depth itself: flat stretches are averaged, a shadow's
    edge is followed. What varies twice as much as the lit ground does in such a window is an edge. Where the ground is
    grainy or its texture coarse, the guide is filtered first (rolling guidance, Zhang et al. 2014).
    """
    import cv2

    side = 2 * radius + 1

    def mean(values: Any) -> NDArray[np.float32]:
        average = np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)
        return average.reshape(*average.shape[:2], -1)

    def filtered(values: NDArray[np.float32], guide: NDArray[np.float32]) -> NDArray[np.float32]:
        centre, centres = mean(guide), mean(values)
        slope = (mean(guide * values) - centre * centres) / (mean(guide * guide) - centre**2 + varies)
        return mean(slope) * guide + mean(centres - slope * centre)

    depth = mean_of(missing)[..., None]
    spread = mean(depth * depth) - mean(depth) ** 2
    varies = np.float32(max(texture**2, 4 * float(np.median(spread[lit])) if lit.any() else 0.0))
    return filtered(missing, filtered(depth, depth) if grainy or COARSE * texture**2 < varies else depth)
