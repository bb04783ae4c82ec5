"""A family of models on a device of 100 bytes, whose calls may need more than is left."""

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import DeviceMemoryError
from imgflow.models.model import Model
from imgflow.models.runtime import Runtime

DEVICE_BYTES = 100

_on_device: "weakref.WeakSet[Hungry]" = weakref.WeakSet()


class Hungry:
    """Takes its size from the device, and a photo's height in bytes, or a piece of that, at each call."""

    device, precision = "cpu", "fp32"

    def __init__(self, model: Model) -> None:
        self.name, self.memory, self.weights_hash = model.name, model.size, model.weights_hash
        self.pieces = 1
        _take(self.memory)
        _on_device.add(self)

    @property
    def fallback(self) -> str | None:
        return f"in {self.pieces} pieces" if self.pieces > 1 else None

    def shrink(self) -> bool:
        self.pieces *= 2
        return self.pieces <= 4

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        _take(rgb.shape[0] // self.pieces)
        return np.ones(rgb.shape[:2], np.float32)


def load(model: Model, _folder: Path, _runtime: Runtime) -> Any:
    return Hungry(model)


def _take(size: int) -> None:
    gc.collect()
    taken = sum(model.memory for model in _on_device)
    if taken + size > DEVICE_BYTES:
        raise DeviceMemoryError(f"{size} bytes wanted, {DEVICE_BYTES - taken} there")
