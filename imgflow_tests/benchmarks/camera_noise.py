"""Camera noise as photos have it: made in the sensor's raw values, then demosaiced, developed and compressed.

So it is alike in neighbours (a demosaiced pixel shares values with those around it), in the three channels (the colour
matrix mixes them), depends on the tone, and has been through JPEG. The truth goes through the same camera without
noise, as the mean of very many shots would.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

BLACK, WHITE = 2048, 60_000
"""Raw levels (of 65,535) of no light and full scale: noise in the dark goes below black and is not cut off."""

MATRIX = np.array([[1.55, -0.45, -0.10], [-0.20, 1.45, -0.25], [0.02, -0.52, 1.50]], np.float32)
"""Camera colours to linear sRGB, as such matrices are: rows sum to 1, neighbours' colours are subtracted."""


@dataclass(frozen=True)
class Camera:
    """What a camera does to light.

    Attributes:
        shot: variance of the noise in linear light for each unit of it (full scale is 1): high for small pixels and
            high ISO.
        read: standard deviation of the noise in the dark, in units of full scale.
        gains: of white balance, for red and blue.
        chroma: sigma of the blur that cameras give to colour differences against coloured blotches, pixels.
        sharpening: share of the difference to a blurred picture that is added.
        quality: of JPEG; 0: none.
    """

    shot: float
    read: float
    gains: tuple[float, float] = (2.0, 1.6)
    chroma: float = 0.0
    sharpening: float = 0.0
    quality: int = 0

    def photograph(self, clean: Bytes, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """The photo with its noise, and without: both H x W x 3, uint8. The sides must be even.

        Args:
            clean: H x W x 3, uint8 sRGB, the scene.
        """
        raw = self._sensed(clean)
        noise = rng.standard_normal(raw.shape, dtype=np.float32)
        noise *= np.sqrt(np.maximum(raw, 0) * np.float32(self.shot) + np.float32(self.read**2))
        photo, truth = self._developed(raw + noise), self._developed(raw)
        return self._compressed(photo), truth

    def _sensed(self, clean: Bytes) -> Floats:
        """H x W, 0 to 1: what each pixel of a Bayer sensor (RGGB) gets."""
        light = _linear(clean) @ np.linalg.inv(MATRIX).T.astype(np.float32)
        light /= np.array([self.gains[0], 1, self.gains[1]], np.float32)
        raw = light[..., 1].copy()
        raw[::2, ::2] = light[::2, ::2, 0]
        raw[1::2, 1::2] = light[1::2, 1::2, 2]
        return np.clip(raw, 0, 1)

    def _developed(self, raw: Floats) -> Bytes:
        stored = np.clip(np.rint(BLACK + raw * (WHITE - BLACK)), 0, 65_535).astype(np.uint16)
        demosaiced = cv2.cvtColor(stored, cv2.COLOR_BayerRGGB2RGB_EA)
        light = (demosaiced.astype(np.float32) - BLACK) / (WHITE - BLACK)
        light *= np.array([self.gains[0], 1, self.gains[1]], np.float32)
        tones = _display(light @ MATRIX.T)
        if self.chroma:
            luma_chroma = cv2.cvtColor(tones, cv2.COLOR_RGB2YCrCb)
            luma_chroma[..., 1:] = cv2.GaussianBlur(luma_chroma[..., 1:], (0, 0), self.chroma)
            tones = cv2.cvtColor(luma_chroma, cv2.COLOR_YCrCb2RGB)
        if self.sharpening:
            tones = tones + self.sharpening * (tones - cv2.GaussianBlur(tones, (0, 0), 1.0))
        return np.rint(np.clip(tones, 0, 1) * 255).astype(np.uint8)

    def _compressed(self, photo: Bytes) -> Bytes:
        if not self.quality:
            return photo
        _, data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


CAMERAS = {
    "single-lens, ISO 800": Camera(0.0001, 0.0006),
    "single-lens, ISO 3200": Camera(0.0008, 0.0023, (2.1, 1.5), quality=95),
    "single-lens, ISO 6400": Camera(0.0020, 0.0054, (1.9, 1.8), chroma=0.8, quality=95),
    "phone, daylight": Camera(0.00036, 0.0016, chroma=1.2, sharpening=0.4, quality=92),
    "phone, indoors": Camera(0.0017, 0.0047, (1.6, 2.1), chroma=1.5, sharpening=0.3, quality=92),
}
"""Noise from hardly visible to strong: standard deviations of about 2 to 6 levels in mid tones.

In public pairs of real photos the correlation with the next pixel is 0.53 to 0.81, that between channels 0.1 to 0.7
(measured on six); here 0.35 to 0.73, and up to 0.62.
"""


def _linear(rgb: Bytes) -> Floats:
    """sRGB to linear light, 0 to 1 (IEC 61966-2-1)."""
    levels = np.arange(256, dtype=np.float32) / 255
    curve = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return curve[rgb]


def _display(light: Floats) -> Floats:
    """Linear light to sRGB, 0 to 1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055).astype(np.float32)
