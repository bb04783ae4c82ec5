"""How likely it is that what a photo has in its flat parts is noise, and not an even texture."""

from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.denoise.frequencies import FINE, LOW, MIDDLE, FloatArray


class Evidence(NamedTuple):
    """For noise and against texture: what each e-fold of a figure adds to the logarithm of the odds."""

    constant: float
    fineness: float
    """Of luma's deviation at the finest frequencies, as a multiple of that at the middle ones: what a camera has
    interpolated, smoothed and compressed is coarse."""
    strength: float
    """Of luma's deviation, grey levels: photos seldom have strong noise, and often strong texture."""
    colour_fineness: float
    """Of the colours' deviation at the finest frequencies, as a multiple of that at the lowest."""
    unevenness: float
    """Of luma's variance in less flat blocks, as a multiple of that in the flattest, at the tone where it is least:
    where noise is all there is, it is alike in all blocks."""
    colour_unevenness: float
    """The same of the colours, at the middle tone: few of their tones hold much texture."""


SMOOTHED_ODDS, ODDS = Evidence(-10.5, -7.5, -3.5, -5, -9, 0), Evidence(2.2, 0, 0, 0, 0, -7.8)
"""For photos with smoothed colours, and for others. Fitted for the highest mean gain in PSNR, with losses counted six
times, on one half of 363 clean pictures (photos made smaller, rendered and drawn ones) under noise of many kinds and of
115 pairs of real photos, and checked on the other half; the constants were then chosen on both."""


def likelihood(variances: FloatArray, unevenness: NDArray[np.float64], is_smoothed: bool) -> float:
    """That what was measured at N tones is noise, 0 to 1.

    Args:
        variances: N x 3 x 64, of luma's and two colour differences' coefficients in flat blocks.
        unevenness: N x 3, how many times larger they are together in less flat blocks.
        is_smoothed: whether a camera has smoothed the colours.
    """
    odds = SMOOTHED_ODDS if is_smoothed else ODDS
    luma, colours = variances[:, 0], variances[:, 1:].mean(1)
    fineness = luma[:, FINE].mean(1) / np.maximum(luma[:, MIDDLE].mean(1), 1e-3)
    colour_fineness = colours[:, FINE].mean(1) / np.maximum(colours[:, LOW].mean(1), 1e-3)
    figures = (
        np.median(np.sqrt(fineness)),
        np.median(np.sqrt(luma[:, 1:].mean(1))),
        np.median(np.sqrt(colour_fineness)),
        max(1, unevenness[:, 0].min()),
        max(1, np.median(unevenness[:, 1:].mean(1))),
    )
    logarithms = [float(np.log(max(figure, 1e-3))) for figure in figures]
    exponent = odds.constant + sum(map(mul, odds[1:], logarithms))
    return float(1 / (1 + np.exp(-np.clip(exponent, -30, 30))))
