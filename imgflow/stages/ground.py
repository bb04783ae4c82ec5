"""The ground a product stands on: whether there is one, how it is lit, and what a shadow takes from it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGER_SIDE = 1024
"""Light is smooth, so it is measured on a copy of at most this longer side, pixels."""

LEAST_SHARE = 0.1
"""Share of the photo that must be clear of the product."""

DARKEST = 40.0
"""Grey levels. A backdrop darker than this hides its shadows by itself."""

TOLERANCE = 0.06
"""Natural logarithm: how far lit ground may be from the fitted light, texture included."""

LEAST_LIT = 0.65
"""Share of the surroundings that must fit the lit ground, the rest being darker."""

DEEPEST = 1.2
"""Natural logarithm. What is darker than the ground by more than this is a thing, not a shadow."""

TINT = 0.15
"""Natural logarithm. A shadow darkens the channels alike; what differs by more than this between them is a thing."""

NOTICEABLE = 0.012
"""Natural logarithm: what is weaker than this is left alone; from twice this on all is taken."""

SHADOW = 0.04
"""Natural logarithm: from here on it is a shadow that a person sees."""

LEAST_SHADOW = 0.003
"""Share of the photo below which there is no shadow worth touching."""

SMALLEST_SIGMA = 4.0
"""Pixels: a blur of at least twice this is made on a copy so small that this is enough."""

CONTACT = 0.03
"""Reach of the contact shadow that `keep_contact` keeps, as a share of the longer side."""


@dataclass(frozen=True)
class Ground:
    """What was found around the product.

    Attributes:
        gain: h x w x 3, float32, natural logarithm of the factor that gives each channel its light back. None where
            nothing is to be done.
        shaded: h x w x 3, float32, natural logarithm of the ground in its shadow, grey levels plus 1.
        certain: h x w, float32, 1 on the ground, 0 on the product, rising from one to the other outside its edge.
        possible: h x w, float32, 1 where a pixel that looks like shaded ground is ground, 0 inside the product.
        texture: standard deviation of the ground's texture, natural logarithm.
        reason: why there is no gain.
        details: figures for the record.
    """

    gain: NDArray[np.float32] | None = None
    shaded: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    certain: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    possible: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    texture: float = 0.0
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def find_ground(rgb: NDArray[np.uint8], alpha: NDArray[np.float32], keep_contact: float) -> Ground:
    """Measures the ground's light and the shadow on it.

    The light is a second-order surface in the logarithm of each channel, fitted by reweighted least squares that take
    what is darker than the surface for shadow. A shadow is darker by a bounded factor, alike in all channels, and
    broader than texture; everything else that the segmenter missed (thin parts, dark or coloured things) stays.

    Args:
        rgb: H x W x 3, uint8.
        alpha: H x W, 0 to 1, the segmenter's.
        keep_contact: share of the shadow right at the product that is kept.
    """
    import cv2

    small, product = _small(rgb, alpha)
    height, width = product.shape
    reach = max(2, round(0.006 * max(height, width)))
    subject = cv2.dilate((product > 0.1).astype(np.uint8), _disc(reach)) > 0
    clear = ~subject
    if clear.mean() < LEAST_SHARE:
        return Ground(reason="the product fills the photo")
    tones = np.log(small + 1)
    light, lit = _fit_light(tones, clear)
    if float(np.exp(light[clear]).mean()) < DARKEST:
        return Ground(reason="the backdrop is dark")
    missing = light - tones
    depth = missing.mean(2)
    tint = np.abs(missing - depth[..., None]).max(2)
    shadow_like = clear & (depth > -2 * TOLERANCE) & (depth < DEEPEST) & (tint < TINT + 0.25 * np.maximum(depth, 0))
    fit = float(lit.sum() / clear.sum())
    details = {"ground_fit": round(fit, 3)}
    fits = float(shadow_like.sum() / clear.sum())
    if fit < LEAST_LIT or fits < 0.9:
        return Ground(reason="the surroundings are not one smooth ground", details=details)
    gain = _cast_by(subject, _broad(missing, shadow_like, reach), reach)
    texture = float(np.std((missing - cv2.GaussianBlur(missing, (0, 0), 3))[lit]))
    share = float(((gain.mean(2) > SHADOW) & clear).mean())
    details["shadow_share"] = round(share, 4)
    if share < LEAST_SHADOW:
        return Ground(reason="there is no shadow", details=details)
    shaded = light - gain
    if keep_contact > 0:
        distance = cv2.distanceTransform((product < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        at_product = np.exp(-((distance / (CONTACT * max(height, width))) ** 2))
        gain = gain * (1 - keep_contact * at_product)[..., None].astype(np.float32)
    possible = np.clip(5 * (0.5 - product), 0, 1).astype(np.float32)
    certain = _certain(product, subject, reach)
    return Ground(gain, shaded, certain, possible, texture, details=details)


def _small(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import cv2

    height, width = alpha.shape
    scale = min(1.0, LONGER_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)
    return small, np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)


def _fit_light(tones: NDArray[np.float32], clear: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The surface, and where the ground is lit as it says. Brighter than the fit counts more than darker, at first."""
    height, width = clear.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    basis = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)
    smooth = _blur_within(tones, clear, 2.0)
    step = max(1, round(np.sqrt(clear.sum() / 20_000)))
    sample = np.zeros_like(clear)
    sample[::step, ::step] = clear[::step, ::step]
    terms, values = basis[sample].astype(np.float64), smooth[sample].astype(np.float64)
    weight = np.ones(len(terms))
    surface = np.zeros((terms.shape[1], tones.shape[2]))
    for turn in range(20):
        weighted = terms.T * weight
        surface = np.linalg.lstsq(weighted @ terms, weighted @ values, rcond=None)[0]
        darker = (terms @ surface - values).mean(1)
        robust = 1 / (1 + (darker / (TOLERANCE / 2)) ** 2) ** 2
        weight = np.where(darker > 0, 0.05, 1.0) if turn < 8 else robust
    light = (basis @ surface).astype(np.float32)
    lit = clear & (np.abs(light - smooth).max(2) < TOLERANCE)
    return light, lit


