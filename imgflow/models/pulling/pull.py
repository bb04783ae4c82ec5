"""Bringing a model into the store: from the first source that has it, checked, noted in the lock file, put in place."""

import contextlib
import errno
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from imgflow.errors import ModelUnavailableError
from imgflow.models.contents import Contents, flush, is_right, mark, read_contents
from imgflow.models.model import HubSource, LocalSource, Model, ModelFile, Source, WheelSource
from imgflow.models.pulling import hub
from imgflow.models.pulling.download import SourceError, bytes_there, finish, forget, unfinished
from imgflow.models.pulling.lock_file import LockedFile, LockFile, wanted
from imgflow.models.pulling.sources import Progress, fetch, is_resumable, silent

LOCK_SECONDS = 1800.0
"""How long a process waits for another one that downloads the same model."""

BY_HAND = "put there by hand"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that was read and found right: where it lies, where it belongs, what the lock file says of it."""

    file: ModelFile
    at: Path
    place: Path
    entry: LockedFile


@dataclass(slots=True)
class Pull:
    """One model that is brought into a model store.

    Attributes:
        model: as imgflow's table has it.
        root: the store's folder.
        folders: where users put files by hand.
        lock: the store's lock file.
        progress: is told.
        update: what the lock file pins is not wanted any more.
    """

    model: Model
    root: Path
    folders: Sequence[Path]
    lock: LockFile
    progress: Progress = silent
    update: bool = False
    _locked: dict[str, LockedFile] = field(default_factory=dict[str, LockedFile])
    _listings: dict[tuple[str, str], hub.HubListing] = field(default_factory=dict[tuple[str, str], hub.HubListing])

    def run(self) -> None:
        """Puts every file in its place. One process does it, the others wait and find it done.

        Only when all are there and right the first one is put in place: files of two revisions are never mixed.

        Raises:
            ModelUnavailableError: no source had a file, or it cannot be stored; the message says what to do.
        """
        with locked(self.root, self.model):
            arrived: list[Arrived] = []
            try:
                self._locked = {} if self.update else self.lock.of(self.model.name)
                files = self.model.files if self.update else self.lock.pinned(self.model).files
                missing = [file for file in files if not (file.sha256 and is_right(self._place(file), file))]
                self._require_space(missing)
                for file in missing:
                    by_hand = None if file.sha256 or self.update else self._put_there(file)
                    arrived.append(by_hand or self._obtain(file))
                for one in arrived:
                    self._settle(one)
            except OSError as error:
                raise self._cannot_store(error) from error
            finally:
                for one in arrived:
                    if one.at not in (one.place, unfinished(one.place)):
                        one.at.unlink(missing_ok=True)

    def _place(self, file: ModelFile) -> Path:
        return self.root / self.model.name / file.name

    def _put_there(self, file: ModelFile) -> Arrived | None:
        """What somebody put in the folder of a model that nothing pins yet: it is trusted, and pinned from then on."""
        place = self._place(file)
        if not place.is_file():
            return None
        contents = read_contents(place, file)
        if contents.differ_from(file):
            return None
        return Arrived(file, place, place, LockedFile(contents.sha256, contents.size, BY_HAND, "", wanted(file)))

    def _obtain(self, file: ModelFile) -> Arrived:
        """Gets a right file from the first source that has one."""
        failures: list[str] = []
        for source in (*self._local_sources(file), *file.sources):
            try:
                return self._take(*self._exactly(source, file), wanted(file))
            except SourceError as error:
                failures.append(f"{source}: {error}")
        raise ModelUnavailableError(self._told(file, failures))

    def _take(self, source: Source, file: ModelFile, wish: str) -> Arrived:
        """Gets a file from one source and checks it."""
        place = self._place(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_file() and (file.sha256 or file.blob):
            contents = read_contents(place, file)
            if not contents.differ_from(file):  # an update that leaves this file as it is
                return Arrived(file, place, place, _entry(contents, source, wish))
        self._require_space([file])
        resumable, continued = is_resumable(source), bytes_there(place) > 0
        # What came from the network is not thrown away for a copy that may be wrong.
        target = unfinished(place) if resumable else place.with_name(f".{place.name}.copy")
        try:
            fetch(file, source, target, self.progress)
            contents = read_contents(target, file)
            if resumable and continued and contents.differ_from(file):
                forget(target)  # the beginning was of another file
                fetch(file, source, target, self.progress)
                contents = read_contents(target, file)
            difference = contents.differ_from(file)
            if difference:
                forget(target)
                raise SourceError(f"the file there has {difference}")
        except BaseException:
            if not resumable:
                forget(target)
            raise
        flush(target)
        return Arrived(file, target, place, _entry(contents, source, wish))

    def _settle(self, arrived: Arrived) -> None:
        """Notes a file in the lock file, then puts it in its place: one that is there is always noted."""
        self.lock.record(self.model.name, arrived.file.name, arrived.entry)
        if arrived.at != arrived.place:
            finish(arrived.at, arrived.place)
        forget(unfinished(arrived.place))  # what another source began
        mark(arrived.place, replace(arrived.file, sha256=arrived.entry.sha256))

    def _local_sources(self, file: ModelFile) -> list[LocalSource]:
        """Files with the right name that somebody may have put there by hand."""
        name = self.model.name
        places = [place for folder in (self.root, *self.folders) for place in (folder, folder / name)]
        if not (file.sha256 or file.md5):  # without a hash, the name alone (`config.json`) says nothing
            places = [folder / name for folder in self.folders]
        own = self.root / name
        return [LocalSource(place / file.name) for place in places if place != own and (place / file.name).is_file()]

    def _exactly(self, source: Source, file: ModelFile) -> tuple[Source, ModelFile]:
        """The source with its branch resolved to a commit, and the file with what the hub says that it must be.

        All files of a model come from one commit: the locked one, if it was pulled before.
        """
        if not isinstance(source, HubSource):
            return source, file
        revision = self._locked_commit(source) or source.revision
        if file.sha256 and hub.COMMIT.fullmatch(revision):
            return replace(source, revision=revision), file
        where = (source.repo, revision)
        if where not in self._listings:
            self._listings[where] = hub.list_files(*where)
        listing = self._listings[where]
        if source.path not in listing.files:
            raise SourceError(f"the repository has no such file at {listing.commit}")
        there = listing.files[source.path]
        if not file.sha256:
            file = replace(file, sha256=there.sha256, blob=there.blob, size=there.size)
        return replace(source, revision=listing.commit), file

    def _locked_commit(self, source: HubSource) -> str:
        wish = f"{source.repo}@{source.revision}"
        commits = [entry.revision for entry in self._locked.values() if wish in entry.wanted.split()]
        return next(filter(hub.COMMIT.fullmatch, commits), "")

    # -- what went wrong ---------------------------------------------------------------------------------------------

    def _require_space(self, files: Sequence[ModelFile]) -> None:
        needed = sum(max(0, file.size - bytes_there(self._place(file))) for file in files)
        free = shutil.disk_usage(self.root).free
        if needed > free:
            raise ModelUnavailableError(
                f"The model {self.model.name} needs {needed / 1e6:,.1f} MB in {self.root}, and only {free / 1e6:,.1f} "
                "MB are free. Free some, or let IMGFLOW_MODELS_DIR name a folder on a larger disk."
            )

    def _cannot_store(self, error: OSError) -> ModelUnavailableError:
        name, folder = self.model.name, self.root / self.model.name
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ModelUnavailableError(
                f"The disk of {folder} is full. What has come of the model {name} is kept: free some space, and "
                f"`imgflow models pull {name}` goes on from there."
            )
        return ModelUnavailableError(f"The model {name} cannot be stored in {folder}: {error.strerror or error}.")

    def _told(self, file: ModelFile, failures: Sequence[str]) -> str:
        what = f"{file.size:,} bytes, sha256 {file.sha256}" if file.sha256 else f"of {self.model.homepage}"
        return "\n".join(
            [
                f"The model {self.model.name} is not there, and its file {file.name} could not be had from any source:",
                *(f"  - {failure}" for failure in failures),
                f"Put it at {self._place(file)} yourself ({what}),",
                f"or connect this machine to one of the sources and run `imgflow models pull {self.model.name}`.",
            ]
        )


@contextlib.contextmanager
def locked(root: Path, model: Model) -> Generator[None, None, None]:
    """Keeps other processes from changing the model.

    Raises:
        ModelUnavailableError: another one is busy with it for too long, or nothing can be written there.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f".{model.name}.lock", timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise ModelUnavailableError(
            f"Another process has been busy with the model {model.name} for too long."
        ) from error
    except OSError as error:
        raise ModelUnavailableError(
            f"The model {model.name} is not in {root.absolute()}, and nothing can be written there ({error.strerror}): "
            "let IMGFLOW_MODELS_DIR or IMGFLOW_HOME name a folder that can be."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _entry(contents: Contents, source: Source, wish: str) -> LockedFile:
    return LockedFile(contents.sha256, contents.size, str(source), _revision(source), wish)


def _revision(source: Source) -> str:
    match source:
        case HubSource():
            return source.revision
        case WheelSource():
            return source.version
        case _:
            return ""
