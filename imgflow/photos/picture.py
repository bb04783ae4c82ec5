"""The decoded photo, as every stage takes and returns it."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

_IN_CACHE = 500_000
"""Bytes of colours that are mixed at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright pixels in sRGB.

    Attributes:
        rgb: H x W x 3, uint8, sRGB, straight (not premultiplied) colours.
        alpha: H x W, uint8, 0 transparent to 255 opaque; None when every pixel is opaque.
        shadowed: H x W x 3, uint8: as `rgb` was before a shadow was removed, with the product's edges as the camera saw
            them; None if none was.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    shadowed: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be H x W x 3 uint8, not {self.rgb.shape} {self.rgb.dtype}")
        if self.alpha is not None and (self.alpha.shape != self.rgb.shape[:2] or self.alpha.dtype != np.uint8):
            raise ValueError(f"alpha must be {self.rgb.shape[:2]} uint8, not {self.alpha.shape} {self.alpha.dtype}")
        if self.shadowed is not None and self.shadowed.shape != self.rgb.shape:
            raise ValueError(f"shadowed must be {self.rgb.shape}, not {self.shadowed.shape}")

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """H x W x 4, uint8; opaque where the picture has no alpha."""
        import cv2

        pixels = cv2.cvtColor(np.ascontiguousarray(self.rgb), cv2.COLOR_RGB2RGBA)  # in a third of NumPy's time
        if self.alpha is not None:
            pixels[..., 3] = self.alpha
        return cast(NDArray[np.uint8], pixels)

    def over(self, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
        """H x W x 3, uint8: the picture laid on one sRGB colour."""
        if self.alpha is None:
            return self.rgb
        ground = np.asarray(colour, np.uint16)
        laid = np.empty_like(self.rgb)
        few = max(1, _IN_CACHE // max(1, 3 * self.width))
        for top in range(0, self.height, few):
            rows = slice(top, top + few)
            alpha = self.alpha[rows, :, None].astype(np.uint16)
            if alpha.any():
                mixed = self.rgb[rows] * alpha + (ground * (255 - alpha) + 127)
                laid[rows] = (mixed + (mixed >> 8) + 1) >> 8  # mixed / 255, rounded, for all that can occur
            else:
                laid[rows] = colour
        return laid
