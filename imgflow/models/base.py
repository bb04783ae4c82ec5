"""What models look like to the stages, whatever family they are of. All are safe to call from several threads."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class LoadedModel(Protocol):
    """A model in memory.

    Attributes:
        name: in the registry, or the path it was loaded from.
        device: where it really runs: cpu, cuda or mps.
        precision: fp32, bf16, fp16 or int8; with ` compiled` behind it where PyTorch's compiler made the network over.
        fallback: None, or a sentence: what was wanted (a device, a precision, an input size) and why it is not used.
        weights_hash: changes whenever the weights do.
        memory: bytes that the weights take on the device.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def precision(self) -> str: ...  # noqa: D102

    @property
    def fallback(self) -> str | None: ...  # noqa: D102

    @property
    def weights_hash(self) -> str: ...  # noqa: D102

    @property
    def memory(self) -> int: ...  # noqa: D102

    def shrink(self) -> bool:
        """Use less memory from the next call on: a smaller tile, or a smaller input (which `fallback` then tells).

        Returns:
            False: there is nothing smaller.
        """
        ...


class Segmenter(LoadedModel, Protocol):
    """Tells product from ground."""

    @property
    def input_size(self) -> int:
        """Longer side of the picture that the network sees, pixels."""
        ...

    def __call__(self, rgb: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """How likely each pixel belongs to the product.

        This is the network's probability, not stretched to the full range: a photo without a product must be seen to
        have none.

        Args:
            rgb: H x W x 3, uint8, sRGB.

        Returns:
            H x W, float32, 0 ground to 1 product; not to be written to, since others may get the same.

        Raises:
            DeviceMemoryError: the device has not enough memory for this call.
        """
        ...


class Restorer(LoadedModel, Protocol):
    """Makes a better picture of a picture: denoised (`scale` 1) or enlarged."""

    @property
    def scale(self) -> int:
        """Width and height of the result over those of the input."""
        ...

    def __call__(self, rgb: NDArray[np.uint8], /) -> NDArray[np.uint8]:
        """The better picture.

        Args:
            rgb: H x W x 3, uint8, sRGB.

        Returns:
            scale*H x scale*W x 3, uint8, sRGB.

        Raises:
            DeviceMemoryError: the device has not enough memory for this call.
        """
        ...


class AlphaMatter(LoadedModel, Protocol):
    """Finds alpha where a trimap leaves it open."""

    def __call__(self, rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Alpha: 0 and 1 where the trimap says so, the network's answer where it is unknown.

        Args:
            rgb: H x W x 3, uint8, sRGB.
            trimap: H x W, uint8: 0 ground, 255 product, anything else unknown.

        Returns:
            H x W, float32, 0..1.

        Raises:
            DeviceMemoryError: the device has not enough memory for this call.
        """
        ...


def check_rgb(rgb: NDArray[np.uint8]) -> None:
    """What every model asks of a picture.

    Raises:
        ValueError: it is not H x W x 3, uint8, or has no pixels.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise ValueError(f"rgb must be H x W x 3 uint8, not {rgb.shape} {rgb.dtype}")
