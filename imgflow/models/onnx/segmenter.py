"""Segmenters in ONNX form: U²-Net, ISNet, BiRefNet exports, and whatever has their layout.

The layout: one input, 1 x 3 x S x S, float32 or float16, normalised R, G, B; the first output is the map, at any number
of dimensions of length 1 before height and width. A description's `options` say what the file does not:

* `white` 255: pixels are scaled to 0..1 by the full range of their type, as the authors of ISNet and BiRefNet do;
  without it by the picture's own maximum, as U²-Net's u2net_test.py does.
* `output` "logits": the file ends before the sigmoid (BiRefNet exports); without it, it is in the file.
"""

import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import ModelUnavailableError
from imgflow.models.base import check_rgb
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.onnx.session import open_session
from imgflow.models.runtime import Runtime


def load(model: Model, folder: Path, runtime: Runtime) -> "OnnxSegmenter":
    """As `imgflow.models.families.LOADERS` says."""
    return OnnxSegmenter(model, folder / model.files[0].name, runtime)


class OnnxSegmenter:
    """A segmenter on ONNX Runtime.

    Args:
        model: its description.
        path: the .onnx file.
        runtime: device, strictness and threads; the precision is that of the file.

    Attributes:
        name: the model's name.
        device: where it really runs: cpu, cuda or mps.
        provider: ONNX Runtime's name of what runs it.
        precision: fp32 or fp16.
        fallback: None, or a sentence: what was wanted and why it is not so.
        weights_hash: the hash of the weights.
        memory: bytes of the weights.

    Raises:
        DeviceUnavailableError: `strict`, and the device is not there.
        ModelUnavailableError: the file cannot be loaded.
        DeviceMemoryError: it does not fit.
    """

    def __init__(self, model: Model, path: Path, runtime: Runtime) -> None:
        opened = open_session(model.name, path, runtime)
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.memory = model.size
        self.device, self.provider, self.precision = opened.device, opened.provider, opened.precision
        self.fallback = opened.fallback
        self._session = opened.session
        # Of two photos at once a GPU has nothing but twice the memory.
        self._turn = nullcontext() if self.device == "cpu" else threading.Lock()
        self.input_size = model.input_size
        self._size = (model.input_size, model.input_size)
        self._mean = np.asarray(model.mean, np.float32)
        self._std = np.asarray(model.std, np.float32)
        self._white = int(model.options.get("white", 0))
        self._is_logits = model.options.get("output") == "logits"
        network_input = self._session.get_inputs()[0]
        self._input = network_input.name
        self._dtype = np.float16 if network_input.type == "tensor(float16)" else np.float32
        # The first output is the fused map, the others are the side outputs used in training.
        self._output = self._session.get_outputs()[0].name

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How likely each pixel belongs to the product: the network's sigmoid as it is, not stretched to 0..1.

        (Stretching makes a product out of noise where there is none.)

        Args:
            rgb: H x W x 3, uint8, sRGB.

        Returns:
            H x W, float32, 0 ground to 1 product.

        Raises:
            ValueError: `rgb` has another shape or type.
            ModelUnavailableError: what the network gives is no map.
            DeviceMemoryError: the device has not enough memory for this call.
        """
        import cv2

        check_rgb(rgb)
        prepared = self._prepared(rgb)
        with self._turn, memory_errors(self.name, self.device):
            (answer,) = self._session.run([self._output], {self._input: prepared})
        small = np.asarray(answer, np.float32)
        if small.ndim < 2 or small.shape[-2] * small.shape[-1] != small.size:
            raise ModelUnavailableError(f"{self.name} gives {small.shape}, which is no map of one picture.")
        small = small.reshape(small.shape[-2:])
        if self._is_logits:
            small = _sigmoid(small)
        full = np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)
        return np.clip(full, 0, 1, out=full)

    def shrink(self) -> bool:
        """False: the network has one input size."""
        return False

    def _prepared(self, rgb: NDArray[np.uint8]) -> NDArray[np.floating]:
        """1 x 3 x S x S, float32 or float16, normalised.

        Scaled with an antialiased triangle filter. Against 15 photos with masks this gave the best mean IoU (.883; area
        .882, plain linear .880, bicubic .878, Lanczos .877): sharper filters bring texture that the network never saw.
        """
        import cv2

        planes = cv2.split(_scaled(rgb, self._size))
        peak = self._white or max(int(max(plane.max() for plane in planes)), 1)
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(peak)
        tables = np.ascontiguousarray(((levels - self._mean) / self._std).T)
        prepared = np.empty((1, 3, *self._size), np.float32)
        for plane, table, out in zip(planes, tables, prepared[0], strict=True):
            cv2.LUT(plane, table, dst=out)
        return prepared.astype(self._dtype, copy=False)


def _scaled(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture at the network's size, with an antialiased triangle filter.

    Pillow keeps four bytes a pixel. Given such a picture it works on it where it lies; to make one of three bytes it
    takes 30 ms at 12 megapixels, OpenCV 8.
    """
    import cv2
    from PIL import Image

    padded = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2RGBA)
    image = Image.frombuffer("RGBX", (rgb.shape[1], rgb.shape[0]), padded, "raw", "RGBX", 0, 1)
    return np.ascontiguousarray(np.asarray(image.resize(size, Image.Resampling.BILINEAR))[..., :3])


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    # Beyond 30 float32 knows no difference, and exp would overflow.
    return np.reciprocal(1 + np.exp(-np.clip(logits, -30, 30)))
