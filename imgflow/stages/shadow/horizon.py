"""Where the ground ends: the line at which a table or a floor meets what is behind it, and a table's front edge.

Such a line is straight, it goes through the photo from side to side, behind the product or past it, and colour or
brightness change there at once, nearly alike all along it. A shadow's outline begins and ends at the product; a sweep
turns into its wall slowly.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PIECES = 32
"""Pieces of equal width that the photo is cut into from left to right; each shows the line or does not."""

ROWS = 2
"""Rows of the small copy that are taken together."""

STEEPEST, RISES = 0.15, 25
"""Rise per width, on either side of level (8 degrees), up to which lines are looked for; and how many are tried."""

GAPS = 0.0026, 0.006, 0.012
"""Half widths of the change, as shares of the longer side, tried one after the other: what is behind the product is
often out of focus."""

SHARP, STAYS = 0.7, 0.5
"""Share of the change over three times as far that the step makes (a sweep, or light that falls off, changes on); and
share of the step that is left so far from it (of a gap between planks, or of a stripe, it is not)."""

LEAST_STEP = 0.03
"""Natural logarithm, root mean square of the channels: a weaker step is the ground's own."""

BEYOND_GRAIN = 6.0
"""Times the usual step along such lines on the ground beside and below the product's foot that it must be, too."""

LIKE = 0.5
"""Share of the line's mean step that a piece must have to show the line; the inverse is the most."""

SHOWN, LEAST_PIECES = 0.9, 3
"""Share of the pieces left of the product's middle, and of those right of it, that must show the line where the product
does not hide it; and how many there must be on either side."""

ABOUT = 4
"""Half widths of the change, above and below, in which the same line is found again."""

BEYOND = 2.0
"""Half widths of the change by which the ground ends before the line."""


class _Steps(NamedTuple):
    """How much what is below differs from what is above, for each row and piece."""

    near: NDArray[np.float32]
    """h x PIECES x 3, natural logarithm, over the gap."""
    wide: NDArray[np.float32]
    """The same over three times as much."""
    seen: NDArray[np.bool_]
    """h x PIECES, where there is clear ground on both sides."""


class _Lines(NamedTuple):
    """Some lines, as arrays of equal length."""

    level: NDArray[np.float32]
    """Row in the photo's middle."""
    rise: NDArray[np.float32]
    """Rows from the photo's left to its right by which it goes down."""
    step: NDArray[np.float32]
    """Natural logarithm, root mean square of the channels."""


