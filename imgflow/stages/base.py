"""What every stage takes and returns."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgflow.photos.picture import Picture


class Segmenter(Protocol):
    """Tells the product from the rest of the photo. `imgflow/models` offers some; tests may bring their own."""

    @property
    def name(self) -> str:
        """The model's name, for the record."""
        ...

    @property
    def device(self) -> str:
        """Where it really runs, for the record."""
        ...

    def __call__(self, rgb: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """The product's alpha: H x W x 3 uint8 sRGB in, H x W float32 from 0 to 1 out.

        The value is the network's probability resized to the photo, not stretched to the full range:
        a photo without a product must be seen to have none.
        """
        ...


@dataclass(frozen=True)
class StageOutput:
    """A stage's picture, and what is worth recording about how it was made.

    Attributes:
        picture: the result.
        details: JSON values by name, such as `{"method": "bilateral", "noise": 2.3}`.
    """

    picture: Picture
    details: dict[str, Any] = field(default_factory=dict[str, Any])
