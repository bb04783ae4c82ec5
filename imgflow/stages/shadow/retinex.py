"""The literal LAB shadow rule: dark tones are lifted, wherever they are."""

import numpy as np
from numpy.typing import NDArray

DARK = 0.65
"""Shadow is what is darker than this share of the mean lightness,"""

DARK_AT_LEAST = 30.0
"""or than this lightness (0 to 255)."""

MOST_GAIN = 1.8
CLEAN_UP = 15
"""Diameter of the ellipse that closes and opens the shadow's mask, pixels."""

BLEND = 20.0
"""Sigma of the blur that blends the gain in, pixels."""


def lift_dark_tones(rgb: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Lifts lightness below max(0.65 * mean, 30) to the mean of the rest, by at most 1.8 times, blended by a blur.

    It cannot tell a dark product from a shadow; it is offered for photos where that is wanted.

    Args:
        rgb: H x W x 3, uint8.
        strength: share of the lift, 0 to 1.
    """
    import cv2

    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0]
    dark = lightness < max(DARK * float(lightness.mean()), DARK_AT_LEAST)
    if not dark.any() or dark.all():
        return rgb
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLEAN_UP, CLEAN_UP))
    mask = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_CLOSE, ellipse)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, ellipse)
    if not mask.any():
        return rgb
    lit, shaded = float(lightness[mask == 0].mean()), float(lightness[mask == 1].mean())
    gain = min(MOST_GAIN, lit / max(shaded, 1.0))
    blend = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), BLEND)
    lab[..., 0] = np.clip(np.rint(lightness * (1 + strength * (gain - 1) * blend)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)
