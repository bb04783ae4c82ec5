"""Clean pictures, and noise to spoil them with."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgflow_tests.stages.scenes import box, scene, to_bytes


def camera_noise(rgb: NDArray[np.uint8], sigma: float, seed: int = 1) -> NDArray[np.uint8]:
    """Noise as demosaicing leaves it: correlated between neighbours."""
    noise = np.random.default_rng(seed).normal(0, 1, rgb.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.9)
    return to_bytes(rgb + noise / noise.std() * sigma)


def checked_cloth() -> NDArray[np.uint8]:
    """A product of strongly checked cloth on plain ground."""
    x = np.arange(320)
    wave = 128 + 60 * np.sin(x / 2.1)[None, :] * np.cos(x[:240] / 3.3)[:, None]
    return np.where(box()[..., None] > 0.5, to_bytes(wave)[..., None], scene(box(), texture=0).rgb)


def photos() -> list[NDArray[np.uint8]]:
    """Real photos made small, and so free of noise; none where they are not at hand."""
    folder = Path(__file__).parents[3] / "shared" / "photos" / "product_photos" / "dreambooth"
    names = ("backpack_00", "can_00", "fancy_boot_05", "rc_car_00", "teapot_00")
    found = [cv2.imread(str(path)) for name in names if (path := folder / f"{name}.jpg").is_file()]
    small = [cv2.resize(photo, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA) for photo in found]
    return [cv2.cvtColor(photo, cv2.COLOR_BGR2RGB) for photo in small]
