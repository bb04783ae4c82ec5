"""The lock file of a model store: for every model that was pulled, where each file came from and what it is.

It pins the files of which imgflow itself knows no hash. Copied to another machine's store, it makes `pull` bring the
very same files there.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from imgflow.errors import ModelUnavailableError
from imgflow.models.contents import write_durably
from imgflow.models.model import HubSource, Model, ModelFile

NAME = "models.lock.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file as it was pulled.

    Attributes:
        sha256: 64 hex digits.
        size: bytes.
        source: a person can find it by this.
        revision: the hub's full commit (40 hex digits), a wheel's version; empty where the source has none.
        wanted: what the table asked for when it was pulled (a branch, an MD5); another wish makes this entry void.
    """

    sha256: str
    size: int
    source: str
    revision: str = ""
    wanted: str = ""


class LockFile:
    """The lock file, shared by any number of processes.

    Args:
        root: the model store's folder.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def of(self, model: str) -> dict[str, LockedFile]:
        """A model's files by name; empty if it was never pulled.

        Raises:
            ModelUnavailableError: the lock file is damaged, or was written by a newer imgflow.
        """
        try:
            return {name: LockedFile(**file) for name, file in self._read().get(model, {}).items()}
        except (TypeError, AttributeError) as error:
            raise self._damaged(error) from error

    def pinned(self, model: Model) -> Model:
        """The model with the hashes that the lock file adds to those which imgflow knows itself."""
        if all(file.sha256 for file in model.files):
            return model
        locked = self.of(model.name)
        return replace(model, files=tuple(_pinned(file, locked.get(file.name)) for file in model.files))

    def record(self, model: str, name: str, file: LockedFile) -> None:
        """Notes one file.

        Raises:
            OSError: it cannot be written.
        """
        self._change(lambda models: models.setdefault(model, {}).__setitem__(name, asdict(file)))

    def forget(self, model: str) -> None:
        """Drops a model.

        Raises:
            OSError: it cannot be written.
        """
        if self.of(model):
            self._change(lambda models: models.pop(model, None))

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        with FileLock(self.path.with_name(f".{NAME}.lock")):
            models = self._read()
            change(models)
            told = {"version": VERSION, "models": models}
            write_durably(self.path, json.dumps(told, indent=2, sort_keys=True) + "\n")

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads(self.path.read_text())
            if told["version"] != VERSION:
                raise ModelUnavailableError(f"{self.path} was written by another version of imgflow.")
            models: dict[str, Any] = told["models"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        return models

    def _damaged(self, error: Exception) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"The lock file {self.path} cannot be read ({error!r}). Restore it, or delete it and pull the models "
            "again: the hashes of models that imgflow does not pin itself are then those of today."
        )


def wanted(file: ModelFile) -> str:
    """What the table says about a file of which it knows no SHA-256."""
    revisions = [f"{source.repo}@{source.revision}" for source in file.sources if isinstance(source, HubSource)]
    return " ".join([*([f"md5 {file.md5}"] if file.md5 else []), *revisions])


def _pinned(file: ModelFile, locked: LockedFile | None) -> ModelFile:
    if file.sha256 or locked is None or locked.wanted != wanted(file):
        return file
    return replace(file, sha256=locked.sha256, size=locked.size)
