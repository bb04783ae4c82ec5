"""From a segmenter's soft mask to what is surely product, surely ground, and unknown."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.colour import to_lab

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

NEIGHBOUR, APART = 0.5, 0.3
"""Share of the largest region's area up to which a region that the photo's border cuts, unlike that one, is something
else that stands by; and how far off it must be, as a share of that region's longer side."""

BESIDE = 3
"""Pixels around whatever there is a trace of, that cleaning may touch."""

SAMPLE = 20_000
"""Most pixels that a typical colour is taken from."""


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

    reach = max(band, LEAST_BAND)
    regions = np.full(alpha.shape, BACKGROUND, np.uint8)
    box = box_around(alpha > 1 - SURE, int(reach) + 2)
    if box is None:
        return regions
    part = alpha[box]
    inside = (part >= 0.5).view(np.uint8)
    sure_product = (cv2.distanceTransform(inside, cv2.DIST_L2, 3) > reach) & (part >= SURE)
    sure_ground = (cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) > reach) & (part <= 1 - SURE)
    regions[box] = UNKNOWN
    np.copyto(regions[box], FOREGROUND, where=sure_product)
    np.copyto(regions[box], BACKGROUND, where=sure_ground)
    return regions


def clean_mask(alpha: NDArray[np.float32], rgb: NDArray[np.uint8], smallest: float, near: float) -> NDArray[np.float32]:
    """Removes specks off the product and fills pinholes in it; real holes, such as handles, stay open.

    A speck is a separate region smaller than `smallest` times the largest one; those closer to it than `near` are
    kept, since a thin part that the segmenter lost in the middle looks like that. Something else, farther off and cut
    by the photo's border, goes too, unless the product itself is cut. A small hole is a pinhole if its colour is the
    product's around it, and a hole if it is the ground's; where both look the same, size and the segmenter's certainty
    decide.

    Args:
        alpha: H x W, 0 to 1.
        rgb: H x W x 3, uint8, the photo.
        smallest: share of the largest region's area.
        near: pixels.
    """
    box = box_around(alpha > TRACE, BESIDE)  # no speck, and no pinhole's skirt, reaches beyond
    if box is None:
        return alpha
    cleaned = alpha.copy()
    _remove_specks(cleaned[box], smallest, near)
    _fill_pinholes(cleaned, box, rgb, smallest)
    return cleaned


