"""The ground a product stands on: whether there is one, how it is lit, and what a shadow takes from it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.recipe import ShadowConfig
from imgflow.stages.colour import greatest_of, mean_of
from imgflow.stages.shadow.cast_shadow import find_shadow
from imgflow.stages.shadow.ground_light import Light, measure_light
from imgflow.stages.shadow.horizon import beyond_ground
from imgflow.stages.shadow.product_edge import ProductEdge, doubt, edge_of, follow_ground
from imgflow.stages.shadow.product_foot import find_foot
from imgflow.stages.shadow.things import without_things

LEAST_SHARE = 0.1
"""Share of the photo that must be clear of the product."""

MOST_DOUBT = 0.1
"""Of the segmenter, as a share of the product's area: what it is unsure about would be lit like ground."""

DARKEST = 40.0
"""Grey levels. A backdrop darker than this hides its shadows by itself."""

LEAST_LIT = 0.78
"""Share of the ground near the product, beside its lowest quarter and below, that must be lit as fitted or shaded."""

NEAR = 0.15
"""How far that is, as a share of the longer side."""

SHADOW = 0.04
"""Natural logarithm: from here on it is a shadow that a person sees."""

LEAST_SHADOW = 0.002
"""Share of the photo below which there is no shadow worth touching."""

ALL_LIT, LIKE_PRODUCT = (0.2, 0.6), (0.03, 0.25)
"""The segmenter's answers up to which ground gets all of its light, and from which on none; and the same for what is at
the product and has its very colour."""

ALIKE, NEXT_TO = 24.0, 0.004
"""Grey levels, over all channels, by which that colour may differ; and how far from what the segmenter takes for
product that is, as a share of the longer side. Up to twice as far it fades."""

CONTACT = 0.03
"""Reach of the contact shadow that `keep_contact` keeps, as a share of the longer side."""

BRIGHT = 90.0
"""Percentile of the ground's light to which `even_light` brings the rest."""


@dataclass(frozen=True)
class Ground:
    """What was found around the product, on a small copy.

    Attributes:
        lift: h x w x 3, natural logarithm of what each channel of the ground is to be multiplied by; None where
            nothing is to be done.
        shaded: h x w x 3, natural logarithm of the smooth ground as it is, shadow included, grey levels plus 1.
        edge: the product's.
        texture: standard deviation of the ground's texture, natural logarithm.
        reason: why there is no lift.
        details: figures for the record.
    """

    lift: NDArray[np.float32] | None = None
    shaded: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    edge: ProductEdge | None = None
    texture: float = 0.0
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def find_ground(rgb: NDArray[np.uint8], likely: NDArray[np.float32], config: ShadowConfig) -> Ground:
    """Measures the ground's light and the shadow on it.

    Args:
        rgb: h x w x 3, uint8, a small copy of the photo.
        likely: h x w, 0 to 1, the segmenter's answer.
        config: how much of which is to be taken away.
    """
    colours = rgb.astype(np.float32)
    if doubt(likely) > MOST_DOUBT:
        return Ground(reason="the segmenter is unsure what is product")
    ground, clear = follow_ground(colours, likely)
    if clear.mean() < LEAST_SHARE:
        return Ground(reason="the product fills the photo")
    if clear.all():
        return Ground(reason="no product is seen")
    tones = np.log(colours + 1)
    beyond = beyond_ground(tones, clear)
    ground &= ~beyond
    light = measure_light(tones, clear, beyond)
    if float(np.exp(light.tones[light.lit]).mean() if light.lit.any() else 0.0) < DARKEST:
        return Ground(reason="the backdrop is dark")
    foot = find_foot(likely, light, ground)
    edge = edge_of(without_things(likely, light, ground & ~foot, clear & ~beyond), colours)
    gain = find_shadow(np.where(foot, np.float32(1), likely), light, edge, beyond)
    fit = _fit(light, gain, clear, beyond)
    gain *= _surely_ground(likely, edge, light.tones - gain)[..., None]
    share = float(((mean_of(gain) > SHADOW) & edge.ground).mean())
    details: dict[str, Any] = {"ground_fit": round(fit, 3), "shadow_share": round(share, 4)}
    if fit < LEAST_LIT:
        return Ground(reason="the surroundings are not one smooth ground", details=details)
    lift = np.zeros_like(gain)
    if share >= LEAST_SHADOW:
        lift += config.strength * gain * _away_from_contact(edge, beyond, config.keep_contact)[..., None]
    if config.even_light > 0:
        lift += config.even_light * _evening(light, gain)
    if not lift.any():
        return Ground(reason="there is no shadow", details=details)
    texture = float(np.std(light.missing[light.lit]))
    return Ground(lift, light.tones - gain, edge, texture, details=details)


