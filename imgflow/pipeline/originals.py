"""The first step of a batch: each waiting photo is validated, archived and taken out of the inbox."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from logging import Logger
from typing import Any

from imgflow.catalog.batches import members_of
from imgflow.catalog.results import forget_result, results_of, save_result, set_member, update_photo
from imgflow.catalog.tables import Batch, Member, Photo, Result
from imgflow.errors import ObjectNotFoundError, PhotoError, PhotoReplacedError, StoreUnavailableError
from imgflow.photos.decode import decode
from imgflow.photos.source import SourceInfo
from imgflow.pipeline.naming import ORIGINALS, archive_key, inbox_key
from imgflow.pipeline.overlap import overlapped
from imgflow.pipeline.plan import ORIGINAL, ORIGINAL_CHAIN, fingerprint
from imgflow.pipeline.rejection import failure_values, forget_rejected, keep_rejected
from imgflow.pipeline.report import BatchReport, Outcome, Status
from imgflow.pipeline.stage_work import MOST_ATTEMPTS
from imgflow.pipeline.workspace import Workspace
from imgflow.store.base import ObjectInfo, Store

_ATTEMPT = "attempt"
"""Stage name of the note that a file is being looked into. Not the original's row: older batches still need that."""

# One is read, one looked into, one archived.
_FILES_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class _Task:
    """A photo of the batch, with what the catalog knows of it.

    Attributes:
        former: its result here, of this version or an older one.
        attempt: left behind by a process that died while it looked into a file of this photo.
    """

    photo: Photo
    member: Member
    former: Result | None
    attempt: Result | None

    @property
    def deaths(self) -> int:
        """How often a process has died on it."""
        return self.attempt.attempts if self.attempt else 0


@dataclass(frozen=True, slots=True)
class _File:
    """A photo's bytes.

    Attributes:
        origin: what the catalog is to remember about where they came from.
        leave: takes them out of the inbox.
    """

    data: bytes
    version: str
    origin: dict[str, Any]
    leave: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Validated:
    """What a look into the file has shown."""

    file: _File
    source: SourceInfo | None
    error: PhotoError | None
    seconds: float


def take_in_batch(workspace: Workspace, batch: Batch, *, force: bool, only: frozenset[str], log: Logger) -> BatchReport:
    """Take in every photo of the batch that still waits, and see that the others are archived.

    Args:
        force: validate archived photos again.
        only: keys of the photos to look at; empty for all.

    Raises:
        InfrastructureError: the store or the catalog is away; what is done so far stays done.
    """
    started = time.perf_counter()
    with workspace.catalog.read() as session:
        members = members_of(session, batch.id)
        results = results_of(session, [photo.id for photo, _ in members], [ORIGINAL, _ATTEMPT])
    tasks = [
        _Task(photo, member, results.get((photo.id, ORIGINAL)), results.get((photo.id, _ATTEMPT)))
        for photo, member in members
    ]
    intake = _Intake(workspace, batch, force, only)
    done = overlapped(
        tasks,
        intake.read,
        intake.work,
        intake.write,
        abandon=lambda _: None,
        # A file on which the process has died is looked into alone, so that no neighbour is blamed for it.
        weight=lambda task: math.inf if task.deaths else 1,
        room=_FILES_IN_FLIGHT,
    )
    outcomes: list[Outcome] = []
    for outcome in done:
        if outcome.code:
            log.warning("%s: %s: %s", outcome.key, outcome.code, outcome.message)
        outcomes.append(outcome)
    return BatchReport(ORIGINAL, batch.key, outcomes, time.perf_counter() - started)


