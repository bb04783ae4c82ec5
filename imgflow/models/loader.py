"""From a model's name to a model that is ready: loaded once a process, and unloaded when others need its memory."""

import contextlib
import functools
import gc
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from imgflow.errors import (
    DeviceMemoryError,
    DeviceUnavailableError,
    InfrastructureError,
    ModelUnavailableError,
    UsageError,
)
from imgflow.models.base import LoadedModel, Segmenter
from imgflow.models.devices import device_memory
from imgflow.models.families import load_model
from imgflow.models.model import Model, Purpose
from imgflow.models.pulling.sources import Progress, silent
from imgflow.models.remembering import Remembering
from imgflow.models.runtime import DEFAULT_RUNTIME, Runtime
from imgflow.models.sparing import Sparing
from imgflow.models.store import ModelStore
from imgflow.recipe import Chain

BUDGET_SHARE = 0.6
"""Of the device's memory, for weights; the rest is for what the networks compute."""


RETRY_SECONDS = 60.0
"""A model that could not be had is not asked for again for so long."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a stage works with.

    Attributes:
        name: of the model, or of the stage's own method.
        model: None if it is a method.
        fallback: None, or a sentence: what was wanted and why it is not used. What the model itself had to do without,
            its own `fallback` tells.
    """

    name: str
    model: LoadedModel | None
    fallback: str | None


