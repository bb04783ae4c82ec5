"""ONNX Runtime on a device that is chosen, not happened upon.

ONNX Runtime takes a list of execution providers and drops those that do not start with no more than a line in its log.
Here each device has its list, and what is dropped is an error or a sentence that the user sees.
"""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgflow.cores import compute_cores
from imgflow.errors import DeviceMemoryError, DeviceUnavailableError, ModelUnavailableError
from imgflow.models.exhaustion import memory_errors
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}
"""ONNX Runtime's name of what `Runtime.device` may ask for. `tensorrt` is CUDA's device with engines built for it."""

AUTO = ("cuda", "cpu")
"""What `auto` tries. TensorRT builds engines for minutes, Core ML runs these networks only in part: ask for them."""

NEXT = {"tensorrt": "cuda", "cuda": "cpu", "mps": "cpu"}
"""What is used where a device is not there. It also runs the operators that the device's own provider does not have."""

INSTALL = {
    "cuda": "Install onnxruntime-gpu in place of onnxruntime, and an NVIDIA driver.",
    "tensorrt": "Install onnxruntime-gpu in place of onnxruntime, and TensorRT: pip install tensorrt.",
    "mps": "Core ML needs a Mac.",
}


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A network that is ready.

    Attributes:
        device: where it really runs: cpu, cuda or mps.
        provider: ONNX Runtime's name of what runs it.
        precision: fp32 or fp16, of what goes in (with TensorRT: in which it computes).
        fallback: None, or a sentence: what was wanted and why it is not so.
    """

    session: "onnxruntime.InferenceSession"
    device: str
    provider: str
    precision: str
    fallback: str | None


def open_session(name: str, path: Path, runtime: Runtime) -> OpenSession:
    """Loads a network onto the device that is wanted, or onto the next one that is there.

    Args:
        name: the model's, for messages.
        path: the .onnx file.
        runtime: device (auto, cpu, cuda, tensorrt, mps), precision, strictness, threads.

    Raises:
        DeviceUnavailableError: `runtime.strict`, and device or precision cannot be had; or there is no such device.
        ModelUnavailableError: the file cannot be loaded.
        DeviceMemoryError: the device has not enough memory.
    """
    import onnxruntime

    available: list[str] = onnxruntime.get_available_providers()
    wanted = next(d for d in AUTO if PROVIDERS[d] in available) if runtime.device == "auto" else runtime.device
    if wanted not in PROVIDERS:
        raise DeviceUnavailableError(
            f"There is no device {wanted!r} for this model; it runs on {', '.join(PROVIDERS)}."
        )
    reasons, device = list[str](), wanted
    while True:
        session, missing = _start(name, path, device, runtime, available)
        if session is not None:
            break
        reasons.append(f"{device} was wanted, but {missing}" if device == wanted else f"nor is {device}: {missing}")
        if runtime.strict:
            remedy = f"{INSTALL[device]} Or allow the CPU: IMGFLOW_STRICT_DEVICE=false."
            raise DeviceUnavailableError(f"{'; '.join(reasons)}. {remedy}")
        device = NEXT[device]
    if device != wanted:
        reasons.append(f"running on {'the CPU' if device == 'cpu' else device}")
    precision = _precision(session, device, runtime)
    if runtime.precision not in ("auto", precision):
        reasons.append(f"{runtime.precision} was wanted, but {name} computes in {precision}")
        if runtime.strict:
            raise DeviceUnavailableError(f"{'; '.join(reasons)}. Set IMGFLOW_PRECISION=auto.")
    fallback = "; ".join(reasons) or None
    return OpenSession(session, "cuda" if device == "tensorrt" else device, PROVIDERS[device], precision, fallback)


def _start(
    name: str, path: Path, device: str, runtime: Runtime, available: list[str]
) -> "tuple[onnxruntime.InferenceSession | None, str]":
    """The session, or None and why the device is not there."""
    import onnxruntime

    if PROVIDERS[device] not in available:
        return None, f"this ONNX Runtime has no {PROVIDERS[device]}"
    if device in ("cuda", "tensorrt"):
        # CUDA's libraries often come as wheels, which no loader finds by itself. What it prints is not for our stdout.
        with contextlib.redirect_stdout(sys.stderr):
            getattr(onnxruntime, "preload_dlls", lambda: None)()
    chain = [device]
    while chain[-1] in NEXT:
        chain.append(NEXT[chain[-1]])
    providers = [_provider(one, path, runtime) for one in chain if PROVIDERS[one] in available]
    try:
        with memory_errors(name, device):
            session = onnxruntime.InferenceSession(str(path), _options(runtime), providers=providers)
    except DeviceMemoryError:
        raise
    except Exception as error:
        raise ModelUnavailableError(f"{path} cannot be loaded: {error}") from error
    if session.get_providers()[0] != PROVIDERS[device]:
        return None, f"{PROVIDERS[device]} did not start (driver or CUDA libraries missing)"
    return session, ""


def _options(runtime: Runtime) -> Any:
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads or compute_cores()
    options.inter_op_num_threads = 1
    # It would take all memory of a call anew, in one piece, at the second one: u2netp then holds 200 MB more.
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # what ONNX Runtime would warn of, we say ourselves
    # Idle threads sleep instead of spinning: several workers share a machine, and the other stages need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _provider(device: str, path: Path, runtime: Runtime) -> Any:
    """A provider's name, with its options where the defaults do not do."""
    match device:
        case "cuda":
            # The default doubles what it reserves at each step, and keeps it.
            return PROVIDERS[device], {
                "arena_extend_strategy": "kSameAsRequested",
                "cudnn_conv_algo_search": "HEURISTIC",
            }
        case "tensorrt":
            options: dict[str, Any] = {"trt_fp16_enable": runtime.precision == "fp16"}
            engines = path.parent / ".tensorrt"
            with contextlib.suppress(OSError):  # a store that cannot be written: engines are built at every load
                engines.mkdir(exist_ok=True)
                options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(engines)}
            return PROVIDERS[device], options
        case _:
            return PROVIDERS[device]


def _precision(session: "onnxruntime.InferenceSession", device: str, runtime: Runtime) -> str:
    if device == "tensorrt" and runtime.precision == "fp16":
        return "fp16"
    return "fp16" if session.get_inputs()[0].type == "tensor(float16)" else "fp32"
