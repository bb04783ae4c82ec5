"""Exhausted memory is told by one error, in whatever words a library says it."""

import subprocess
import sys

import numpy as np
import pytest

from imgflow.errors import DeviceMemoryError
from imgflow.models.exhaustion import memory_errors


def test_pytorch_on_the_cpu_really_says_so() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(DeviceMemoryError, match="tiny on cpu"), memory_errors("tiny", "cpu"):
        torch.empty(1 << 55, dtype=torch.uint8)


def test_numpy_really_says_so() -> None:
    with pytest.raises(DeviceMemoryError), memory_errors("tiny", "cpu"):
        np.ones(1 << 55, np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to a limit of its address space")
def test_onnx_runtime_really_says_so() -> None:
    """In a process that may have 50 MB more, which its map of 268 MB does not fit into."""
    code = """
import resource, numpy, onnxruntime
from pathlib import Path
from imgflow.errors import DeviceMemoryError
from imgflow.models.exhaustion import memory_errors
from imgflow_tests.models.tiny_onnx import tiny_onnx

session = onnxruntime.InferenceSession(tiny_onnx(size=0), providers=["CPUExecutionProvider"])
picture = numpy.zeros((1, 3, 8192, 8192), numpy.float32)
session.run(None, {"x": picture[..., :32, :32].copy()})
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 50_000_000, resource.RLIM_INFINITY))
try:
    with memory_errors("tiny", "cpu"):
        session.run(None, {"x": picture})
except DeviceMemoryError:
    print("told")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "told", done.stderr[-2000:]


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 20.00 GiB",
        "MPS backend out of memory (MPS allocated: 17.95 GB)",
        "CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "Failed to allocate memory for requested buffer of size 1073741824",
        "Available memory of 8 is smaller than requested bytes of 16",
        "std::bad_alloc",
    ],
)
def test_what_devices_that_are_not_here_say(words: str) -> None:
    with pytest.raises(DeviceMemoryError, match="tiny on cuda"), memory_errors("tiny", "cuda"):
        raise RuntimeError(words)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="no kernel image is available"), memory_errors("tiny", "cuda"):
        raise RuntimeError("no kernel image is available for execution on the device")
