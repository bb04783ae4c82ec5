"""What a cast shadow takes from the ground: only darkness that behaves like one counts (`cast_regions`).

A shadow takes the same share of light from all that lies in it. So it keeps the ground's texture and nearly its hue, it
begins at the product, it ends on lit ground, and it is darker than the unevenness that the ground has anyway. What is
otherwise (a fold, a wall, a cable, a part of the product that the segmenter missed) is left as it is.
"""

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

SCALES = 0.25, 0.5, 1.0, 2.0
"""Sigmas over which texture is told from shadow, finest first, in narrow widths."""

STRONGER, FAINT = 2.5, 0.003
"""Times the power of the lit ground's texture at which a scale begins to be shadow (from twice that on all of it is);
and the least texture, natural logarithm, that any ground has."""

TOUCHES = 0.02
"""How near to what the segmenter is sure of a shadow must begin, as a share of the longer side."""


def find_shadow(
    likely: NDArray[np.float32], light: Light, edge: ProductEdge, beyond: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Measures the shadow that begins at the product: h x w x 3, natural logarithm of what gives each channel its light
    back, 0 or more.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        light: on the ground.
        edge: the product's.
        beyond: h x w, what is not the ground on which the product stands.
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
    gain = _without_texture(filled, narrow, light.lit)
    darkness = mean_of(gain)
    product, outside = likely > PERHAPS_GROUND, edge.away > 0
    away = np.asarray(cv2.distanceTransform((~product).astype(np.uint8), cv2.DIST_L2, 3), np.float32) / longer
    beside = away < TOUCHES
    level = _unevenness(darkness, light, edge.ground & (away > FAR), beside, outside)
    lit = light.lit | (edge.ground & (np.abs(darkness) < max(level, light.tolerance)))
    dark = Darkness(darkness, level, product, beside, beyond, outside, plain, lit, rough, usual, light.middle)
    kept = cast_regions(dark, narrow)
    sure = np.clip(darkness / level - 1, 0, 1)
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


def _without_texture(missing: NDArray[np.float32], narrow: int, lit: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What the shadow took, h x w x 3: scale by scale, only what is stronger than the lit ground's texture.

    The smooth rest follows any slope, so a penumbra needs no fine scale and the texture on it is left to the ground;
    a hard edge stands out at all scales (shrinkage of a redundant pyramid's local power, as in Wiener's filter).
    """
    import cv2

    gain, finer = np.zeros_like(missing), missing
    for scale in SCALES:
        coarser = np.asarray(cv2.GaussianBlur(finer, (0, 0), scale * narrow), np.float32)
        detail = finer - coarser
        power = np.asarray(cv2.GaussianBlur(np.square(mean_of(detail)), (0, 0), 2 * scale * narrow), np.float32)
        usual = max(FAINT**2, float(np.median(power[lit])) if lit.any() else 0.0)
        gain += detail * np.clip(power / (STRONGER * usual) - 1, 0, 1)[..., None]
        finer = coarser
    return gain + finer
