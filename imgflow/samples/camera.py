"""The camera: sensor noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DEMOSAIC = {
    # Neighbours' share in a pixel's noise, along each axis. Half as many red and blue pixels: a wider reach.
    0: (0.32, 1.0, 0.32),
    1: (0.18, 1.0, 0.18),
    2: (0.32, 1.0, 0.32),
}


@dataclass(frozen=True)
class Camera:
    """Noise of a sensor.

    Attributes:
        read: standard deviation of the noise in the dark, levels of 255.
        shot: its growth with the signal: variance = read² + shot · value.
    """

    read: float = 0.8
    shot: float = 0.02

    def sigma(self, value: float) -> float:
        """Standard deviation of the noise at a display value, levels of 255."""
        return float(np.sqrt(self.read**2 + self.shot * value))

    def expose(self, clean: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """The noise-free picture as the sensor saw it: noise grows with light and is alike in neighbours.

        Args:
            clean: H x W x 3, uint8.

        Returns:
            H x W x 3, uint8; the same pixels when there is no noise.
        """
        import cv2

        if self.read == 0 and self.shot == 0:
            return clean.copy()
        levels = np.sqrt(np.float32(self.read**2) + np.float32(self.shot) * np.arange(256, dtype=np.float32))
        seen = np.empty_like(clean)
        for channel, taps in _DEMOSAIC.items():
            kernel = np.asarray(taps, np.float32) / np.float32(np.sqrt(np.sum(np.square(taps))))
            grain = rng.standard_normal(clean.shape[:2], dtype=np.float32)
            grain = np.asarray(cv2.sepFilter2D(grain, cv2.CV_32F, kernel, kernel), np.float32)
            grain *= levels[clean[..., channel]]
            grain += clean[..., channel]
            np.rint(grain, out=grain)
            seen[..., channel] = np.clip(grain, 0, 255)
        return seen
