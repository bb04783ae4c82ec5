"""Figures of labelled regions in one walk over a picture: numba kernels, imported when first used."""

from typing import Any

from numba import njit  # noqa: TID253 (this module is itself imported inside functions)


@njit("void(int32[:,::1], float32[:,:], int64[::1], float32[::1], int32[:,::1])", cache=True, nogil=True)
def measure_regions(labels: Any, values: Any, areas: Any, peaks: Any, boxes: Any) -> None:
    """Pixels, highest value and bounding box of each region.

    Args:
        labels: h x w, 0 to R - 1.
        values: h x w.
        areas: R, 0 on entry.
        peaks: R, 0 on entry, and for regions without a value above.
        boxes: R x 4, as it comes: first row, first column, last row, last column.
    """
    height, width = labels.shape
    for r in range(len(areas)):
        boxes[r, 0], boxes[r, 1], boxes[r, 2], boxes[r, 3] = height, width, -1, -1
    for y in range(height):
        x = 0
        while x < width:
            label, first = labels[y, x], x
            peak = peaks[label]
            while x < width and labels[y, x] == label:
                peak = max(peak, values[y, x])
                x += 1
            peaks[label] = peak
            areas[label] += x - first
            boxes[label, 0], boxes[label, 2] = min(boxes[label, 0], y), y
            boxes[label, 1], boxes[label, 3] = min(boxes[label, 1], first), max(boxes[label, 3], x - 1)


@njit(cache=True, nogil=True)
def least_of_regions(labels: Any, chosen: Any, values: Any, least: Any) -> None:
    """The lowest value in each chosen region into `least` (R), where it is below what is there."""
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if chosen[label] and values[y, x] < least[label]:
                least[label] = values[y, x]


@njit(cache=True, nogil=True)
def mark_regions(labels: Any, chosen: Any, marks: Any) -> None:
    """Sets `marks` (h x w, uint8) to 1 in the chosen regions and to 0 elsewhere."""
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            marks[y, x] = 1 if chosen[labels[y, x]] else 0
