"""Noise removal by shrinking the frequencies of overlapping blocks, at several scales.

Sliding-window DCT shrinkage (Yaroslavsky 1996) with noise variances by channel, tone and frequency. Blocks of 8 pixels
cannot see noise that is wider than they are, so the photo is also cleaned at half and quarter size, and takes its
lowest frequencies from there ("Multiscale DCT denoising", Pierazzo, Morel and Facciolo 2017).
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import NDArray

from imgflow.cores import usable_cores
from imgflow.stages.denoise.frequencies import SIDE, FloatArray
from imgflow.stages.denoise.noise_level import OPPONENT, ByCamera, Noise
from imgflow.stages.strips import strips

SCALES = 3
"""Whole size, half and quarter."""

GRID = 2 ** (SCALES - 1)
"""Pixels along each axis that one of the smallest scale stands for."""

HALO = 40
"""Pixels beside a tile that have a say in it, rounded up to a multiple of `GRID`: 28 through the blocks at quarter
size, the rest through enlarging."""

MARGIN = 12
"""Pixels beside a tile that have a say at one size alone: 7 through the blocks and 2 through halving, rounded up to a
multiple of `GRID`, so that blocks begin at the same pixels in all tiles. At the smallest size it is all of the halo."""

TILE = 1024
"""Side of what a thread works on at a time, pixels. It takes about 100 bytes a pixel."""

MOST_THREADS = 4

FACTOR_QUIET = 5.0
"""Times the noise's variance that is taken from a coefficient's power at strength 0.5, in blocks with hardly more
energy than noise."""

KNEE = ByCamera(smoothed=2.5, others=1.5)
"""Up to how many times the noise's energy that is: in smoothed photos, where noise is uneven, and in others."""

FACTOR_BUSY = ByCamera(smoothed=2.5, others=1.0)
"""The same in blocks with far more: in smoothed photos, where they have more noise than was measured, and in others,
where this is Wiener's filter."""

COLOUR_STEPS = (4, 2, 2)
"""Pixels from one row of blocks to the next in the colour differences, by scale. At whole size they are smooth."""

GRAIN = 0.07
"""Share of luma's finest that stays even where it looks like mere noise: for texture that is fainter than the noise."""

FAINT = 0.5
"""Grey levels: a colour difference with less noise in its fine half of frequencies is left to the coarser scales. (JPEG
mostly stores colour at half size.)"""

_FINE = np.maximum(*np.divmod(np.arange(SIDE * SIDE), SIDE)) >= SIDE // 2


def without_noise(rgb: NDArray[np.uint8], noise: Noise, strength: float) -> NDArray[np.uint8]:
    """The photo without its noise.

    Args:
        rgb: H x W x 3, uint8.
        noise: as measured.
        strength: 0.5 takes the noise as measured, 1 twice its variance, 0 nothing.

    Returns:
        H x W x 3, uint8; the same whatever the number of threads.
    """
    cleaned = np.empty_like(rgb)

    def clean(tile: tuple[slice, slice]) -> None:
        _clean_tile(rgb, *tile, noise, strength, cleaned)

    with ThreadPoolExecutor(max_workers=min(MOST_THREADS, usable_cores())) as pool:
        list(pool.map(clean, product(strips(rgb.shape[0], TILE), strips(rgb.shape[1], TILE))))
    return cleaned


def coarser(spectrum: FloatArray, scale: int) -> FloatArray:
    """The noise's spectrum in the photo made smaller by 2 ** `scale`, from its low frequencies here: 3 x 64."""
    places = np.arange(SIDE) / 2**scale
    low = np.minimum(places.astype(np.intp), SIDE - 2)
    share = (places - low).astype(np.float32)
    grid = spectrum.reshape(3, SIDE, SIDE).copy()
    grid[:, 0, 0] = (grid[:, 0, 1] + grid[:, 1, 0]) / 2  # a block's mean is the photo's, not the noise's
    grid = grid[:, low] * (1 - share)[:, None] + grid[:, low + 1] * share[:, None]
    grid = grid[:, :, low] * (1 - share) + grid[:, :, low + 1] * share
    return grid.reshape(3, SIDE * SIDE) / np.float32(4**scale)


