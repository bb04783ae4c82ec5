"""Mean and maximum over a picture's three channels. (NumPy's own take several times as long over so short an axis.)"""

import numpy as np
from numpy.typing import NDArray


def mean_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """h x w x 3 to h x w."""
    return (values[..., 0] + values[..., 1] + values[..., 2]) * np.float32(1 / 3)


def greatest_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """h x w x 3 to h x w."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
