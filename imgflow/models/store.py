"""The model store: a folder with one folder a model, in which every file has the hash that the registry pins."""

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models.registry import MODELS, LocalSource, Model, ModelFile, Purpose, find_model
from imgflow.models.sources import Progress, SourceError, fetch, silent

LOCK_SECONDS = 1800.0
"""How long a process waits for another one that downloads the same model."""

UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `imgflow models list`. `present`: all files are there with the right size."""

    name: str
    purpose: str
    licence: str
    commercial: bool
    size: int
    present: bool
    folder: Path


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What `verify` found about one file: `wrong` means another size or hash than the registry's."""

    model: str
    file: str
    path: Path
    state: Literal["ok", "missing", "wrong"]


class ModelStore:
    """Weights on disk, shared by any number of threads and processes.

    A file whose full hash was found right gets a marker beside it with size, mtime and hash. As long as these agree
    with the file and the registry, loading trusts it without reading it again; `verify` always reads every byte.

    Args:
        root: the folder; made when something is downloaded. May be read-only when the models are in it.
        folders: where users put files by hand, looked into before anything is downloaded: `FILE` or `MODEL/FILE`.
    """

    def __init__(self, root: Path, folders: Sequence[Path] = ()) -> None:
        self.root = root
        self.folders = tuple(folders)

    def find(self, name: str, purpose: Purpose) -> Model:
        """The model of that name.

        Raises:
            UsageError: there is none, or it has another purpose.
        """
        model = find_model(name)
        if model.purpose != purpose:
            raise UsageError(f"The model {name} is one to {model.purpose}, not to {purpose}.")
        return model

    def folder(self, name: str) -> Path:
        """Where a model's files are or will be."""
        return self.root / find_model(name).name

    def ensure(self, name: str, progress: Progress = silent) -> Path:
        """The model's folder, with every file present and right; downloads what is missing or damaged.

        Touches no network when all is there.

        Raises:
            ModelUnavailableError: no source had a file; the message names each with its reason, and what to put where.
            UsageError: there is no such model.
        """
        model = find_model(name)
        if not all(self._is_right(model, file) for file in model.files):
            with self._locked(model):
                for file in model.files:
                    if not self._is_right(model, file):  # another process may have been faster
                        self._obtain(model, file, progress)
        return self.folder(name)

    def pull(self, name: str, progress: Progress = silent) -> Path:
        """As `ensure`, but reads every byte of what is there, whatever its marker says."""
        for check in self.verify(name):
            if check.state == "wrong":
                _marker(check.path).unlink(missing_ok=True)
        return self.ensure(name, progress)

    def verify(self, name: str | None = None) -> list[FileCheck]:
        """Reads every byte of a model, or of all models that are present, and compares the hashes."""
        models = [find_model(name)] if name else [model for model in MODELS.values() if self._is_begun(model)]
        return [self._check(model, file) for model in models for file in model.files]

    def status(self) -> list[ModelStatus]:
        """All models that imgflow knows, present or not."""
        return [
            ModelStatus(
                name=model.name,
                purpose=model.purpose,
                licence=model.licence,
                commercial=model.commercial,
                size=model.size,
                present=all(_has_size(self.folder(model.name) / file.name, file.size) for file in model.files),
                folder=self.folder(model.name),
            )
            for model in MODELS.values()
        ]

    def remove(self, name: str) -> bool:
        """Deletes a model's folder; False if there was none."""
        model = find_model(name)
        if not self.folder(name).is_dir():
            return False
        with self._locked(model):
            shutil.rmtree(self.folder(name))
        return True

    def _is_begun(self, model: Model) -> bool:
        return any((self.folder(model.name) / file.name).exists() for file in model.files)

    def _check(self, model: Model, file: ModelFile) -> FileCheck:
        path = self.folder(model.name) / file.name
        if not path.exists():
            return FileCheck(model.name, file.name, path, "missing")
        right = _has_size(path, file.size) and _sha256(path) == file.sha256
        return FileCheck(model.name, file.name, path, "ok" if right else "wrong")

    def _is_right(self, model: Model, file: ModelFile) -> bool:
        path = self.folder(model.name) / file.name
        if not _has_size(path, file.size):
            return False
        if _read_marker(path) == _seen(path, file):
            return True
        seen = _seen(path, file)
        if _sha256(path) != file.sha256:
            return False
        with contextlib.suppress(OSError):  # a read-only store works too, it is only read again next time
            _marker(path).write_text(json.dumps(seen))
        return True

    def _obtain(self, model: Model, file: ModelFile, progress: Progress) -> None:
        """Puts a right file in its place, from the first source that has one."""
        path = self.folder(model.name) / file.name
        failures: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for left_by_a_killed_process in path.parent.glob(f".*{UNFINISHED}"):
                left_by_a_killed_process.unlink()
            for source in (*self._local_sources(model, file), *file.sources):
                unfinished = path.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")
                try:
                    fetch(file, source, unfinished, progress)
                    found = _sha256(unfinished)
                    if found != file.sha256:
                        raise SourceError(f"the file there has another hash, sha256 {found}")
                    unfinished.replace(path)
                    _marker(path).write_text(json.dumps(_seen(path, file)))
                    return
                except SourceError as error:
                    failures.append(f"{source}: {error}")
                finally:
                    unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise ModelUnavailableError(
                f"The model {model.name} cannot be stored in {path.parent}: {error.strerror or error}."
            ) from error
        raise ModelUnavailableError(_told(model, file, path, failures))

    def _local_sources(self, model: Model, file: ModelFile) -> list[LocalSource]:
        """Files with the right name that somebody may have put there by hand."""
        places = [place for folder in (self.root, *self.folders) for place in (folder, folder / model.name)]
        own = self.folder(model.name)
        return [LocalSource(place / file.name) for place in places if place != own and (place / file.name).is_file()]

    @contextlib.contextmanager
    def _locked(self, model: Model) -> Generator[None, None, None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / f".{model.name}.lock", timeout=LOCK_SECONDS)
            lock.acquire()
        except Timeout as error:
            raise ModelUnavailableError(
                f"Another process has been busy with the model {model.name} for too long."
            ) from error
        except OSError as error:
            raise ModelUnavailableError(
                f"The model {model.name} is not in {self.root}, and nothing can be written there: {error.strerror}."
            ) from error
        try:
            yield
        finally:
            lock.release()


def _told(model: Model, file: ModelFile, path: Path, failures: Sequence[str]) -> str:
    return "\n".join(
        [
            f"The model {model.name} is not there, and its file {file.name} could not be had from any source:",
            *(f"  - {failure}" for failure in failures),
            f"Put it at {path} yourself ({file.size:,} bytes, sha256 {file.sha256}),",
            f"or connect this machine to one of the sources and run `imgflow models pull {model.name}`.",
        ]
    )


def _marker(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _read_marker(path: Path) -> object:
    try:
        return json.loads(_marker(path).read_text())
    except (OSError, ValueError):
        return None


def _seen(path: Path, file: ModelFile) -> dict[str, object]:
    found = path.stat()
    return {"sha256": file.sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size
    except OSError:
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