def box_around(where: NDArray[np.bool_], margin: int, step: int = 1) -> tuple[slice, slice] | None:
    """Rows and columns of an H x W mask in which it is somewhere true, and `margin` pixels or more around, in multiples
    of `step`; None if nowhere."""
    import cv2

    left, top, width, height = cv2.boundingRect(where.view(np.uint8))
    if not width:
        return None
    rows, columns = (
        slice(max(start - margin, 0) // step * step, -(-(stop + margin) // step) * step)
        for start, stop in ((top, top + height), (left, left + width))
    )
    return rows, columns


class _Regions(NamedTuple):
    labels: NDArray[np.int32]
    """h x w; 0 outside."""
    areas: NDArray[np.int64]
    """R, pixels; 0 for label 0."""
    peaks: NDArray[np.float32]
    """R, highest value."""
    boxes: NDArray[np.int32]
    """R x 4: first row, first column, last row, last column."""


def _regions(inside: NDArray[np.uint8], values: NDArray[np.float32], connectivity: int) -> _Regions:
    """(OpenCV's own figures of regions take four times as long.)"""
    import cv2

    from imgflow.stages.matte.region_kernels import measure_regions

    count, labels = cv2.connectedComponents(inside, connectivity=connectivity)
    areas, peaks, boxes = np.zeros(count, np.int64), np.zeros(count, np.float32), np.zeros((count, 4), np.int32)
    measure_regions(labels, values, areas, peaks, boxes)
    areas[0] = 0
    return _Regions(np.asarray(labels, np.int32), areas, peaks, boxes)


def _outlines(inside: NDArray[np.uint8]) -> tuple[int, int]:
    """Regions (joined over corners), and holes in them: counted along outlines, which is far quicker than labelling."""
    import cv2

    outlines, tree = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return 0, 0
    holes = int((np.asarray(tree, np.int32).reshape(-1, 4)[:, 3] >= 0).sum())
    return len(outlines) - holes, holes


def _remove_specks(alpha: NDArray[np.float32], smallest: float, near: float) -> None:
    """Changes `alpha`."""
    import cv2

    from imgflow.stages.matte.region_kernels import least_of_regions, mark_regions

    inside = (alpha > TRACE).view(np.uint8)
    if _outlines(inside)[0] <= 1:
        return
    regions = _regions(inside, alpha, connectivity=8)
    largest = int(regions.areas.argmax())
    there = regions.areas > 0
    small = there & (regions.areas < smallest * regions.areas[largest])
    cut = (regions.boxes[:, :2] == 0).any(1) | (regions.boxes[:, 2:] == np.array(alpha.shape) - 1).any(1)
    neighbour = cut & ~cut[largest] & there & (regions.areas < NEIGHBOUR * regions.areas[largest])
    speck = small & (regions.peaks < 0.5)
    asked = (small & ~speck) | neighbour
    if asked.any():
        mark_regions(regions.labels, there & ~small & ~neighbour, inside)
        distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
        closest = np.full(small.size, np.inf, np.float32)
        least_of_regions(regions.labels, asked, distance, closest)
        far = APART * float(np.ptp(regions.boxes[largest].reshape(2, 2), axis=0).max())
        speck |= (small & (closest > near)) | (neighbour & (closest > far))
    if speck.any():
        mark_regions(regions.labels, speck, inside)
        np.copyto(alpha, 0, where=inside.view(np.bool_))


def _fill_pinholes(
    whole: NDArray[np.float32], box: tuple[slice, slice], photo: NDArray[np.uint8], smallest: float
) -> None:
    """Changes `whole`, in the box."""
    import cv2

    alpha, rgb = whole[box], photo[box]
    product = alpha >= 0.5
    if not _outlines(product.view(np.uint8))[1]:
        return
    holes = _regions((~product).view(np.uint8), alpha, connectivity=4)
    limit = smallest * int(product.sum())
    first, last = holes.boxes[:, :2], holes.boxes[:, 2:]
    enclosed = (first > 0).all(1) & (last < np.array(alpha.shape) - 1).all(1)
    candidates = np.flatnonzero(enclosed & (holes.areas > 0) & (holes.areas < LARGE_HOLES * limit))
    if candidates.size == 0:
        return
    ground = whole < 1 - SURE
    ground[box] &= ~(enclosed & (holes.areas > 0))[holes.labels]
    palette = ground_palette(photo, ground)
    before = alpha.copy()
    for label in candidates:
        top, left, bottom, right = (int(value) for value in holes.boxes[label])
        margin = 3 + (max(right - left, bottom - top) + 1) // 2
        window = np.s_[max(top - margin, 0) : bottom + 1 + margin, max(left - margin, 0) : right + 1 + margin]
        hole = holes.labels[window] == label
        around = product[window] & (before[window] > 0.8)
        if not _is_real_hole(before[window], rgb[window], hole, around, palette, holes.areas[label] / limit):
            skirt = cv2.dilate(hole.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
            alpha[window][skirt] = 1


def _is_real_hole(
    alpha: NDArray[np.float32],
    rgb: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    around: NDArray[np.bool_],
    palette: NDArray[np.float32],
    size: float,
) -> bool:
    values = alpha[hole]
    certain = float(values.min()) < TRACE
    if not around.any() or not palette.size:
        return certain or size > 1
    colour = _typical_colour(rgb, hole & (alpha <= np.median(values)))
    to_product = float(np.linalg.norm(colour - _typical_colour(rgb, around)))
    to_ground = float(np.linalg.norm(palette - colour, axis=1).min())
    if size > 1 or to_ground > FOREIGN_COLOUR:
        return to_ground <= FOREIGN_COLOUR
    if abs(to_product - to_ground) > CLEAR_COLOUR:
        return to_ground < to_product
    return certain and size > SMALLEST_HOLE


def _typical_colour(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median in CIELAB of at most `SAMPLE` pixels, evenly spread in reading order."""
    pixels = rgb[where]
    return np.median(to_lab(pixels[None, :: -(-len(pixels) // SAMPLE)])[0], 0)


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
