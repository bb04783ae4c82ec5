"""What running out of memory looks like, whichever library runs a model."""

import contextlib
from collections.abc import Generator

from imgflow.errors import DeviceMemoryError

EXHAUSTED = (
    "out of memory",  # CUDA, Metal
    "can't allocate memory",  # PyTorch's CPU allocator on Linux and macOS
    "not enough memory",  # the same on Windows
    "failed to allocate memory",  # ONNX Runtime's arena
    "smaller than requested bytes",  # the same, with a limit
    "bad_alloc",  # the C++ library
    "bad allocation",
    "alloc_failed",  # cuDNN, cuBLAS
)
"""How PyTorch, ONNX Runtime and what they call say it, in lower case. Few of them have an error of its own for it."""


@contextlib.contextmanager
def memory_errors(name: str, device: str) -> Generator[None]:
    """Turn all ways to say that memory is exhausted into one.

    Args:
        name, device: the model's, for the message.

    Raises:
        DeviceMemoryError: it is. Whatever else is raised inside passes.
    """
    try:
        yield
    except Exception as error:  # ONNX Runtime's errors have no common base but Exception
        if isinstance(error, MemoryError) or any(words in str(error).lower() for words in EXHAUSTED):
            raise DeviceMemoryError(f"{name} on {device}: {error}") from error
        raise