def _fit(light: Light, gain: NDArray[np.float32], clear: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> float:
    """Share of the clear ground beside and below the product's lowest quarter that is lit, or in the shadow."""
    import cv2

    distance = np.asarray(cv2.distanceTransform(clear.astype(np.uint8), cv2.DIST_L2, 3))
    near = clear & ~beyond & (distance < NEAR * max(clear.shape))
    near[: light.foot] = False
    return float((light.lit | (mean_of(gain) > 0))[near].mean()) if near.any() else 0.0


def _surely_ground(likely: NDArray[np.float32], edge: ProductEdge, shaded: NDArray[np.float32]) -> NDArray[np.float32]:
    """h x w: share of its light that ground gets, for what the segmenter says of it. A foot that has the very colour of
    the shadow before it shows no edge: there the segmenter's slightest doubt counts.

    Args:
        likely: h x w, 0 to 1, the segmenter's answer.
        edge: the product's.
        shaded: h x w x 3, natural logarithm of the smooth ground as it is, grey levels plus 1.
    """
    import cv2

    result = np.ones(likely.shape, np.float32)
    result[likely >= ALL_LIT[1]] = 0
    there = np.flatnonzero((likely > LIKE_PRODUCT[0]) & (likely < ALL_LIT[1]))
    beyond = np.asarray(cv2.distanceTransform((likely < 0.5).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    beyond = beyond.ravel()[there] / np.float32(NEXT_TO * max(likely.shape))
    colours = np.exp(shaded.reshape(-1, 3)[there]) - 1
    unlike = np.square((edge.product.reshape(-1, 3)[there] - colours) / np.float32(ALIKE)).sum(1)
    apart = np.maximum(unlike / (1 + unlike), np.clip(beyond - 1, 0, 1))
    low, high = (near + (far - near) * apart for near, far in zip(LIKE_PRODUCT, ALL_LIT, strict=True))
    result.ravel()[there] = np.clip((high - likely.ravel()[there]) / (high - low), 0, 1)
    return result


def _away_from_contact(edge: ProductEdge, beyond: NDArray[np.bool_], keep: float) -> NDArray[np.float32]:
    """h x w: share of the shadow that is not kept for being at the product."""
    import cv2

    if keep == 0:
        return np.ones(edge.ground.shape, np.float32)
    distance = np.asarray(cv2.distanceTransform(((edge.away > 0) | beyond).astype(np.uint8), cv2.DIST_L2, 3))
    return (1 - keep * np.exp(-((distance / (CONTACT * max(distance.shape))) ** 2))).astype(np.float32)


def _evening(light: Light, gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """What brings the ground to one brightness and hue, where it is ground that was understood."""
    import cv2

    wanted = np.percentile(light.tones[light.lit], BRIGHT, axis=0).astype(np.float32)
    unlike = greatest_of(np.abs(np.asarray(cv2.GaussianBlur(light.missing - gain, (0, 0), 1.5))))
    known = np.clip(2 - unlike / np.float32(2 * light.tolerance), 0, 1)
    return (wanted - light.tones) * np.asarray(cv2.GaussianBlur(known, (0, 0), 2.0), np.float32)[..., None]
