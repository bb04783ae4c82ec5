"""From a segmenter's soft mask to what is surely product, surely ground, and unknown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

LEAST_BAND = 1.5
"""Half width of the unknown band on the smallest photos, pixels."""

SURE = 0.95
"""A segmenter's value above which a pixel is product, and below whose complement it is ground, if far from the edge."""

TRACE = 0.1
"""Regions of the mask are told apart where it falls below this value, so that a speck goes with its soft skirt."""

CLEAR_COLOUR = 5.0
"""Distance in CIELAB by which a small hole must look more like the ground (or the product) for its colour to count."""

FOREIGN_COLOUR = 30.0
"""Distance in CIELAB from every colour of the ground from which on a hole does not show the ground."""

LARGE_HOLES = 5
"""Times the pinhole limit up to which holes are looked at, and filled only if they do not show the ground."""

SMALLEST_HOLE = 1 / 8
"""Share of the pinhole limit below which a hole that looks like the product is none, however sure the segmenter."""


def trimap(alpha: NDArray[np.float32], band: float) -> NDArray[np.uint8]:
    """Marks as unknown the band around the edge and whatever the segmenter is unsure of.

    Nothing is eroded: a part thinner than the band is unknown from side to side, never ground.

    Args:
        alpha: H x W, 0 to 1, the segmenter's mask after `clean_mask`.
        band: half width of the unknown band at a certain edge, pixels.

    Returns:
        H x W, uint8: BACKGROUND, UNKNOWN or FOREGROUND.
    """
    import cv2

    inside = np.asarray(alpha >= 0.5, np.uint8)
    reach = max(band, LEAST_BAND)
    sure_product = (cv2.distanceTransform(inside, cv2.DIST_L2, 3) > reach) & (alpha >= SURE)
    sure_ground = (cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) > reach) & (alpha <= 1 - SURE)
    regions = np.full(alpha.shape, UNKNOWN, np.uint8)
    np.copyto(regions, FOREGROUND, where=sure_product)
    np.copyto(regions, BACKGROUND, where=sure_ground)
    return regions


def clean_mask(alpha: NDArray[np.float32], rgb: NDArray[np.uint8], smallest: float, near: float) -> NDArray[np.float32]:
    """Removes specks off the product and fills pinholes in it; real holes, such as handles, stay open.

    A speck is a separate region smaller than `smallest` times the largest one; those closer to it than `near` are
    kept, since a thin part that the segmenter lost in the middle looks like that. A small hole is a pinhole if its
    colour is the product's around it, and a hole if it is the ground's; where both look the same, size and the
    segmenter's certainty decide.

    Args:
        alpha: H x W, 0 to 1.
        rgb: H x W x 3, uint8, the photo.
        smallest: share of the largest region's area.
        near: pixels.
    """
    cleaned = _without_specks(alpha, smallest, near)
    return _without_pinholes(cleaned, rgb, smallest)


def _without_specks(alpha: NDArray[np.float32], smallest: float, near: float) -> NDArray[np.float32]:
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > TRACE).astype(np.uint8), connectivity=8)
    if count <= 2:
        return alpha
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    largest = int(areas.argmax())
    small = areas < smallest * areas[largest]
    small[0] = False
    if not small.any():
        return alpha
    kept = (~small[labels] & (labels > 0)).astype(np.uint8)
    distance = cv2.distanceTransform(1 - kept, cv2.DIST_L2, 3)
    peak = np.zeros(count, np.float32)
    closest = np.full(count, np.inf, np.float32)
    where = np.asarray(small[labels], bool)
    members = np.asarray(labels[where], np.intp)
    np.maximum.at(peak, members, alpha[where])
    np.minimum.at(closest, members, distance[where])
    speck = small & ~((closest <= near) & (peak >= 0.5))
    return np.where(speck[labels], np.float32(0), alpha)


def _without_pinholes(alpha: NDArray[np.float32], rgb: NDArray[np.uint8], smallest: float) -> NDArray[np.float32]:
    import cv2

    product = alpha >= 0.5
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~product).astype(np.uint8), connectivity=4)
    limit = smallest * int(product.sum())
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    most = LARGE_HOLES * limit
    candidates = np.setdiff1d(np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < most), np.append(at_border, 0))
    if candidates.size == 0:
        return alpha
    outside = np.isin(np.arange(count), at_border)
    palette = ground_palette(rgb, (alpha < 1 - SURE) & outside[np.asarray(labels, np.intp)])
    cleaned = alpha.copy()
    for label in candidates[candidates < count]:
        left, top, width, height, area = (int(value) for value in stats[label])
        margin = 3 + max(width, height) // 2
        window = np.s_[max(top - margin, 0) : top + height + margin, max(left - margin, 0) : left + width + margin]
        hole = labels[window] == label
        around = product[window] & (alpha[window] > 0.8)
        if not _is_real_hole(alpha[window], rgb[window], hole, around, palette, area / limit):
            skirt = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            cleaned[window][skirt] = 1
    return cleaned


def _is_real_hole(
    alpha: NDArray[np.float32],
    rgb: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    around: NDArray[np.bool_],
    palette: NDArray[np.float32],
    size: float,
) -> bool:
    certain = float(alpha[hole].min()) < TRACE
    if not around.any() or not palette.size:
        return certain or size > 1
    lab = to_lab(rgb)
    heart = hole & (alpha <= np.median(alpha[hole]))
    colour = np.median(lab[heart], 0)
    to_product = float(np.linalg.norm(colour - np.median(lab[around], 0)))
    to_ground = float(np.linalg.norm(palette - colour, axis=1).min())
    if size > 1 or to_ground > FOREIGN_COLOUR:
        return to_ground <= FOREIGN_COLOUR
    if abs(to_product - to_ground) > CLEAR_COLOUR:
        return to_ground < to_product
    return certain and size > SMALLEST_HOLE


def ground_palette(rgb: NDArray[np.uint8], ground: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Up to 6 typical colours of the ground: N x 3, CIELAB, by k-means over a regular sample; may be empty."""
    import cv2

    step = max(1, int(np.sqrt(ground.size / 40_000)))
    sample = to_lab(np.ascontiguousarray(rgb[::step, ::step]))[ground[::step, ::step]]
    if len(sample) < 50:
        return np.zeros((0, 3), np.float32)
    criteria: Any = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    cv2.setRNGSeed(0)
    _, _, centres = cv2.kmeans(sample, 6, None, criteria, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(centres, np.float32)


def to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB (L 0 to 100) of uint8 sRGB."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