class Models:
    """Models that stay in memory, each loaded at its first use, once, whatever the number of threads.

    When the weights of all exceed the budget, those that were used longest ago are unloaded. When the device has not
    enough memory for a photo, all other models are, then the model works in smaller pieces, and only then the photo
    fails (`out_of_memory`).

    Args:
        store: where the weights are.
        runtime: how models are to run.
        budget: bytes for weights; 0: 60 % of the memory of the GPU, or of the machine without one.
        progress: is told how far a download has come.
    """

    def __init__(
        self, store: ModelStore, runtime: Runtime = DEFAULT_RUNTIME, budget: int = 0, progress: Progress = silent
    ) -> None:
        self.store = store
        self.runtime = runtime
        self._budget = budget
        self._progress = progress
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()  # the one used last is last
        self._missing: dict[str, tuple[float, ModelUnavailableError]] = {}
        _in_process.add(self)

    @functools.cached_property
    def budget(self) -> int:
        """Bytes for weights. Found out when a model is loaded: the UI and the sensors never load one."""
        return self._budget or int(BUDGET_SHARE * device_memory(self.runtime.device))

    def choose(self, chain: Chain) -> Choice:
        """The first of the chain's names that can be had. A failed load is tried again after a while.

        Raises:
            UsageError: there is no such model, or it has another purpose.
            ModelUnavailableError: no source has the weights, or they cannot be loaded.
            DeviceUnavailableError: the runtime is strict, and the device is not there.
            DeviceMemoryError: the weights do not fit.
        """
        missing: list[tuple[str, InfrastructureError]] = []
        for name in chain.names:
            told = "; ".join(f"{other} was wanted, but: {_first_line(error)}" for other, error in missing) or None
            if name in chain.methods:
                return Choice(name, None, told)
            try:
                model = self._get(name, chain.purpose)
            except (ModelUnavailableError, DeviceUnavailableError, DeviceMemoryError) as error:
                missing.append((name, error))
            else:
                return Choice(model.name, model, told)
        raise missing[-1][1]

    def check(self, chains: Iterable[Chain]) -> None:
        """See that every name is known, without loading or fetching anything.

        Raises:
            UsageError: one is neither a method nor a model of that purpose.
        """
        for chain in chains:
            for name in set(chain.names) - set(chain.methods):
                try:
                    self.store.find(name, chain.purpose, self.runtime.device)
                except ModelUnavailableError:
                    pass  # `auto`, and nothing is here yet
                except UsageError as error:
                    methods = f" The stage's own methods are {', '.join(chain.methods)}." if chain.methods else ""
                    raise UsageError(f"{error}{methods}") from error

    def prepare(self, chains: Iterable[Chain]) -> None:
        """Fetch the weights that `choose` will want, so that `weights_hash` knows them."""
        for chain in chains:
            for name in chain.names:
                if name in chain.methods:
                    break
                with contextlib.suppress(ModelUnavailableError):  # `choose` says so
                    self._ensure(self.store.find(name, chain.purpose, self.runtime.device))
                    break

    def load_present(self, chains: Iterable[Chain]) -> None:
        """Load what `choose` will give, so that it need not wait; nothing is fetched.

        Raises:
            As `choose`.
        """
        for chain in chains:
            name = chain.names[0]
            if name not in chain.methods and self._is_present(name, chain.purpose):
                self.choose(chain)

    def weights_hash(self, chain: Chain) -> str | None:
        """Of the model that `choose` would give today, without loading or fetching it; None for a method."""
        present = [name for name in chain.names if name in chain.methods or self._is_present(name, chain.purpose)]
        name = (present or chain.names)[0]
        if name in chain.methods:
            return None
        try:
            return self.store.find(name, chain.purpose, self.runtime.device).weights_hash
        except ModelUnavailableError:
            return "not here yet"

    def held(self) -> list[tuple[str, str]]:
        """Name and device of each model in memory, the one used longest ago first."""
        with self._lock:
            return [(name, model.device) for name, model in self._loaded.items()]

    def unload(self) -> None:
        """Forgets all models, so that their memory is freed once nobody uses them any more."""
        self._unload(lambda _name: True)

    def _get(self, name: str, purpose: Purpose) -> LoadedModel:
        model = self.store.find(name, purpose, self.runtime.device)
        with self._lock:
            loading = self._loading.setdefault(model.name, threading.Lock())
        with loading:  # a slow load holds up nobody who wants another model
            with self._lock:
                if model.name in self._loaded:
                    self._loaded.move_to_end(model.name)
                    return self._loaded[model.name]
            loaded = cast(LoadedModel, Sparing(self._load(model), lambda: self._make_room(model.name)))
            if purpose == "segment":
                loaded = cast(LoadedModel, Remembering(cast(Segmenter, loaded)))
            with self._lock:
                self._loaded[model.name] = loaded
        self._keep_within_budget(loaded.memory, model.name)
        return loaded

    def _load(self, model: Model) -> LoadedModel:
        folder = self._ensure(model)
        # Now with the hashes of what was pulled.
        model = self.store.find(model.name, model.purpose, self.runtime.device)
        self._keep_within_budget(model.size, model.name)
        try:
            return load_model(model, folder, self.runtime)
        except DeviceMemoryError:
            # Other programs use the device too. Once everything else is gone, it fits or it does not.
            self._make_room(model.name)
            return load_model(model, folder, self.runtime)

    def _ensure(self, model: Model) -> Path:
        """The folder with the model's files; what could not be had is not asked for again at every photo."""
        moment, error = self._missing.get(model.name, (0.0, None))
        if error and time.monotonic() - moment < RETRY_SECONDS:
            raise error
        try:
            return self.store.ensure(model.name, self._progress)
        except ModelUnavailableError as error:
            self._missing[model.name] = (time.monotonic(), error)
            raise

    def _is_present(self, name: str, purpose: Purpose) -> bool:
        try:
            return self.store.is_present(self.store.find(name, purpose, self.runtime.device))
        except ModelUnavailableError:
            return False

    def _keep_within_budget(self, size: int, newcomer: str) -> None:
        """Unload models, the one used longest ago first, until those that stay and the newcomer fit."""
        going: set[str] = set()
        with self._lock:
            others = {name: model.memory for name, model in self._loaded.items() if name != newcomer}
            for name in others:
                if sum(others.values()) - sum(others[gone] for gone in going) + size <= self.budget:
                    break
                going.add(name)
        if going:
            self._unload(going.__contains__)

    def _make_room(self, name: str) -> None:
        self._unload(lambda other: other != name)

    def _unload(self, is_going: Callable[[str], bool]) -> None:
        with self._lock:
            for name in [name for name in self._loaded if is_going(name)]:
                del self._loaded[name]
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


_in_process: "weakref.WeakSet[Models]" = weakref.WeakSet()


def held_models() -> list[tuple[str, str]]:
    """Name and device of each model that this process has in memory."""
    return [held for models in list(_in_process) for held in models.held()]