@dataclass(frozen=True)
class _Intake:
    """The three parts of taking in a photo; each passes on the outcome of a part before that has settled it."""

    workspace: Workspace
    batch: Batch
    force: bool
    only: frozenset[str]

    def read(self, task: _Task) -> _File | Outcome:
        """The photo's bytes, if it is to be looked into."""
        photo, member = task.photo, task.member
        if self.only and photo.key not in self.only:
            return Outcome(photo.key, "skipped")
        if member.state == "superseded" or (member.state == "taken" and member.version != photo.version):
            return Outcome(photo.key, "replaced")
        try:
            return self._read_waiting(task) if member.state == "waiting" else self._read_archived(task)
        except PhotoReplacedError:
            return self._replaced(task)

    def work(self, task: _Task, file: _File | Outcome) -> _Validated | Outcome:
        """Decode the file, only to see whether it can be."""
        if isinstance(file, Outcome):
            return file
        started = time.perf_counter()
        source = error = None
        try:
            self._note_attempt(task, file.version)
            source = decode(file.data, self.workspace.limits).source
        except PhotoError as refusal:
            error = refusal
        return _Validated(file, source, error, time.perf_counter() - started)

    def write(self, task: _Task, validated: _Validated | Outcome) -> Outcome:
        """Archive first, then empty the inbox: a crash at any moment leaves at least one copy."""
        if isinstance(validated, Outcome):
            return validated
        try:
            outcome = self._archive(task, validated)
        except PhotoReplacedError:
            return self._replaced(task)
        validated.file.leave()
        return outcome

    def _replaced(self, task: _Task) -> Outcome:
        with self.workspace.catalog.begin() as session:
            set_member(session, task.member, state="superseded")
        return Outcome(task.photo.key, "replaced")

    def _read_waiting(self, task: _Task) -> _File | Outcome:
        workspace, photo, member = self.workspace, task.photo, task.member
        source, key = _source(workspace, photo)
        info = source.stat(key)
        if info is None:
            if not photo.version or photo.source_stamp != member.stamp:
                raise PhotoReplacedError(f"{photo.key} was taken away again")
            # A crash came between emptying the inbox and writing so down.
            with workspace.catalog.begin() as session:
                set_member(session, member, state="taken", version=photo.version)
            return Outcome(photo.key, "unchanged", object_key=photo.original_key)
        data = _read_registered(workspace, source, info, member)

        def leave() -> None:
            if photo.source == "inbox":
                source.delete(key, only_if=info)

        return _File(data, _hash(data), {"source_stamp": member.stamp, "source_listing": info.stamp}, leave)

    def _read_archived(self, task: _Task) -> _File | Outcome:
        photo, former, key = task.photo, task.former, task.photo.original_key or ""
        is_archived = former is not None and former.status == "done" and former.chain == ORIGINAL_CHAIN
        has_failed = photo.error_stage == ORIGINAL
        if is_archived and not has_failed and not self.force and self.workspace.store.exists(key):
            return Outcome(photo.key, "unchanged", object_key=key)
        try:
            data = self.workspace.store.get(key)
        except ObjectNotFoundError:
            error = PhotoError("missing_input", key)
            with self.workspace.catalog.begin() as session:
                values = failure_values(self.workspace, self.batch, ORIGINAL, error)
                update_photo(session, photo.id, photo.version, values)
            return Outcome(photo.key, "failed", code=error.code, message=error.message)
        return _File(data, _hash(data), {}, lambda: None)

    def _note_attempt(self, task: _Task, version: str) -> None:
        """Note that the file is about to be looked into, so that a process that dies leaves a trace.

        Raises:
            PhotoError: `crashed`, when it has died on this very file too often.
        """
        before = task.deaths if task.attempt and task.attempt.version == version and not self.force else 0
        if before >= MOST_ATTEMPTS:
            raise PhotoError("crashed", ORIGINAL)
        with self.workspace.catalog.begin() as session:
            save_result(session, _result(task.photo, _ATTEMPT, version, "running", attempts=before + 1))

    def _archive(self, task: _Task, validated: _Validated) -> Outcome:
        """Write the object and read it back; then write the rows, all in one transaction."""
        workspace, photo, file, error = self.workspace, task.photo, validated.file, validated.error
        if error and error.refused:
            object_key = keep_rejected(workspace.store, photo.key, file.version, file.data, error)
        else:
            object_key = archive_key(ORIGINALS, photo.key, file.version)
            _put_verified(workspace.store, object_key, file.data, file.version)
        told = {"error_code": error.code if error else None, "error_message": error.message if error else None}
        result = _result(
            photo,
            ORIGINAL,
            file.version,
            "failed" if error else "done",
            object_key=object_key,
            bytes=len(file.data),
            seconds=validated.seconds,
            details=_details(validated.source) if validated.source else None,
            **told,
        )
        with workspace.catalog.begin() as session:
            update_photo(session, photo.id, photo.version, self._photo_values(photo, validated, object_key))
            save_result(session, result)
            forget_result(session, photo.id, _ATTEMPT)
            set_member(session, task.member, state="taken", version=file.version)
        if not error and photo.status == "rejected":
            forget_rejected(workspace.store, photo.key, file.version)
        status: Status = "done" if error is None else "rejected" if error.refused else "failed"
        code, message = told["error_code"], told["error_message"]
        return Outcome(
            photo.key,
            status,
            validated.seconds,
            device="cpu",
            code=code,
            message=message,
            object_key=object_key,
        )

    def _photo_values(self, photo: Photo, validated: _Validated, object_key: str) -> dict[str, Any]:
        file, source = validated.file, validated.source
        values = file.origin | {
            "version": file.version,
            "original_key": object_key,
            "bytes": len(file.data),
            "format": source.format if source else None,
            "width": source.width if source else None,
            "height": source.height if source else None,
        }
        if validated.error:
            return values | failure_values(self.workspace, self.batch, ORIGINAL, validated.error)
        if file.version != photo.version or photo.status != "done":
            anew = {"status": "waiting", "chain": None}
            return values | anew | {"error_stage": None, "error_code": None, "error_message": None}
        return values


