"""How much noise a photo has: by channel, by tone and by frequency, measured in its flat parts.

After Colom, Lebrun, Buades and Morel, "A non-parametric approach for the estimation of intensity-frequency dependent
noise" (2014), with other safeguards against taking texture for noise. Camera noise is alike in neighbours, so it is
measured in whole 8 x 8 blocks and never in the highest frequencies alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIDE = 8
"""Of a block, pixels."""

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
variances that is the case; beyond the second it is texture."""

DOUBT = 0.7
"""Share of the deviation that is believed between these two."""

NOWHERE_FLAT = 0.6
"""Share of the least deviation that is believed where all tones are beyond."""

UPPER_BOUND = 4.0
"""Ratio up to which a tone's noise is at least an upper bound for other tones."""

TONE_REACH, TONE_GROWTH = 60.0, 2.0
"""Deviations of noise differ by at most a factor e in this many levels of tone, and by that much in all."""

LOW_RISE = 1.5
"""Noise is about as strong in the lowest frequencies as in the middle ones; texture rises steeply. Variance in the
lowest counts up to this many times that in the middle ones."""

COLOUR_SHARE = 1.2
"""The deviation of a colour difference is at most this many times that of luma; more is the product's own colour."""

OPPONENT: FloatArray = np.divide([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.sqrt([[3], [2], [6]])).astype(np.float32)
"""Luma and two colour differences from red, green and blue. Orthonormal: errors are as large there as here."""

COSINES: FloatArray = (
    np.cos((2 * np.arange(SIDE) + 1) * np.arange(SIDE)[:, None] * np.pi / (2 * SIDE))
    * np.where(np.arange(SIDE)[:, None] == 0, np.sqrt(1 / SIDE), np.sqrt(2 / SIDE))
).astype(np.float32)
"""Matrix of the orthonormal cosine transform (DCT-II) of a block's side."""

_ROW, _COLUMN = np.divmod(np.arange(SIDE * SIDE), SIDE)
_RADIUS = np.hypot(_ROW, _COLUMN)
_LOW, _MIDDLE = _RADIUS < 2.6, (_RADIUS > 2.6) & (_RADIUS < 3.4)
_HIGH, _LOWER = _RADIUS > 6, (_RADIUS > 2) & (_RADIUS < 4)
_ODD = (_ROW + _COLUMN) % 2 == 1
_HALVES = (_ODD, ~_ODD & (_RADIUS > 0))


class Noise(NamedTuple):
    """The noise of a photo, in luma and the two colour differences of `OPPONENT`."""

    tones: FloatArray
    """N rising grey levels."""
    deviation: FloatArray
    """N x 3: standard deviation at each tone, grey levels."""
    spectrum: FloatArray
    """3 x 64: variance of each coefficient of a block's cosine transform, as a share of the channel's variance."""

    @property
    def level(self) -> float:
        """Standard deviation in red, green and blue together at the middle tone, grey levels."""
        return float(np.median(np.sqrt((self.deviation**2).sum(1) / 3)))

    @property
    def channels(self) -> list[float]:
        """Standard deviation in each channel at the middle tone, grey levels."""
        return [float(middle) for middle in np.median(self.deviation, axis=0)]

    @property
    def colour_sharpness(self) -> float:
        """Of the first colour difference: variance in the highest frequencies as a share of that in the low ones; 1
        where neighbours are independent."""
        colour = self.spectrum[1]
        return float(colour[_HIGH].mean() / max(colour[_LOWER].mean(), 1e-6))


NOISELESS = Noise(np.zeros(1, np.float32), np.zeros((1, 3), np.float32), np.zeros((3, SIDE * SIDE), np.float32))


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
    luma = coefficients[:, 0, 0] / (SIDE * np.sqrt(np.float32(3)))
    powers = coefficients**2
    ranges = np.array_split(np.argsort(luma, kind="stable"), np.clip(len(luma) // BLOCKS_A_TONE, 1, TONES))
    tones = np.array([luma[tone].mean() for tone in ranges], np.float32)
    variances = np.empty((len(ranges), 3, SIDE * SIDE), np.float32)
    unevenness = np.empty((len(ranges), 3))
    for place, tone in enumerate(ranges):
        for channel, share in enumerate((FLATTEST_LUMA, FLATTEST_COLOUR, FLATTEST_COLOUR)):
            variances[place, channel], unevenness[place, channel] = _flattest(powers[tone, channel], share)
    middle = variances[:, 0, _MIDDLE].mean(1, keepdims=True)
    variances[:, 0, _LOW] = np.minimum(variances[:, 0, _LOW], LOW_RISE * middle)
    deviations = np.sqrt(variances[:, :, 1:].mean(2))
    luma_noise, reliable = _luma_noise(tones, deviations[:, 0], unevenness[:, 0])
    found = np.minimum(deviations, COLOUR_SHARE * luma_noise[:, None])
    found[:, 0] = luma_noise
    shares = np.median(variances / np.maximum(deviations[:, :, None] ** 2, 1e-6), axis=0)
    shares[0] = variances[reliable, 0].sum(0)
    spectrum = shares / np.maximum(shares[:, 1:].mean(1, keepdims=True), 1e-6)
    return Noise(tones, found.astype(np.float32), spectrum.astype(np.float32))


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
    for judged, measured in (_HALVES, _HALVES[::-1]):
        order = np.argsort(powers[:, judged].sum(1), kind="stable")
        here = powers[order][:, measured]
        found[measured] = here[:count].mean(0)
        ratio += here[2 * fifth : 3 * fifth].sum() / max(float(here[:fifth].sum()), 1e-3) / len(_HALVES)
    return found, ratio


def _luma_noise(
    tones: FloatArray, deviation: FloatArray, unevenness: NDArray[np.float64]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Standard deviation of luma's noise at each tone, and which tones are reliable (at least one)."""
    usable = unevenness < DOUBTFUL
    if not usable.any():
        return np.full_like(deviation, NOWHERE_FLAT * float(deviation.min())), np.ones(len(tones), np.bool_)
    believed = np.where(unevenness < EVEN, 1, DOUBT) * deviation
    found = np.minimum(np.interp(tones, tones[usable], believed[usable]), deviation)
    distance = np.abs(tones[:, None] - tones)
    bounds = deviation * np.minimum(np.exp(distance / TONE_REACH), TONE_GROWTH)
    bound = bounds[:, unevenness < UPPER_BOUND].min(1)
    reliable = usable & (deviation <= bound * 1.01)
    return np.minimum(found, bound), reliable if reliable.any() else usable
