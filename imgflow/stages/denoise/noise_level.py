"""How much noise a photo has: by channel, by tone and by frequency, measured in its flat parts.

After Colom, Lebrun, Buades and Morel, "A non-parametric approach for the estimation of intensity-frequency dependent
noise" (2014), with other safeguards against taking texture for noise. Camera noise is alike in neighbours, so it is
measured in whole 8 x 8 blocks and never in the highest frequencies alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.denoise.frequencies import COSINES, HALVES, LOW, MIDDLE, SIDE, FloatArray
from imgflow.stages.denoise.likelihood import likelihood

MOST_BLOCKS = 12_000
"""Blocks looked at in a photo of any size, evenly spread. The distance between two is odd: JPEG's own blocks, which are
smoother inside than across their borders, are so met in all positions."""

FEWEST_PIXELS = 50_000
"""A smaller picture has been scaled down, and its noise with it; texture in it cannot be told from noise."""

FEWEST_BLOCKS = 250
"""With fewer that are not clipped nothing can be said."""

TONES = 6
"""Noise depends on brightness: it is measured apart in this many ranges with equally many blocks."""

BLOCKS_A_TONE = 250
"""With fewer blocks there are fewer ranges."""

CLIPPED = (2, 253)
"""Pixels at or beyond these levels may have lost their noise."""

FLATTEST_LUMA, FLATTEST_COLOUR = 0.2, 0.5
"""Share of the blocks of a tone that counts as flat. Colour is flat nearly everywhere, and where it is flattest JPEG
has taken its noise."""

EVEN, DOUBTFUL = 1.35, 2.0
"""Where noise is all there is, the next flattest blocks have no more of it than the flattest. Up to the first ratio of
variances that is the case; beyond the second a tone does not count for the level, if others do."""

DOUBT = 0.7
"""Share of the deviation that is believed beyond the first, where the colours do not tell."""

UNDOUBTED = 4.0
"""Grey levels of deviation that are believed even so: JPEG takes weak noise away unevenly."""


class Growth(NamedTuple):
    """How much larger the deviation at one tone may be than at another."""

    reach: float
    """Levels of tone in which it grows by a factor e."""
    most: float
    """Factor in all."""
    loss: float
    """Grey levels that JPEG may have taken from a tone's flattest blocks, and not from other tones."""


SMOOTHED_LUMA, LUMA, COLOURS = Growth(80, 1.8, 0.7), Growth(60, 2, 0), Growth(120, 1.5, 0.7)
"""Of luma in smoothed photos and in others, and of colour differences."""

LOW_RISE = 1.5
"""Noise is about as strong in the lowest frequencies as in the middle ones; texture rises steeply. Variance in the
lowest counts up to this many times that in the middle ones."""

SMOOTHED = 1.65
"""A camera interpolates the colours between the sensor's pixels and smooths them, and JPEG halves them: the share of
low frequencies in their noise is then so many times that in luma's at least (115 real photos: 1.7 to 2.9). It is about
1 in noise added to a picture, and in raw files developed with nothing more."""


class ByCamera(NamedTuple):
    """A value that is one for photos whose colours a camera has smoothed, and another for others."""

    smoothed: float
    others: float

    def at(self, is_smoothed: bool) -> float:
        """The value for a photo."""
        return self.smoothed if is_smoothed else self.others


COLOUR_SHARE = ByCamera(smoothed=0.75, others=1.4)
"""The deviation of a colour difference is at most so many times that of luma, in smoothed photos and others; more is
the product's own colour."""