def _clean_tile(
    rgb: NDArray[np.uint8], rows: slice, columns: slice, noise: Noise, strength: float, cleaned: NDArray[np.uint8]
) -> None:
    """Fills a tile of `cleaned`."""
    import cv2

    top, bottom, above, below = _surroundings(rows, rgb.shape[0])
    left, right, before, behind = _surroundings(columns, rgb.shape[1])
    part = cv2.copyMakeBorder(rgb[top:bottom, left:right], above, below, before, behind, cv2.BORDER_REFLECT_101)
    opponent = np.asarray(cv2.transform(part.astype(np.float32), OPPONENT), np.float32)
    clean = _clean(opponent, noise, strength, 0)[MARGIN:, MARGIN:]
    back = cv2.transform(clean[: rows.stop - rows.start, : columns.stop - columns.start], OPPONENT.T)
    cleaned[rows, columns] = cv2.addWeighted(back, 1, back, 0, 0, dtype=cv2.CV_8U)  # rounds and clips


def _surroundings(inside: slice, length: int) -> tuple[int, int, int, int]:
    """Start and stop of a tile with its halo along one axis, as far as there are pixels, and how many are wanting."""
    start, stop = inside.start - HALO, inside.stop + HALO
    stop += -(stop - start) % GRID
    return max(start, 0), min(stop, length), max(-start, 0), max(stop - length, 0)


def _clean(opponent: FloatArray, noise: Noise, strength: float, scale: int) -> FloatArray:
    """One scale, and in the lowest frequencies what the coarser ones know better.

    Args:
        opponent: H x W x 3, a tile with all of its halo.

    Returns:
        The tile with `MARGIN` pixels around it, at the smallest scale with its halo.
    """
    import cv2

    if scale + 1 == SCALES:
        return _smallest(opponent, noise, strength)
    fine = _shrunk(opponent, noise, strength, scale, (HALO >> scale) - MARGIN)
    height, width = opponent.shape[:2]
    small = np.asarray(cv2.resize(opponent, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)
    height, width = fine.shape[:2]
    known = np.asarray(cv2.resize(fine, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)
    coarse = _clean(small, noise, strength, scale + 1)
    aside = (len(coarse) - len(known)) // 2
    better = coarse[aside : aside + height // 2, aside : aside + width // 2] - known
    fine += cv2.resize(better, (width, height), interpolation=cv2.INTER_LINEAR)
    return fine


def _smallest(opponent: FloatArray, noise: Noise, strength: float) -> FloatArray:
    """The last scale, whose tile may have an odd number of pixels."""
    import cv2

    height, width = opponent.shape[:2]
    padding = (SIDE, SIDE + height % 2, SIDE, SIDE + width % 2)
    padded = np.asarray(cv2.copyMakeBorder(opponent, *padding, cv2.BORDER_REFLECT_101), np.float32)
    return _shrunk(padded, noise, strength, SCALES - 1, 0)[SIDE : SIDE + height, SIDE : SIDE + width]


def _shrunk(opponent: FloatArray, noise: Noise, strength: float, scale: int, skipped: int) -> FloatArray:
    """One scale alone: H x W x 3, without so many pixels at each side."""
    from imgflow.stages.denoise.shrinkage_kernels import shrink

    tones = np.stack([np.interp(np.arange(256), noise.tones, noise.deviation[:, channel] ** 2) for channel in range(3)])
    variance = coarser(noise.spectrum, scale)
    if scale == 0:
        fine = np.sqrt(tones.max(1) * variance[:, _FINE].mean(1))
        variance[1:][fine[1:] < FAINT] = 0
    most, least = FACTOR_QUIET * 2 * strength, FACTOR_BUSY.at(noise.is_smoothed) * 2 * strength
    out = np.empty((opponent.shape[0] - 2 * skipped, opponent.shape[1] - 2 * skipped, 3), np.float32)
    shrink(
        opponent,
        skipped,
        variance,
        tones.astype(np.float32),
        COLOUR_STEPS[scale],
        most,
        least,
        KNEE.at(noise.is_smoothed),
        GRAIN,
        out,
    )
    return out
