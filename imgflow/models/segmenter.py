"""What every segmenter looks like to the stages."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Segmenter(Protocol):
    """Tells product from ground. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        ...

    @property
    def device(self) -> str:
        """Where it really runs: cpu, cuda or mps."""
        ...

    @property
    def fallback(self) -> str | None:
        """None, or a sentence: which device was wanted and why it is not used."""
        ...

    @property
    def weights_hash(self) -> str:
        """Changes whenever the weights do."""
        ...

    def __call__(self, rgb: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """How likely each pixel belongs to the product.

        This is the network's probability, not stretched to the full range: a photo without a product must be seen to
        have none.

        Args:
            rgb: H x W x 3, uint8, sRGB.

        Returns:
            H x W, float32, 0 ground to 1 product.
        """
        ...
