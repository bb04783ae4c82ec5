"""The model store: a folder with one folder a model, in which every file has the hash that is pinned for it.

imgflow runs nothing that it finds there. Only the files that a model's description names are pulled or read, none of
them is code (`model.CODE`), and whatever else lies in a folder, a .py file of a hub repository above all, is ignored.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models.contents import has_size, is_right, marker, read_contents
from imgflow.models.devices import has_gpu, is_installed, library_of
from imgflow.models.local.describe import describe, folder_of_path, is_path
from imgflow.models.model import Model, ModelFile, Purpose
from imgflow.models.pulling.lock_file import LockFile
from imgflow.models.pulling.pull import Pull, locked
from imgflow.models.pulling.sources import Progress, silent
from imgflow.models.registry import MODELS, find_model

DEFAULTS: dict[Purpose, str] = {"segment": "u2netp"}
"""What `auto` pulls when no model of the purpose is present: small enough to come with the first photo."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `imgflow models list`.

    Attributes:
        commercial: whether the weights may be used commercially.
        size: bytes of all files; 0 where that is known only once it is pulled.
        present: all files are there with the right size.
        folder: where they are or will be.
    """

    name: str
    purpose: str
    licence: str
    commercial: bool
    size: int
    present: bool
    folder: Path


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What `verify` found about one file.

    Attributes:
        state: `wrong`: another size or hash than is pinned; `unpinned`: nothing is, `pull` pins what is there.
    """

    model: str
    file: str
    path: Path
    state: Literal["ok", "missing", "wrong", "unpinned"]