OPPONENT: FloatArray = np.divide([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.sqrt([[3], [2], [6]])).astype(np.float32)
"""Luma and two colour differences from red, green and blue. Orthonormal: errors are as large there as here."""


class Noise(NamedTuple):
    """The noise of a photo, in luma and the two colour differences of `OPPONENT`."""

    tones: FloatArray
    """N rising grey levels."""
    deviation: FloatArray
    """N x 3: standard deviation at each tone, grey levels; of its variance only as large a share as is likely noise."""
    level: float
    """Standard deviation in red, green and blue together at the middle one of the tones that are even, grey levels."""
    trust: float
    """Likelihood that it is noise and not texture, 0 to 1."""
    spectrum: FloatArray
    """3 x 64: variance of each coefficient of a block's cosine transform, as a share of the channel's variance."""

    @property
    def channels(self) -> list[float]:
        """Standard deviation in each channel at the middle tone, grey levels."""
        return [float(middle) for middle in np.median(self.deviation, axis=0)]

    @property
    def is_smoothed(self) -> bool:
        """Whether the colours were smoothed, as cameras do. The noise is then likely stronger in busy parts than in
        flat ones."""
        return _softness(self.spectrum) >= SMOOTHED


NOISELESS = Noise(
    np.zeros(1, np.float32), np.zeros((1, 3), np.float32), 0.0, 0.0, np.zeros((3, SIDE * SIDE), np.float32)
)


def noise_of(rgb: NDArray[np.uint8]) -> Noise:
    """Measures the noise in the flattest blocks.

    A block's flatness is judged by one half of its frequencies and its noise by the other half, and the other way
    round, so that choosing the flattest does not choose those which happen to have little noise.
    A photo that one fine, even texture fills from edge to edge cannot be told from a noisy one.

    Args:
        rgb: H x W x 3, uint8.

    Returns:
        Zero where nothing flat enough is found.
    """
    coefficients = _coefficients(rgb)
    if len(coefficients) < FEWEST_BLOCKS:
        return NOISELESS
    brightness = coefficients[:, 0, 0] / (SIDE * np.sqrt(np.float32(3)))
    powers = coefficients**2
    ranges = np.array_split(np.argsort(brightness, kind="stable"), np.clip(len(powers) // BLOCKS_A_TONE, 1, TONES))
    tones = np.array([brightness[tone].mean() for tone in ranges], np.float32)
    variances = np.empty((len(ranges), 3, SIDE * SIDE), np.float32)
    unevenness = np.empty((len(ranges), 3))
    for place, tone in enumerate(ranges):
        for channel, share in enumerate((FLATTEST_LUMA, FLATTEST_COLOUR, FLATTEST_COLOUR)):
            variances[place, channel], unevenness[place, channel] = _flattest(powers[tone, channel], share)
    middle = variances[:, 0, MIDDLE].mean(1, keepdims=True)
    variances[:, 0, LOW] = np.minimum(variances[:, 0, LOW], LOW_RISE * middle)
    deviation = np.sqrt(variances[:, :, 1:].mean(2))
    shares = np.median(variances / np.maximum(deviation[:, :, None] ** 2, 1e-6), axis=0)
    spectrum = shares / np.maximum(shares[:, 1:].mean(1, keepdims=True), 1e-6)
    luma, colours = deviation[:, 0], deviation[:, 1:]
    is_smoothed = _softness(spectrum) >= SMOOTHED
    trust = likelihood(variances, unevenness, is_smoothed)
    if is_smoothed:
        believed = np.where(unevenness[:, 0] < EVEN, 1, DOUBT) * luma
        luma = _bounded(tones, np.maximum(believed, np.minimum(luma, UNDOUBTED)), SMOOTHED_LUMA)
    else:  # independent channels: at the lowest frequencies luma has what the colours have
        luma = _bounded(tones, np.minimum(luma, np.sqrt(_softness(spectrum)) * colours.mean(1)), LUMA)
    colours = np.column_stack([_bounded(tones, colour, COLOURS) for colour in colours.T])
    colours = np.minimum(colours, COLOUR_SHARE.at(is_smoothed) * luma[:, None])
    found = np.sqrt(trust) * np.column_stack([luma, colours])
    levels, are_even = np.sqrt((found**2).mean(1)), unevenness[:, 0] < DOUBTFUL
    level = float(np.median(levels[are_even] if are_even.any() else levels))
    return Noise(tones, found.astype(np.float32), level, trust, spectrum.astype(np.float32))


def _coefficients(rgb: NDArray[np.uint8]) -> FloatArray:
    """Cosine transforms of blocks all over the photo that are not clipped: N x 3 x 64."""
    height, width = rgb.shape[:2]
    if min(height, width) < SIDE or height * width < FEWEST_PIXELS:
        return np.empty((0, 3, SIDE * SIDE), np.float32)
    step = max(3, int(np.sqrt(height * width / MOST_BLOCKS))) | 1
    windows = np.lib.stride_tricks.sliding_window_view(rgb, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    blocks = windows.reshape(-1, 3, SIDE * SIDE)
    low, high = CLIPPED
    inside = ((blocks > low) & (blocks < high)).mean((1, 2)) > 0.98
    values = np.matmul(OPPONENT, blocks[inside].astype(np.float32))
    return np.matmul(values, np.kron(COSINES, COSINES).T)


def _flattest(powers: FloatArray, share: float) -> tuple[FloatArray, float]:
    """Mean square of each coefficient in the flattest blocks, and how many times larger it is in less flat ones.

    Args:
        powers: N x 64, squared coefficients of the blocks of one tone.
        share: of the blocks that count as flat.
    """
    found = np.zeros(SIDE * SIDE, np.float32)
    ratio = 0.0
    fifth, count = (max(16, int(len(powers) * part)) for part in (0.2, share))
    for judged, measured in (HALVES, HALVES[::-1]):
        order = np.argsort(powers[:, judged].sum(1), kind="stable")
        here = powers[order][:, measured]
        found[measured] = here[:count].mean(0)
        ratio += here[2 * fifth : 3 * fifth].sum() / max(float(here[:fifth].sum()), 1e-3) / len(HALVES)
    return found, ratio


def _bounded(tones: FloatArray, deviation: NDArray[np.floating], growth: Growth) -> NDArray[np.floating]:
    """The deviations at each tone, as far as those at other tones allow them."""
    distance = np.abs(tones[:, None] - tones)
    bounds = (deviation + growth.loss) * np.minimum(np.exp(distance / growth.reach), growth.most)
    return np.minimum(deviation, bounds.min(1))


def _softness(spectrum: FloatArray) -> float:
    """Share of the lowest frequencies in the colours' noise, as a multiple of that in luma's."""
    return float(spectrum[1:, LOW].mean() / max(float(spectrum[0, LOW].mean()), 1e-6))
