"""Segmenters of the U²-Net family in ONNX form.

Method: Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition
2020; preprocessing as in the authors' u2net_test.py (divide by the picture's own maximum, ImageNet mean and deviation).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import DeviceUnavailableError, ModelUnavailableError
from imgflow.models.registry import Model
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
"""ONNX Runtime's name of each device."""

AUTO = ("cuda", "cpu")
"""Devices that `auto` tries: Core ML runs these networks only in part, so `mps` must be asked for."""

INSTALL = {
    "cuda": "Install onnxruntime-gpu in place of onnxruntime, and an NVIDIA driver.",
    "mps": "Core ML needs a Mac.",
}


def load(model: Model, folder: Path, runtime: Runtime) -> "OnnxSegmenter":
    """As `imgflow.models.loader.LOADERS` says."""
    return OnnxSegmenter(model, folder / model.files[0].name, runtime)


class OnnxSegmenter:
    """A U²-Net on ONNX Runtime.

    Args:
        model: the registry's row.
        path: the .onnx file.
        runtime: device, strictness and threads; the precision is that of the file.

    Attributes:
        name: the model's name.
        device: where it really runs.
        provider: ONNX Runtime's name of it.
        fallback: None, or a sentence: which device was wanted and why it is not used.
        weights_hash: the registry's hash of the weights.

    Raises:
        DeviceUnavailableError: `strict`, and the device is not there.
        ModelUnavailableError: the file cannot be loaded.
    """

    precision = "fp32"

    def __init__(self, model: Model, path: Path, runtime: Runtime) -> None:
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.memory = model.size
        self.device, self.fallback, self._session = _open_session(path, runtime.device, runtime.strict, runtime.threads)
        self.provider = PROVIDERS[self.device]
        self._size = (model.input_size, model.input_size)
        self._mean = np.asarray(model.mean, np.float32)
        self._std = np.asarray(model.std, np.float32)
        self._input = self._session.get_inputs()[0].name
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
        """
        import cv2

        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise ValueError(f"rgb must be H x W x 3 uint8, not {rgb.shape} {rgb.dtype}")
        (answer,) = self._session.run([self._output], {self._input: self._prepared(rgb)})
        small = np.asarray(answer, np.float32).reshape(self._size)
        full = np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)
        return np.clip(full, 0, 1, out=full)

    def shrink(self) -> bool:
        """False: the network has one input size."""
        return False

    def _prepared(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """1 x 3 x S x S, float32, normalised.

        Scaled with an antialiased triangle filter. Against 15 photos with masks this gave the best mean IoU (.883; area
        .882, plain linear .880, bicubic .878, Lanczos .877): sharper filters bring texture that the network never saw.
        """
        from PIL import Image

        small = np.asarray(Image.fromarray(rgb).resize(self._size, Image.Resampling.BILINEAR), np.float32)
        small /= max(float(small.max()), 1.0)
        return np.ascontiguousarray(((small - self._mean) / self._std).transpose(2, 0, 1)[None])


def _open_session(
    path: Path, device: str, strict: bool, threads: int
) -> "tuple[str, str | None, onnxruntime.InferenceSession]":
    """The device that is really used, the fallback sentence or None, the session."""
    import onnxruntime

    available: list[str] = onnxruntime.get_available_providers()
    wanted = next(d for d in AUTO if PROVIDERS[d] in available) if device == "auto" else device
    reason = ""
    if wanted not in PROVIDERS:
        raise DeviceUnavailableError(
            f"There is no device {wanted!r} for this model; it runs on {', '.join(PROVIDERS)}."
        )
    if PROVIDERS[wanted] not in available:
        reason = f"this ONNX Runtime has no {PROVIDERS[wanted]}"
    else:
        session = _session(path, wanted, threads)
        # A provider whose libraries do not load is dropped by ONNX Runtime with no more than a line in the log.
        if session.get_providers()[0] == PROVIDERS[wanted]:
            return wanted, None, session
        reason = f"{PROVIDERS[wanted]} did not start (driver or CUDA libraries missing)"
    sentence = f"{wanted} was wanted, but {reason}"
    if strict:
        raise DeviceUnavailableError(f"{sentence}. {INSTALL[wanted]} Or allow the CPU: IMGFLOW_STRICT_DEVICE=false.")
    return "cpu", f"{sentence}; running on the CPU", _session(path, "cpu", threads)


def _session(path: Path, device: str, threads: int) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads sleep instead of spinning: several workers share a machine, and the other stages need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = list(dict.fromkeys([PROVIDERS[device], PROVIDERS["cpu"]]))
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no common base but Exception
        raise ModelUnavailableError(f"{path} cannot be loaded: {error}") from error