class ModelStore:
    """Weights on disk, shared by any number of threads and processes.

    A file whose full hash was found right gets a marker beside it with size, mtime and hash. As long as these agree
    with the file and with what is pinned, loading trusts it without reading it again; `verify` always reads every byte.

    What is pinned: the hash in imgflow's own table, else the one in the store's lock file (see lock_file.py), which is
    written when a model is pulled.

    Args:
        root: the folder; made when something is downloaded. May be read-only when the models are in it.
        folders: where users put files by hand, looked into before anything is downloaded: `FILE` or `MODEL/FILE`.
    """

    def __init__(self, root: Path, folders: Sequence[Path] = ()) -> None:
        self.root = root
        self.folders = tuple(folders)
        self.lock = LockFile(root)

    def find(self, name: str, purpose: Purpose, device: str = "auto") -> Model:
        """The model of that name.

        Args:
            name: in the registry; or a path (it contains a separator, begins with `~`, or is a file): a checkpoint, an
                .onnx file or a folder in the hub's layout, relative to the working directory; or `auto`: the best one
                of the purpose that is present and suits the device, never one that may not be used commercially, and
                the smallest if none is present.
            purpose: what it must be for.
            device: where it is to run (as `Runtime.device`), for `auto`.

        Raises:
            UsageError: there is none, it has another purpose, or what the path leads to is not understood.
            ModelUnavailableError: `auto`, and no model of this purpose is present or small enough to be pulled unasked.
        """
        if name == "auto":
            return self._best(purpose, device)
        model = describe(name, purpose, self._notes) if is_path(name) else self.lock.pinned(find_model(name, purpose))
        if model.purpose != purpose:
            raise UsageError(f"The model {name} is one to {model.purpose}, not to {purpose}.")
        return model

    def folder(self, name: str) -> Path:
        """Where a model's files are or will be."""
        return folder_of_path(name) if is_path(name) else self.root / find_model(name).name

    def ensure(self, name: str, progress: Progress = silent) -> Path:
        """The model's folder, with every file present and right; downloads what is missing or damaged.

        Touches no network when all is there. A path of the user's own is taken as it is.

        Raises:
            ModelUnavailableError: no source had a file; the message names each with its reason, and what to put where.
            UsageError: there is no such model.
        """
        if not is_path(name):
            model = self.lock.pinned(find_model(name))
            if not all(self._is_right(model, file) for file in model.files):
                self._pull(name, progress)
        return self.folder(name)

    def pull(self, name: str, progress: Progress = silent, update: bool = False) -> Path:
        """As `ensure`, but reads every byte of what is there, whatever its marker says.

        Args:
            name: in the registry.
            progress: is told.
            update: take the newest revision of what only the lock file pins.
        """
        if is_path(name):
            raise UsageError(f"{name} is a path: there is nothing to pull.")
        for check in self.verify(name):
            if check.state == "wrong":
                marker(check.path).unlink(missing_ok=True)
        if update and not all(file.sha256 for file in find_model(name).files):
            self._pull(name, progress, update=True)
        return self.ensure(name, progress)

    def verify(self, name: str | None = None) -> list[FileCheck]:
        """Reads every byte of a model, or of all models that are present, and compares the hashes."""
        if name and is_path(name):
            raise UsageError(f"{name} is a path: no hash is pinned for it.")
        models = [find_model(name)] if name else [model for model in MODELS.values() if self._is_begun(model)]
        return [self._check(model, file) for model in map(self.lock.pinned, models) for file in model.files]

    def damaged(self) -> list[Path]:
        """Files that are not the pinned ones; those that were verified and have not changed since are not read."""
        return [
            path
            for model in map(self.lock.pinned, MODELS.values())
            for file in model.files
            if (path := self._place(model, file)).exists() and file.sha256 and not is_right(path, file)
        ]

    def status(self) -> list[ModelStatus]:
        """All models that imgflow knows, present or not."""
        return [
            ModelStatus(
                name=model.name,
                purpose=model.purpose,
                licence=model.licence,
                commercial=model.commercial,
                size=model.size if all(file.size for file in model.files) else 0,
                present=self.is_present(model),
                folder=self.folder(model.name),
            )
            for model in map(self.lock.pinned, MODELS.values())
        ]

    def remove(self, name: str) -> bool:
        """Deletes a model's folder and its lines in the lock file; False if there was none."""
        if is_path(name):
            raise UsageError(f"{name} is a path: it is not the model store's to delete.")
        if not self.folder(name).is_dir():
            return False
        with locked(self.root, find_model(name)):
            try:
                shutil.rmtree(self.folder(name))
                self.lock.forget(name)
            except OSError as error:
                raise ModelUnavailableError(f"{self.folder(name)} cannot be removed: {error.strerror}.") from error
        return True

    # -- what is there -----------------------------------------------------------------------------------------------

    @property
    def _notes(self) -> Path:
        return self.root / ".paths"

    def _place(self, model: Model, file: ModelFile) -> Path:
        return self.root / model.name / file.name

    def _is_begun(self, model: Model) -> bool:
        return any(self._place(model, file).exists() for file in model.files)

    def is_present(self, model: Model) -> bool:
        """Whether all its files are there, with the right size; a path of the user's own is."""
        return model.folder is not None or all(has_size(self._place(model, file), file.size) for file in model.files)

    def _is_right(self, model: Model, file: ModelFile) -> bool:
        return bool(file.sha256) and is_right(self._place(model, file), file)

    def _best(self, purpose: Purpose, device: str) -> Model:
        ranks = {name: _rank(model, device) for name, model in MODELS.items() if model.purpose == purpose}
        suited = [MODELS[name] for name in sorted(ranks, key=lambda name: -ranks[name]) if ranks[name] > 0]
        for model in map(self.lock.pinned, suited):
            if self.is_present(model):
                return model
        if purpose in DEFAULTS:
            return self.lock.pinned(find_model(DEFAULTS[purpose]))
        raise ModelUnavailableError(
            f"No model to {purpose} is in {self.root}. Pull one: "
            + (", ".join(f"imgflow models pull {model.name}" for model in suited) or "imgflow models list shows them.")
        )

    def _check(self, model: Model, file: ModelFile) -> FileCheck:
        path = self._place(model, file)
        if not path.exists():
            return FileCheck(model.name, file.name, path, "missing")
        if not file.sha256:
            return FileCheck(model.name, file.name, path, "unpinned")
        wrong = not has_size(path, file.size) or read_contents(path, file).differ_from(file)
        return FileCheck(model.name, file.name, path, "wrong" if wrong else "ok")

    def _pull(self, name: str, progress: Progress, update: bool = False) -> None:
        Pull(find_model(name), self.root, self.folders, self.lock, progress, update).run()


def _rank(model: Model, device: str) -> int:
    library = library_of(model.family)
    return model.rank_on(has_gpu(device, library)) if is_installed(library) else 0
