"""The cosine transform of a block of 8 x 8 pixels, and the ranges of its frequencies."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIDE = 8
"""Of a block, pixels."""

COSINES: FloatArray = (
    np.cos((2 * np.arange(SIDE) + 1) * np.arange(SIDE)[:, None] * np.pi / (2 * SIDE))
    * np.where(np.arange(SIDE)[:, None] == 0, np.sqrt(1 / SIDE), np.sqrt(2 / SIDE))
).astype(np.float32)
"""Matrix of the orthonormal cosine transform (DCT-II) of a block's side."""

_ROW, _COLUMN = np.divmod(np.arange(SIDE * SIDE), SIDE)
_RADIUS = np.hypot(_ROW, _COLUMN)
_ODD = (_ROW + _COLUMN) % 2 == 1

LOW, MIDDLE, FINE = (_RADIUS > 0) & (_RADIUS < 2.6), (_RADIUS > 2.6) & (_RADIUS < 3.4), _RADIUS > 5
"""Places of a block's 64 coefficients, by frequency."""

HALVES = (_ODD, ~_ODD & (_RADIUS > 0))
"""All but the mean, in two halves of like frequencies."""
