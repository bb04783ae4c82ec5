"""Finding the product in a photo: the segmenter's mask, or the certainty that there is nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import PhotoError
from imgflow.models.base import Segmenter
from imgflow.stages.matte.looks.second_look import Looks, look_again

LEAST_AREA = 2e-4
"""Share of the photo that must be product (value 0.5 or more) for the segmenter to have found one."""

LEAST_CONTRAST = 16.0
"""Grey levels. A photo in which nothing was found and whose tones differ less than this over a coarse grid is blank."""

SMALL_INPUT = 512
"""Only networks that see at most so many pixels a side look again: for the others it costs much and brings little."""

MOST_UNSURE = 1.25
"""Pixels the segmenter is undecided about, for each that it takes for product, from which on its answer is no good."""

MIRROR = 0.25
"""Width of the mirrored margin, as a share of the longer side."""


def find_product(
    rgb: NDArray[np.uint8], shadowed: NDArray[np.uint8], segmenter: Segmenter, *, again: bool = True
) -> tuple[Looks, dict[str, Any]]:
    """The segmenter's mask and how sure it was.

    Small networks look again (see `second_look`). If a shadow was removed, their first look is at the photo as it was
    before: that one errs elsewhere than the looks without the shadow (SAD of scenes of 12, 1 and 0.5 megapixels: .78,
    .90 and .92 times, geometric mean), and the shadow stage has taken it already. Networks look for a thing with ground
    around it: where a small one is not sure of anything, the product often runs out of the photo, and it is shown the
    photo once more, with a margin of its own mirror image (SAD of ten close crops with measured alpha: 47.4 to 39.4
    thousand).

    A photo with content in which the segmenter is nowhere certain keeps its weak answer, stretched to the full range
    and recorded as `weak`; it is for a person to judge.

    Args:
        rgb: H x W x 3, uint8.
        shadowed: the same before a shadow was removed; `rgb` itself if none was.
        segmenter: tells product from ground.
        again: whether small networks look more than once.

    Returns:
        What it saw; details: `confidence`, `weak` and `looks`.

    Raises:
        PhotoError: `no_foreground` if nothing was found and the photo is blank.
    """
    again &= segmenter.input_size <= SMALL_INPUT
    first = _seen(shadowed if again else rgb, segmenter)
    steady = _unsure_share(first) <= MOST_UNSURE
    seen = Looks.single(first, steady=steady)
    if again:
        if steady:
            seen = look_again(rgb, first, segmenter)
        elif coarse_contrast(rgb) >= LEAST_CONTRAST:
            surer = min(first, _seen_with_margin(rgb, segmenter), key=_unsure_share)
            seen = Looks.single(surer, 2, steady=steady)
    confidence = float(seen.mask.max())
    found = float((seen.mask >= 0.5).mean()) >= LEAST_AREA
    details: dict[str, Any] = {"confidence": round(confidence, 4), "weak": not found, "looks": seen.number}
    if found:
        return seen, details
    if coarse_contrast(rgb) < LEAST_CONTRAST or confidence <= 0:
        raise PhotoError("no_foreground", f"the segmenter's highest value is {confidence:.2f}")
    stretched = np.asarray(seen.mask / confidence, np.float32)
    return Looks.single(stretched, seen.number, steady=False), details


def _unsure_share(mask: NDArray[np.float32]) -> float:
    """Pixels between 0.1 and 0.9, for each above 0.5; infinite if there are none of these."""
    product = int((mask >= 0.5).sum())
    return float(((mask > 0.1) & (mask < 0.9)).sum()) / product if product else np.inf


def coarse_contrast(rgb: NDArray[np.uint8]) -> float:
    """Standard deviation of the tones over a grid of at most 16 x 16 cells, grey levels: noise averages out in it."""
    import cv2

    height, width = rgb.shape[:2]
    grid = (min(16, max(2, width // 8)), min(16, max(2, height // 8)))
    cells = cv2.resize(rgb, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(cells.std((0, 1)).max())


def _seen(rgb: NDArray[np.uint8], segmenter: Segmenter) -> NDArray[np.float32]:
    mask = np.fmax(segmenter(rgb), np.float32(0))  # what is not a number becomes 0
    if mask.shape != rgb.shape[:2]:
        raise ValueError(f"segmenter {segmenter.name} gave {mask.shape} for a photo of {rgb.shape[:2]}")
    return np.minimum(mask, 1, out=mask)


def _seen_with_margin(rgb: NDArray[np.uint8], segmenter: Segmenter) -> NDArray[np.float32]:
    import cv2

    height, width = rgb.shape[:2]
    margin = min(round(MIRROR * max(height, width)), height - 1, width - 1)
    mirrored = np.asarray(cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REFLECT_101), np.uint8)
    return _seen(mirrored, segmenter)[margin : margin + height, margin : margin + width].copy()