def _result(photo: Photo, stage: str, version: str, status: str, **values: Any) -> Result:
    return Result(
        photo_id=photo.id,
        stage=stage,
        status=status,
        version=version,
        chain=ORIGINAL_CHAIN,
        fingerprint=fingerprint(version, ORIGINAL_CHAIN),
        device="cpu",
        **({"attempts": 1} | values),
    )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _source(workspace: Workspace, photo: Photo) -> tuple[Store, str]:
    if photo.source == "inbox":
        return workspace.store, inbox_key(photo.key)
    if workspace.prefix is None:
        raise StoreUnavailableError(f"{photo.key} comes from a read-only prefix: set IMGFLOW_CATALOG_PREFIX again")
    return workspace.prefix, photo.key


def _read_registered(workspace: Workspace, source: Store, info: ObjectInfo, member: Member) -> bytes:
    """The object's bytes.

    Raises:
        PhotoReplacedError: they are not the very ones that were registered, or somebody is writing them anew. The
            sensor takes, or has taken, the new ones.
    """
    try:
        if not source.is_settled(info, workspace.settings.settle_seconds) or source.content_stamp(info) != member.stamp:
            raise PhotoReplacedError(info.key)
        data = source.get(info.key)
        again = source.stat(info.key)
    except ObjectNotFoundError as error:
        raise PhotoReplacedError(info.key) from error
    if again is None or again.stamp != info.stamp:
        raise PhotoReplacedError(info.key)
    return data


def _details(source: SourceInfo) -> dict[str, Any]:
    details: dict[str, Any] = {"mode": source.mode, "bits": source.bits, "icc_profile": source.icc_profile}
    return details | {"metadata": asdict(source.metadata), "warnings": list(source.warnings)}


def _put_verified(store: Store, key: str, data: bytes, version: str) -> None:
    store.put(key, data)
    if _hash(store.get(key)) != version:
        raise StoreUnavailableError(f"{store.describe()} gave {key} back changed; check its disk or network")
