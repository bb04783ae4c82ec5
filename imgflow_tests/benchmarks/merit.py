"""Figures of merit: how far a picture is from the truth.

ΔE is CIE76 (the distance in CIELAB, D65) throughout, as in `imgflow compare`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import to_lab

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

GROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (0, 160, 0), "red": (200, 0, 0)}
"""What cutouts are laid on."""

SOFT = (0.02, 0.98)
"""Alpha between these is a soft edge."""

_ROWS = 512
"""Rows whose CIELAB is computed at once: large pictures stay small in memory."""


def psnr(picture: Bytes, truth: Bytes) -> float:
    """Peak signal-to-noise ratio, dB; infinite for equal pictures."""
    error = float(np.mean(np.square(picture.astype(np.float32) - truth)))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def delta_e(picture: Bytes, truth: Bytes) -> Floats:
    """H x W: ΔE of each pixel of two sRGB pictures, H x W x 3."""
    apart = np.empty(picture.shape[:2], np.float32)
    for top in range(0, len(picture), _ROWS):
        rows = slice(top, top + _ROWS)
        apart[rows] = np.linalg.norm(to_lab(picture[rows]) - to_lab(truth[rows]), axis=2)
    return apart


def sad(alpha: Floats, truth: Floats) -> float:
    """Sum of absolute differences of alpha (0 to 1), in thousands, as matting papers tell it."""
    return float(np.abs(alpha - truth).sum(dtype=np.float64)) / 1000


def iou(alpha: Floats, truth: Floats) -> float:
    """Intersection over union of what is more than half opaque; 1 where both are empty."""
    found, wanted = alpha > 0.5, truth > 0.5
    union = int((found | wanted).sum())
    return int((found & wanted).sum()) / union if union else 1.0


def edge_error(alpha: Floats, truth: Floats, reach: int = 2) -> float:
    """Mean absolute difference of alpha in the truth's soft edge and `reach` pixels to either side of it."""
    band = dilated(soft(truth), reach)
    return float(np.abs(alpha - truth)[band].mean()) if band.any() else 0.0


def soft(alpha: Floats) -> Flags:
    """H x W: where alpha is neither clear nor opaque."""
    return (alpha > SOFT[0]) & (alpha < SOFT[1])


def edge_colour(rgb: Bytes, alpha: Floats, colours: Bytes, truth: Floats) -> dict[str, float]:
    """Mean ΔE in the truth's soft edge, of the cutout against the true one, laid on each of `GROUNDS`.

    Args:
        rgb, alpha: of the cutout: H x W x 3, uint8, and H x W, 0 to 1.
        colours, truth: the same of the truth.
    """
    edge = soft(truth)
    if not edge.any():
        return dict.fromkeys(GROUNDS, 0.0)
    # A column of pixels is a picture, too.
    cutout, wanted = (
        (picture[edge][:, None], share[edge][:, None]) for picture, share in ((rgb, alpha), (colours, truth))
    )
    return {
        name: float(delta_e(laid_on(*cutout, ground), laid_on(*wanted, ground)).mean())
        for name, ground in GROUNDS.items()
    }


def laid_on(rgb: Bytes, alpha: Floats, ground: tuple[int, int, int]) -> Bytes:
    """H x W x 3, uint8: straight colours with alpha (0 to 1) on a ground of one colour."""
    share = alpha[..., None]
    return np.rint(rgb * share + np.asarray(ground, np.float32) * (1 - share)).astype(np.uint8)


def texture_kept(rgb: Bytes, truth: Bytes, where: Flags, sigma: float = 3.0) -> float:
    """Local contrast in `where` that is the truth's: 1 is all of it, 0 is none.

    It is how much of the truth's deviations from the mean nearby (of the logarithm of the tones; Gaussian) is found in
    the picture again: the slope of the regression. What is no texture of the truth does not count.
    """
    found, wanted = (_deviations(picture, where, sigma) for picture in (rgb, truth))
    strength = float(np.square(wanted).sum())
    return float((found * wanted).sum()) / strength if strength else 1.0


def _deviations(rgb: Bytes, where: Flags, sigma: float) -> Floats:
    """The mean is taken over `where` alone, so that no edge of it counts as texture."""
    tones = np.log(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) + 1)
    weight = where.astype(np.float32)
    mean = cv2.GaussianBlur(tones * weight, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6)
    return (tones - mean)[where]


def rim(alpha: Floats, nearest: float, farthest: float) -> Flags:
    """H x W: what is outside the product, at a distance of `nearest` to `farthest` pixels from it."""
    outside = (alpha <= SOFT[0]).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance >= nearest) & (distance < farthest)


def dilated(where: Flags, reach: int) -> Flags:
    """H x W: `where` and what is within `reach` pixels of it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(where.astype(np.uint8), disc) > 0
