"""What every model on PyTorch shares: where it runs, and in which precision."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgflow.cores import compute_cores
from imgflow.errors import DeviceUnavailableError, ModelUnavailableError
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    import torch

INSTALL = {
    "cuda": "Install an NVIDIA driver, and PyTorch's build for it.",
    "mps": "Metal needs a Mac with Apple silicon.",
}

FAST = {"cuda": ("fp16", "bf16"), "mps": ("fp16",), "cpu": ()}
"""The precisions that `auto` prefers on each device, best first, where the model bears them; else fp32."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model really runs.

    Attributes:
        device: cpu, cuda or mps.
        precision: fp32, bf16 or fp16.
        fallback: None, or a sentence: what was wanted and why it is not so.
    """

    device: str
    precision: str
    fallback: str | None

    @property
    def dtype(self) -> "torch.dtype":
        """The precision as PyTorch names it."""
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]


def place(name: str, runtime: Runtime, precisions: Sequence[str] = ("fp32",)) -> Placement:
    """Decide where a model runs.

    Args:
        name: the model's, for messages.
        runtime: what is wanted.
        precisions: those that the model bears; fp32 is always one.

    Raises:
        DeviceUnavailableError: `runtime.strict`, and the device is not there, or cannot do the precision.
        ModelUnavailableError: PyTorch is not installed.
    """
    torch = _torch(name)
    threads = runtime.threads or compute_cores()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    wanted = {"auto": _best_device(torch), "tensorrt": "cuda"}.get(runtime.device, runtime.device)
    device, reasons = wanted, list[str]()
    if not _is_there(torch, wanted):
        device = "cpu"
        reasons.append(f"{wanted} was wanted, but PyTorch {torch.__version__} sees none; running on the CPU")
    borne = [p for p in precisions if p == "fp32" or p in _possible(torch, device)]
    if runtime.precision == "auto":
        precision = next((p for p in FAST[device] if p in borne), "fp32")
    elif runtime.precision in borne:
        precision = runtime.precision
    else:
        precision = "fp32"
        reasons.append(f"{runtime.precision} was wanted, but {name} on {device} bears {', '.join(borne) or 'fp32'}")
    if reasons and runtime.strict:
        remedy = INSTALL.get(wanted, "") if device != wanted else "Set IMGFLOW_PRECISION=auto."
        raise DeviceUnavailableError(f"{'; '.join(reasons)}. {remedy} Or allow it: IMGFLOW_STRICT_DEVICE=false.")
    return Placement(device, precision, "; ".join(reasons) or None)


def weight_bytes(module: "torch.nn.Module") -> int:
    """Bytes of all parameters and buffers."""
    tensors: list[Any] = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _torch(name: str) -> Any:
    # Large tensors in large pages (Linux, on the CPU): clearing small ones takes a quarter of NAFNet's time. PyTorch
    # looks at this when it first allocates anything.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        import torch
    except ImportError as error:
        raise ModelUnavailableError(
            f"The model {name} needs PyTorch, which is not here ({error}). Install it: pip install 'imgflow[models]'."
        ) from error
    return torch


def _best_device(torch: Any) -> str:
    return next((device for device in ("cuda", "mps") if _is_there(torch, device)), "cpu")


def _is_there(torch: Any, device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_available())
    return device == "cpu" or (device == "mps" and bool(torch.backends.mps.is_available()))


def _possible(torch: Any, device: str) -> Sequence[str]:
    """The precisions that the device computes in, other than fp32."""
    if device == "cuda":
        return ("fp16", "bf16") if torch.cuda.is_bf16_supported() else ("fp16",)
    return ("bf16",) if device == "cpu" else ("fp16", "bf16")
