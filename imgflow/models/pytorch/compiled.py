"""A network that PyTorch's compiler turns into few large kernels, on a GPU replayed as one CUDA graph.

A network of many small steps leaves a GPU waiting for Python: Swin-L alone starts some thousand kernels a picture. It
pays where the input always has the same size, since each new size is compiled anew, for a minute or more; so it is for
segmenters, and asked for (`IMGFLOW_COMPILE`), since the first photo of every worker waits for it.

On a CPU networks run as they are: BiRefNet falls into 36 graphs there, around the kernels that are numba's, and having
them captured gains nothing (Swin-T at 256 pixels: 2.09 CPU seconds, 2.12 without). What PyTorch's C++ backend would
make of them is not known: it had not compiled them after half a minute of CPU time.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch  # noqa: TID253 (imported only by the modules that load a network)
from torch import Tensor, nn  # noqa: TID253

from imgflow.errors import DeviceMemoryError
from imgflow.models.exhaustion import memory_errors
from imgflow.models.pytorch.placement import Placement
from imgflow.models.runtime import Runtime

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "cuda": {"mode": "reduce-overhead", "dynamic": False},  # with CUDA graphs
}
"""Of torch.compile, by device. Where a device has no row, networks run as they are."""


class CompiledNetwork:
    """A network that is compiled at its first call, and runs as it is from then on if that fails.

    All calls are made in a thread of its own: PyTorch keeps CUDA graphs by thread, and would record one for each of the
    threads that photos come from (before 2.13 it fails in all but the first).

    Args:
        name: the model's, for messages.
        network: on its device.
        placement: where it runs.

    Attributes:
        fallback: None, or a sentence: why it runs uncompiled.
    """

    def __init__(self, name: str, network: nn.Module, placement: Placement) -> None:
        self.fallback: str | None = None
        self._name = name
        self._network = network
        self._device = placement.device
        self._compiled: Any = torch.compile(network, **OPTIONS[placement.device])
        self._seen: set[torch.Size] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"compiled {name}")

    def __call__(self, picture: Tensor) -> Tensor:
        """As the network. On a GPU the result is overwritten by the next call.

        Raises:
            DeviceMemoryError: the device has not enough memory, compiled or not.
        """
        if self.fallback is None:
            try:
                return self._thread.submit(self._run, picture).result()
            except DeviceMemoryError:
                raise
            except Exception as error:  # a compiler, and what it calls, can fail in any way
                # If the network itself is at fault, this raises its own error, and the compiler is not blamed.
                made = self._network(picture)
                reason = " ".join(str(error).split())[:200]
                self.fallback = (
                    f"{self._name} was to be compiled, but {type(error).__name__}: {reason}; it runs as it is"
                )
                self._compiled = None
                self._thread.shutdown(wait=False)
                return made
        return self._network(picture)

    def _run(self, picture: Tensor) -> Tensor:
        with memory_errors(self._name, self._device), torch.inference_mode():
            if picture.shape not in self._seen:
                # What networks keep for each size (Swin's windows) is made here, and is not part of what is compiled.
                self._network(picture)
                self._seen.add(picture.shape)
            return self._compiled(picture)


def compiled_if_wanted(
    name: str, network: nn.Module, placement: Placement, runtime: Runtime, fixed_size: bool
) -> nn.Module | CompiledNetwork:
    """The network, compiled where the runtime allows it, the device has `OPTIONS`, and its input has a fixed size."""
    if runtime.compile == "auto" and placement.device in OPTIONS and fixed_size:
        return CompiledNetwork(name, network, placement)
    return network
