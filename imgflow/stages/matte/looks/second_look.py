"""More looks at the product, for networks that see little.

A network with an input of 320 pixels sees a product that fills a fifth of the photo with 140. Shown the product's crop,
it draws the edge two to three times better. Now and then it takes the crop for something else; so it does with the
photo itself: of 71 photos and scenes with truth, 17 masks of the crop were worse than those of the photo, 31 better.
Where the two disagree, two more looks are taken, and the four vote. Looks that differ in framing and are mirrored err
in different places. A look that sees something else than the others counts for little, the photo as a whole for more
than its crops. (Mean IoU of 159 photos and scenes of at most 480 pixels: the photo alone .9032, two to four equal looks
.9107, weighted ones .9115; 11 and 7 of them lose more than .03 against the photo alone.)
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Segmenter

SEEN = 0.3
"""What the first look gives at least this value may be the product."""

MARGIN, TIGHT, LEAST_MARGIN = 0.12, 0.04, 8
"""Of the product's size, and in pixels: what is shown around it on each side; in the second look, and in the last."""

AGREEMENT = 0.94
"""Intersection over union from which on two looks see the same thing."""

OUTSIDER = 8.0
"""Power of a look's mean overlap with the others that its vote has."""

WHOLE = 1.5
"""Weight of the look at the photo as it is, against 1 of the others."""

REFINED, VOTED = 1.5, 2.0
"""Contrast given to the mean of two looks that agree, and to that of looks that do not: three of four decide if they
agree."""

LEAST_SAID = 0.3
"""Where some looks see product and others do not, each side is given at least this much belief: a look that the others
outvote may be the one that sees a part which they miss (a watch's strap, a vase below its flowers). (119 photos and
scenes with more than two looks, wrong area beyond the edge: .90 and .92 times, two halves, geometric mean; 19 better by
half a percent of the product, 4 worse. With .21: .99, with .4: .83 and .91, but 5 lose much.)"""


class Frame(NamedTuple):
    """A part of the photo, perhaps mirrored."""

    top: int
    bottom: int
    left: int
    right: int
    mirrored: bool

    def area(self) -> int:
        """Pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def part(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Looks(NamedTuple):
    """What several looks saw."""

    mask: NDArray[np.float32]
    """H x W, 0 to 1: what they decide."""
    belief: NDArray[np.float32]
    """H x W, 0 to 1: their mean, which keeps the doubts of those outvoted; where looks are split nobody is sure."""
    split: NDArray[np.bool_]
    """H x W: where some of them see product and others do not."""
    number: int
    steady: bool = True
    """Whether its doubts are the exception: where they are all over, they are no measure of what is product."""

    @classmethod
    def single(cls, seen: NDArray[np.float32], number: int = 1, *, steady: bool = True) -> "Looks":
        """One look that decides alone."""
        return cls(seen, seen, np.zeros(seen.shape, np.bool_), number, steady)


def look_again(rgb: NDArray[np.uint8], first: NDArray[np.float32], segmenter: Segmenter) -> Looks:
    """The mask after more looks.

    Args:
        rgb: H x W x 3, uint8; not much larger than the network's input, since each look scales its part of it.
        first: H x W, 0 to 1, what the segmenter says of the whole photo.
        segmenter: looks again.

    Returns:
        What 1, 2 or up to 4 looks saw, the first one counted.
    """
    height, width = first.shape
    frame = _around_product(first, MARGIN, mirrored=True)
    if frame is None:
        return Looks.single(first)
    whole = Frame(0, height, 0, width, mirrored=False)
    looks = {whole: first, frame: _look(rgb, frame, segmenter)}
    if _overlap(*looks.values()) >= AGREEMENT:
        fineness = {each: 1 / each.area() for each in looks}
        return _together(looks, fineness, REFINED)
    tight = _around_product(first, TIGHT, mirrored=False)
    for each in (whole._replace(mirrored=True), tight):
        if each is not None and each not in looks:
            looks[each] = _look(rgb, each, segmenter)
    return _together(looks, _votes(looks, whole), VOTED)


def _look(rgb: NDArray[np.uint8], frame: Frame, segmenter: Segmenter) -> NDArray[np.float32]:
    step = -1 if frame.mirrored else 1
    part = np.ascontiguousarray(rgb[frame.part()][:, ::step])
    seen = np.zeros(rgb.shape[:2], np.float32)
    seen[frame.part()] = np.clip(np.fmax(segmenter(part), np.float32(0)), 0, 1)[:, ::step]
    return seen


def _votes(looks: dict[Frame, NDArray[np.float32]], whole: Frame) -> dict[Frame, float]:
    overlap = {frozenset(two): _overlap(looks[two[0]], looks[two[1]]) for two in combinations(looks, 2)}
    votes: dict[Frame, float] = {}
    for frame in looks:
        overlaps = [overlap[frozenset((frame, other))] for other in looks if other != frame]
        votes[frame] = (WHOLE if frame == whole else 1.0) * float(np.mean(overlaps)) ** OUTSIDER
    return votes


def _together(looks: dict[Frame, NDArray[np.float32]], weights: dict[Frame, float], contrast: float) -> Looks:
    total = sum(weights.values())
    mean = np.zeros_like(next(iter(looks.values())))
    for frame, look in looks.items():
        mean += look * np.float32(weights[frame] / total)
    product = [look >= 0.5 for look in looks.values()]
    split = np.logical_or.reduce(product) & ~np.logical_and.reduce(product)
    mask = np.clip((mean - np.float32(0.5)) * np.float32(contrast) + np.float32(0.5), 0, 1)
    belief = np.where(split, np.clip(mean, LEAST_SAID, 1 - LEAST_SAID), mean)
    return Looks(mask, np.asarray(belief, np.float32), split, len(looks))


def _around_product(mask: NDArray[np.float32], margin: float, *, mirrored: bool) -> Frame | None:
    """The crop; None if there is no product."""
    seen = mask >= SEEN
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not rows.size:
        return None
    return Frame(*_widened(rows, mask.shape[0], margin), *_widened(columns, mask.shape[1], margin), mirrored)


def _widened(places: NDArray[np.intp], length: int, margin: float) -> tuple[int, int]:
    first, end = int(places[0]), int(places[-1]) + 1
    beyond = int(margin * (end - first)) + LEAST_MARGIN
    return max(0, first - beyond), min(length, end + beyond)


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    a, b = first >= 0.5, second >= 0.5
    return float((a & b).sum()) / max(1, int((a | b).sum()))
