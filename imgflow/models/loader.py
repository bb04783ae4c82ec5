"""From a model's name to a model that is ready, loaded once a process."""

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from imgflow.models.registry import Model, find_model
from imgflow.models.segmenter import Segmenter
from imgflow.models.sources import Progress, silent
from imgflow.models.store import ModelStore


class Loader(Protocol):
    """Loads one family of segmenters from a folder in which the model's files are present and verified."""

    def __call__(self, model: Model, folder: Path, device: str, strict: bool, threads: int) -> Segmenter:
        """As `load_segmenter`."""
        ...


def _load_u2net_onnx(model: Model, folder: Path, device: str, strict: bool, threads: int) -> Segmenter:
    from imgflow.models.onnx_segmenter import OnnxSegmenter

    return OnnxSegmenter(model, folder / model.files[0].name, device, strict, threads)


LOADERS: dict[str, Loader] = {"u2net_onnx": _load_u2net_onnx}
"""By family (see registry.py)."""


def load_segmenter(
    name: str,
    store: ModelStore,
    device: str = "auto",
    strict: bool = False,
    threads: int = 0,
    progress: Progress = silent,
) -> Segmenter:
    """Loads a segmenter, after downloading it if it is not there.

    Args:
        name: in the registry.
        store: where the weights are.
        device: auto, cpu, cuda or mps.
        strict: fail instead of falling back to the CPU.
        threads: of one inference; 0: one for each physical core.
        progress: is told how far a download has come.

    Raises:
        UsageError: there is no such model.
        ModelUnavailableError: no source has the weights, or they cannot be loaded.
        DeviceUnavailableError: `strict`, and the device is not there.
    """
    model = find_model(name)
    return LOADERS[model.family](model, store.ensure(name, progress), device, strict, threads)


_in_process: "weakref.WeakSet[Models]" = weakref.WeakSet()


def held_models() -> list[tuple[str, str]]:
    """Name and device of each model that this process has in memory."""
    return [held for models in list(_in_process) for held in models.held()]


class Models:
    """Models that stay in memory: each is loaded at its first use, once, whatever the number of threads.

    Args: as of `load_segmenter`.
    """

    def __init__(
        self,
        store: ModelStore,
        device: str = "auto",
        strict: bool = False,
        threads: int = 0,
        progress: Progress = silent,
    ) -> None:
        self.store = store
        self._load: Callable[[str], Segmenter] = lambda name: load_segmenter(
            name, store, device, strict, threads, progress
        )
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: dict[str, Segmenter] = {}
        _in_process.add(self)

    def segmenter(self, name: str) -> Segmenter:
        """The segmenter of that name; raises as `load_segmenter`. A failed load is tried again at the next call."""
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:  # a slow load holds up nobody who wants another model
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def held(self) -> list[tuple[str, str]]:
        """Name and device of each model in memory."""
        with self._lock:
            return [(name, model.device) for name, model in self._loaded.items()]

    def unload(self) -> None:
        """Forgets all models, so that their memory is freed once nobody uses them any more."""
        with self._lock:
            self._loaded.clear()
