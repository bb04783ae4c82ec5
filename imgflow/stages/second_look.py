"""A second look at the product alone, for networks that see little.

A network with an input of 320 pixels sees a product that fills a fifth of the photo with 140. Shown the product's crop,
it draws the edge two to three times better (rendered scenes with small products: SAD of its raw mask 6.0 to 1.7, 8.8 to
3.0, 10.2 to 4.4). Now and then it takes the crop for something else. It then is less sure of it, or disagrees with what
it saw first; such a look does not count.
"""

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Segmenter

SMALL_INPUT = 512
"""Only networks that see at most so many pixels a side look twice: for the others it costs much and brings little."""

SEEN = 0.3
"""What the first look gives at least this value may be the product."""

MARGIN, LEAST_MARGIN = 0.12, 8
"""Of the product's size, and in pixels: what is shown around it on each side."""

MOST_SHARE = 0.75
"""Of the photo: a larger crop shows nothing new."""

AGREEMENT = 0.94
"""Intersection over union of the two looks, at least. Of 28 second looks at photos and scenes with truth, 21 agreed so
far and were surer, 20 of them were better; of the 7 others 6 were worse."""


def look_again(
    rgb: NDArray[np.uint8], first: NDArray[np.float32], segmenter: Segmenter
) -> tuple[NDArray[np.float32], bool]:
    """The mask after a second look, if there was reason for one and it was the better.

    Args:
        rgb: H x W x 3, uint8.
        first: H x W, 0 to 1, what the segmenter says of the whole photo.
        segmenter: looks again.

    Returns:
        H x W, 0 to 1, and whether it is that of the second look.
    """
    box = _around_product(first) if segmenter.input_size <= SMALL_INPUT else None
    if box is None:
        return first, False
    second = np.zeros_like(first)
    second[box] = np.fmax(segmenter(np.ascontiguousarray(rgb[box])), np.float32(0))
    is_better = _unsure_share(second) < _unsure_share(first) and _overlap(first, second) >= AGREEMENT
    return (second, True) if is_better else (first, False)


def _around_product(mask: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """Rows and columns of the crop; None if there is no product, or it fills the photo."""
    seen = mask >= SEEN
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not rows.size:
        return None
    box = _widened(rows, mask.shape[0]), _widened(columns, mask.shape[1])
    area = (box[0].stop - box[0].start) * (box[1].stop - box[1].start)
    return box if area <= MOST_SHARE * mask.size else None


def _widened(places: NDArray[np.intp], length: int) -> slice:
    first, end = int(places[0]), int(places[-1]) + 1
    margin = int(MARGIN * (end - first)) + LEAST_MARGIN
    return slice(max(0, first - margin), min(length, end + margin))


def _unsure_share(mask: NDArray[np.float32]) -> float:
    return float(((mask > 0.1) & (mask < 0.9)).sum()) / max(1, int((mask >= 0.5).sum()))


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    a, b = first >= 0.5, second >= 0.5
    return float((a & b).sum()) / max(1, int((a | b).sum()))
