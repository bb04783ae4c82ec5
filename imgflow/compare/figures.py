"""How far two pictures of one size are apart."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgflow.photos.picture import Picture
from imgflow.stages.colour import to_lab

VISIBLE = 2.3
"""ΔE (CIE76) which a person just sees (Sharma, Digital Color Imaging Handbook, 2003)."""

_ROWS = 256
"""Rows at once: what is computed with floats stays small whatever the picture's size."""
_BLOCK = 16
"""Pixels a side of the blocks in which differences are summed up to find the worst place. Divides `_ROWS`."""
_WINDOW = 20
"""Blocks a side of the region that is called the worst place."""
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Differences of two pictures, A and B; all 0 for equal ones.

    Attributes:
        delta_e_white, delta_e_black: mean ΔE (CIE76, D65) of both laid on white, on black.
        psnr_white, psnr_black: dB of the same, 8 bit sRGB; None where nothing differs.
        differing: share of pixels that differ at all, on white or on black (colours below transparent pixels do not).
        visible: share of pixels with ΔE above 2.3 on white or on black.
        alpha_mean: mean difference of alpha, 0 to 1.
        alpha_sad: sum of the differences of alpha (0 to 1), in thousands, as matting papers tell it.
        place: column and row, in pixels, around which the edges differ most (all pixels, if the edges are the same).
    """

    delta_e_white: float
    delta_e_black: float
    psnr_white: float | None
    psnr_black: float | None
    differing: float
    visible: float
    alpha_mean: float
    alpha_sad: float
    place: tuple[int, int]

    @property
    def delta_e(self) -> float:
        """The larger of the mean ΔE on white and on black: by this, pairs are sorted."""
        return max(self.delta_e_white, self.delta_e_black)


def coverage(picture: Picture) -> float:
    """Mean alpha, 0 to 1."""
    return 1.0 if picture.alpha is None else float(picture.alpha.mean(dtype=np.float64)) / 255


def measure(a: Picture, b: Picture) -> Figures:
    """Figures of two pictures of one size.

    Raises:
        ValueError: they have different sizes.
    """
    if a.rgb.shape != b.rgb.shape:
        raise ValueError(f"the sizes differ: {a.rgb.shape} and {b.rgb.shape}")
    pixels = a.width * a.height
    delta, squares = np.zeros(2), np.zeros(2)
    differing = visible = alpha_sum = 0
    blocks = np.zeros((2, -(-a.height // _BLOCK), -(-a.width // _BLOCK)))
    for top, strip_a, strip_b in _strips(a, b):
        distance, differs, squared = _distances(strip_a, strip_b)
        if distance is None:
            continue
        delta += distance.sum((1, 2), dtype=np.float64)
        squares += squared
        worst = distance.max(0)
        differing += int(differs.sum())
        visible += int((worst > VISIBLE).sum())
        changed, soft = _edges(strip_a, strip_b)
        alpha_sum += int(changed.sum(dtype=np.int64))
        for number, part in enumerate((worst * soft, worst)):
            summed = _block_sums(part)
            blocks[number, top // _BLOCK : top // _BLOCK + len(summed)] = summed
    white, black = (_psnr(total, pixels) for total in squares)
    return Figures(
        delta_e_white=float(delta[0]) / pixels,
        delta_e_black=float(delta[1]) / pixels,
        psnr_white=white,
        psnr_black=black,
        differing=differing / pixels,
        visible=visible / pixels,
        alpha_mean=alpha_sum / 255 / pixels,
        alpha_sad=alpha_sum / 255 / 1000,
        place=_worst_place(blocks, a.width, a.height),
    )


def _strips(a: Picture, b: Picture) -> Iterator[tuple[int, Picture, Picture]]:
    for top in range(0, a.height, _ROWS):
        rows = slice(top, top + _ROWS)
        yield top, _rows(a, rows), _rows(b, rows)


def _rows(picture: Picture, rows: slice) -> Picture:
    return Picture(picture.rgb[rows], None if picture.alpha is None else picture.alpha[rows])


def _distances(a: Picture, b: Picture) -> tuple[NDArray[np.float32] | None, NDArray[np.bool_], NDArray[np.float64]]:
    """ΔE on white and on black (2 x H x W; None: nothing differs), which pixels differ, and sums of squares."""
    laid = [(a.over(ground), b.over(ground)) for ground in (_WHITE, _BLACK)]
    differs = np.logical_or(*((one != other).any(2) for one, other in laid))
    if not differs.any():
        return None, differs, np.zeros(2)
    distance = np.stack([np.linalg.norm(to_lab(one) - to_lab(other), axis=2) for one, other in laid])
    squares = [np.square(one.astype(np.int32) - other).sum(dtype=np.float64) for one, other in laid]
    return distance.astype(np.float32), differs, np.array(squares)


def _edges(a: Picture, b: Picture) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """How much alpha differs (levels), and where one of the pictures has an edge: soft alpha, or not the same."""
    alpha_a, alpha_b = a.rgba[..., 3], b.rgba[..., 3]
    changed = np.maximum(alpha_a, alpha_b) - np.minimum(alpha_a, alpha_b)
    soft = (changed > 0) | ((alpha_a > 0) & (alpha_a < 255))
    return changed, soft


def _block_sums(values: NDArray[np.float32]) -> NDArray[np.float64]:
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], _BLOCK), axis=0, dtype=np.float64)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], _BLOCK), axis=1)


def _psnr(squares: float, pixels: int) -> float | None:
    return float(10 * np.log10(255**2 * pixels * 3 / squares)) if squares else None


def _worst_place(blocks: NDArray[np.float64], width: int, height: int) -> tuple[int, int]:
    at_edges, anywhere = blocks
    sums = at_edges if at_edges.any() else anywhere
    if not sums.any():
        return width // 2, height // 2
    totals = np.pad(sums.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = (min(_WINDOW, length) for length in sums.shape)
    windows = totals[rows:, columns:] - totals[:-rows, columns:] - totals[rows:, :-columns] + totals[:-rows, :-columns]
    # Small pictures have one window only; within the best one, the middle of what differs is the place.
    row, column = np.unravel_index(int(windows.argmax()), windows.shape)
    inside = sums[row : row + rows, column : column + columns]
    down = float(inside.sum(1) @ np.arange(rows)) / inside.sum() + float(row) + 0.5
    right = float(inside.sum(0) @ np.arange(columns)) / inside.sum() + float(column) + 0.5
    return min(round(right * _BLOCK), width - 1), min(round(down * _BLOCK), height - 1)
