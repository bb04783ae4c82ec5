"""Segmenters on PyTorch: from a network that answers one logit for each pixel to a mask of the photo's size.

Preprocessing as in the authors' model cards: scaled with an antialiased triangle filter to the size the variant was
trained on, whatever the photo's proportions, and ImageNet normalisation; then sigmoid.
"""

import threading
from dataclasses import dataclass

import numpy as np
import torch  # noqa: TID253 (imported only by the modules that load a network)
import torch.nn.functional as F  # noqa: N812, TID253
from numpy.typing import NDArray
from torch import Tensor, nn  # noqa: TID253

from imgflow.models.base import check_rgb
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.compiled import CompiledNetwork, compiled_if_wanted
from imgflow.models.pytorch.placement import Placement, weight_bytes
from imgflow.models.runtime import DEFAULT_RUNTIME, Runtime

MULTIPLE = 32
"""Sides of the inputs are multiples of this."""

SMALLEST = 512
"""`shrink` does not go below this many pixels a side."""

SIDES = (256, 2304)
"""Shortest and longest side that the dynamic variants were trained on, pixels."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The size of the picture that the network sees.

    Attributes:
        width, height: pixels, for a photo that is not upright.
        dynamic: the photo keeps its proportions and gets about that area instead.
    """

    width: int
    height: int
    dynamic: bool = False

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Height and width, multiples of 32, for a photo of that width and height.

        An upright photo gets the sides of an input that is not square exchanged.
        """
        if not self.dynamic:
            return (self.width, self.height) if height > width else (self.height, self.width)
        scale = (self.width * self.height / (width * height)) ** 0.5
        return _allowed(height * scale), _allowed(width * scale)

    def halved(self) -> "InputSize | None":
        """Half as wide and high; None: that is less than `SMALLEST`."""
        if min(self.width, self.height) // 2 < SMALLEST:
            return None
        return InputSize(_multiple(self.width / 2), _multiple(self.height / 2), self.dynamic)

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


class TorchSegmenter:
    """A network on PyTorch that answers one logit for each pixel.

    Args:
        model: the registry's row.
        network: in the placement's precision and on its device.
        placement: where it runs.
        size: of its input.
        runtime: whether it is to be compiled.
        assumed: None, or a sentence for `fallback`.

    Attributes:
        name, device, precision, weights_hash, memory: as `LoadedModel` says.
    """

    def __init__(
        self,
        model: Model,
        network: nn.Module,
        placement: Placement,
        size: InputSize,
        runtime: Runtime = DEFAULT_RUNTIME,
        assumed: str | None = None,
    ) -> None:
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.device = placement.device
        self.memory = weight_bytes(network)
        self._network = compiled_if_wanted(model.name, network, placement, runtime, fixed_size=not size.dynamic)
        self._placement = placement
        self._size = self._wanted = size
        self._reasons = [reason for reason in (placement.fallback, assumed) if reason]
        self._mean, self._std = (
            torch.tensor(values, device=placement.device).view(1, 3, 1, 1) * 255 for values in (model.mean, model.std)
        )
        self._on_device = threading.Lock()

    @property
    def precision(self) -> str:
        """fp32, bf16 or fp16; `fp16 compiled` if PyTorch's compiler has made it over."""
        is_compiled = isinstance(self._network, CompiledNetwork) and not self._network.fallback
        return f"{self._placement.precision} compiled" if is_compiled else self._placement.precision

    @property
    def fallback(self) -> str | None:
        """None, or a sentence: what was wanted and why it is not so."""
        reasons = list(self._reasons)
        if isinstance(self._network, CompiledNetwork) and self._network.fallback:
            reasons.append(self._network.fallback)
        if self._size != self._wanted:
            reasons.append(f"an input of {self._wanted} was wanted, but memory is exhausted; it is {self._size}")
        return "; ".join(reasons) or None

    @property
    def input_size(self) -> int:
        """Longer side of what the network sees, pixels."""
        return max(self._size.width, self._size.height)

    def shrink(self) -> bool:
        """Halve the input, down to 512 pixels."""
        with self._on_device:
            smaller = self._size.halved()
            if smaller:
                self._size = smaller
            return bool(smaller)

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How likely each pixel belongs to the product: the network's sigmoid as it is.

        Args:
            rgb: H x W x 3, uint8, sRGB.

        Returns:
            H x W, float32, 0 ground to 1 product.

        Raises:
            ValueError: `rgb` has another shape or type.
            DeviceMemoryError: the device has not enough memory for this call.
        """
        check_rgb(rgb)
        height, width = rgb.shape[:2]
        with memory_errors(self.name, self.device), torch.inference_mode():
            small = scaled(rgb, self._size.of(width, height))
            with self._on_device:
                logits = self._network(self._normalised(small))
                seen = torch.sigmoid(logits[0, 0].float()).cpu().numpy()
        return enlarged(seen, width, height)

    def _normalised(self, picture: Tensor) -> Tensor:
        """1 x 3 x H x W on the device, in the network's precision, channels last, from 1 x 3 x H x W, uint8."""
        on_device = picture.to(self.device).float().sub_(self._mean).div_(self._std)
        return on_device.to(self._placement.dtype).contiguous(memory_format=torch.channels_last)


def scaled(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """1 x 3 x height x width, uint8, as Pillow's bilinear resize within one level, ten times faster.

    Args:
        rgb: H x W x 3, uint8.
        size: height and width.
    """
    pixels = np.ascontiguousarray(rgb)
    if not pixels.flags.writeable:  # PyTorch warns about such arrays, although nothing is written here
        pixels = pixels.copy()
    picture = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0)
    return F.interpolate(picture, size=size, mode="bilinear", antialias=True)


def enlarged(seen: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """`seen` in the photo's size: bicubic where it grows, averaged where it shrinks; 0..1."""
    import cv2

    shrinks = width * height < seen.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    full = np.asarray(cv2.resize(seen, (width, height), interpolation=how), np.float32)
    return np.clip(full, 0, 1, out=full)


def _allowed(side: float) -> int:
    return min(max(_multiple(side), SIDES[0]), SIDES[1])


def _multiple(side: float) -> int:
    return max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)