def beyond_ground(tones: NDArray[np.float32], clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies behind the line at which the ground ends above the product's foot, and before the one at which it ends
    below the product: h x w; nothing, where no line is sure.

    Args:
        tones: h x w x 3, natural logarithm of grey levels plus 1.
        clear: h x w, what is not the product, nor at its edge. Some must not be.
    """
    height, width = clear.shape
    rows, columns = np.flatnonzero((~clear).any(1)) / ROWS, np.flatnonzero((~clear).any(0)) / width
    foot, end, at = (rows[0] + 3 * rows[-1]) / 4, rows[-1], (columns[0] + columns[-1] - 1) / 2
    centre = round((at + 0.5) * PIECES)
    y, x = np.arange(height)[:, None] / ROWS, (np.arange(width) + 0.5) / width - 0.5
    pieces = _pieces(tones, clear)
    behind, before = np.zeros(clear.shape, bool), np.zeros(clear.shape, bool)
    for gap in GAPS:
        half = max(1, round(gap * max(clear.shape) / ROWS))
        lines = _not_alone(_sure_lines(_steps(pieces, half), centre, int(foot), STEEPEST * width / ROWS), half)
        above = lines.level + at * lines.rise < foot
        below = lines.level - np.abs(lines.rise) / 2 > end
        if above.any() and not behind.any():
            level, rise = _nearest(_Lines(*(part[above] for part in lines)), half, lowest=True)
            behind = y < level + rise * x + BEYOND * half
        if below.any() and not before.any():
            level, rise = _nearest(_Lines(*(part[below] for part in lines)), half, lowest=False)
            before = y > level + rise * x - BEYOND * half
    return behind | before


def _pieces(tones: NDArray[np.float32], clear: NDArray[np.bool_]) -> NDArray[np.float32]:
    """h / ROWS x PIECES x 4: sums of the clear ground's tones, and its share."""
    import cv2

    weighted = np.dstack([tones * clear[..., None], clear.astype(np.float32)])
    size = (PIECES, max(1, len(clear) // ROWS))
    return np.asarray(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA), np.float32)


def _steps(pieces: NDArray[np.float32], half: int) -> _Steps:
    height, long = len(pieces), max(3, half)
    total = np.concatenate([np.zeros((1, PIECES, 4)), np.cumsum(pieces, 0, np.float64)])

    def strip(first: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Mean tones of the strip that begins so many rows below each row, and where half of it is clear."""
        begins = np.arange(height) + first
        sums = total[np.clip(begins + long, 0, height)] - total[np.clip(begins, 0, height)]
        return sums[..., :3] / np.maximum(sums[..., 3:], 1e-3), sums[..., 3] >= 0.5 * long

    (below, is_below), (above, is_above) = strip(half), strip(-half - long)
    (far_below, is_far_below), (far_above, is_far_above) = strip(3 * half), strip(-3 * half - long)
    far_below = np.where(is_far_below[..., None], far_below, below)
    far_above = np.where(is_far_above[..., None], far_above, above)
    near, wide = below - above, far_below - far_above
    return _Steps(near.astype(np.float32), wide.astype(np.float32), is_below & is_above)


def _sure_lines(steps: _Steps, centre: int, foot: int, widest: float) -> _Lines:
    """The lines that are sure.

    Args:
        steps: over one gap.
        centre: first piece right of the product's middle.
        foot: row a quarter above the product's lower end.
        widest: rise that a line may have, rows.
    """
    height = len(steps.near)
    near, wide, seen = steps.near.reshape(-1, 3), steps.wide.reshape(-1, 3), steps.seen.ravel()
    places = (np.arange(PIECES) + 0.5) / PIECES - 0.5
    found: list[NDArray[np.float32]] = []
    for rise in np.linspace(-widest, widest, RISES):
        rows = np.arange(height)[:, None] + np.rint(places * rise).astype(int)
        at = np.clip(rows, 0, height - 1) * PIECES + np.arange(PIECES)
        there = (seen[at] & (rows >= 0) & (rows < height)).astype(np.float32)
        count = np.maximum(there.sum(1), 1)
        mean = np.einsum("lpc,lp->lc", near[at], there) / count[:, None]
        step = np.sqrt(np.square(mean).mean(1))
        strong = np.flatnonzero(step > max(LEAST_STEP, BEYOND_GRAIN * float(np.median(step[min(foot, height - 1) :]))))
        at, there, count, mean, step = at[strong], there[strong], count[strong], mean[strong], step[strong]
        share = np.einsum("lpc,lc->lp", near[at], mean) / (3 * step**2)[:, None]
        shows = there * ((share > LIKE) & (share < 1 / LIKE))
        farther = np.einsum("lpc,lp,lc->l", wide[at], there, mean) / count
        sure = (3 * step**2 > SHARP * farther) & (farther > STAYS * 3 * step**2)
        for side in (slice(0, centre), slice(centre, PIECES)):
            many = there[:, side].sum(1)
            sure &= (many >= LEAST_PIECES) & (shows[:, side].sum(1) >= SHOWN * many)
        found.append(np.stack([strong[sure], np.full(int(sure.sum()), rise), step[sure]]).astype(np.float32))
    return _Lines(*np.concatenate(found, 1))


def _not_alone(lines: _Lines, half: int) -> _Lines:
    """Those that have another one about them: a line is still seen from a little beside it, chance is not."""
    order = np.argsort(lines.level, kind="stable")
    level = lines.level[order]
    apart = np.minimum(np.diff(level, prepend=-np.inf), np.diff(level, append=np.inf))
    others = order[apart <= ABOUT * half]
    return _Lines(*(part[others] for part in lines))


def _nearest(lines: _Lines, half: int, lowest: bool) -> tuple[float, float]:
    """Level and rise of the line nearest to the product: of those about it the one with the greatest step; of equals,
    their middle."""
    nearest = lines.level.max() if lowest else lines.level.min()
    about = np.abs(lines.level - nearest) <= ABOUT * half
    best = about & (lines.step > 0.97 * lines.step[about].max())
    return float(lines.level[best].mean()), float(lines.rise[best].mean())