def _broad(missing: NDArray[np.float32], shadow_like: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """What the shadow took, without texture, narrow things and traces: logarithm, H x W x 3, 0 or more.

    A guided filter (He, Sun and Tang 2010) whose guide is the depth itself: flat stretches are averaged, a shadow's
    edge is followed.
    """
    import cv2

    filled = _fill(missing, shadow_like)
    opened = cv2.morphologyEx(cv2.GaussianBlur(filled, (0, 0), 1.0), cv2.MORPH_OPEN, _disc(reach))
    guide = opened.mean(2, keepdims=True)
    side = 4 * reach + 1

    def mean(values: Any) -> NDArray[np.float32]:
        average = np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)
        return average.reshape(*average.shape[:2], -1)

    centre, centres = mean(guide), mean(opened)
    slope = (mean(guide * opened) - centre * centres) / (mean(guide * guide) - centre**2 + TOLERANCE**2 / 4)
    broad = mean(slope) * guide + mean(centres - slope * centre)
    sure = np.clip(broad.mean(2, keepdims=True) / NOTICEABLE - 1, 0, 1)
    return np.maximum(broad, 0) * sure


def _cast_by(subject: NDArray[np.bool_], gain: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Only the shadows that begin at the product: a fold or a cloud elsewhere is none."""
    import cv2

    shaded = (gain.mean(2) > 0) | subject
    _, labels = cv2.connectedComponents(shaded.astype(np.uint8))
    beside = cv2.dilate(subject.astype(np.uint8), _disc(2 * reach)) > 0
    cast = np.zeros(int(labels.max()) + 1, bool)
    cast[np.unique(labels[beside & shaded])] = True
    cast[0] = False
    return gain * cast[labels][..., None]


def _certain(product: NDArray[np.float32], subject: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    import cv2

    away = cv2.distanceTransform((product <= 0.1).astype(np.uint8), cv2.DIST_L2, 3)
    return np.where(subject, np.clip((away - 1) / reach, 0, 1) * (1 - product), 1).astype(np.float32)


def _fill(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unknown pixels take the average of the known ones around, from as near as there are any."""
    filled = np.where(known[..., None], values, 0)
    missing = ~known
    for sigma in (2.0, 8.0, 32.0, 128.0):
        blurred, weight = _weighted_blur(values, known, sigma)
        now = missing & (weight > 0.02)
        filled[now] = blurred[now]
        missing &= ~now
    return filled


def _blur_within(values: NDArray[np.float32], inside: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    return _weighted_blur(values, inside, sigma)[0]


def _weighted_blur(
    values: NDArray[np.float32], inside: NDArray[np.bool_], sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of the values inside, and how much of the surroundings is inside. A wide blur is made on a small copy."""
    import cv2

    weight = inside.astype(np.float32)
    both = np.dstack([values * weight[..., None], weight])
    height, width = weight.shape
    times = sigma / SMALLEST_SIGMA
    if times >= 2:
        size = (max(1, int(width / times)), max(1, int(height / times)))
        both = np.asarray(cv2.resize(both, size, interpolation=cv2.INTER_AREA), np.float32)
        sigma = SMALLEST_SIGMA
    blurred = np.asarray(cv2.GaussianBlur(both, (0, 0), sigma), np.float32)
    if times >= 2:
        blurred = np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    total = blurred[..., -1]
    return np.asarray(blurred[..., :-1] / np.maximum(total, 1e-6)[..., None], np.float32), total


def _disc(radius: int) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2), np.uint8)
