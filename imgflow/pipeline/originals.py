"""The first step of a batch: each waiting photo is validated, archived and taken out of the inbox."""

import hashlib
import time
from dataclasses import asdict, dataclass
from logging import Logger
from typing import Any

from imgflow.catalog.batches import members_of
from imgflow.catalog.results import results_of, save_result, set_member, update_photo
from imgflow.catalog.tables import Batch, Member, Photo, Result
from imgflow.errors import ObjectNotFoundError, PhotoError, PhotoReplacedError, StoreUnavailableError
from imgflow.photos.decode import DecodedPhoto, decode
from imgflow.pipeline.contact_sheet import make_pair
from imgflow.pipeline.naming import ORIGINALS, archive_key, inbox_key
from imgflow.pipeline.plan import ORIGINAL, ORIGINAL_CHAIN, fingerprint
from imgflow.pipeline.rejection import failure_values, forget_rejected, keep_rejected
from imgflow.pipeline.report import BatchReport, Outcome, Status
from imgflow.pipeline.workspace import Workspace
from imgflow.store.base import ObjectInfo, Store


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file's bytes with what the catalog should remember about where they came from."""

    data: bytes
    origin: dict[str, Any]


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
        results = results_of(session, [photo.id for photo, _ in members], [ORIGINAL])
    outcomes: list[Outcome] = []
    for photo, member in members:
        if only and photo.key not in only:
            outcomes.append(Outcome(photo.key, "skipped"))
            continue
        try:
            outcome = _look_at(workspace, batch, photo, member, results.get((photo.id, ORIGINAL)), force)
        except PhotoReplacedError:
            with workspace.catalog.begin() as session:
                set_member(session, member, state="superseded")
            outcome = Outcome(photo.key, "replaced")
        if outcome.code:
            log.warning("%s: %s: %s", photo.key, outcome.code, outcome.message)
        outcomes.append(outcome)
    return BatchReport(ORIGINAL, batch.key, outcomes, time.perf_counter() - started)


def _look_at(
    workspace: Workspace, batch: Batch, photo: Photo, member: Member, former: Result | None, force: bool
) -> Outcome:
    if member.state == "superseded" or (member.state == "taken" and member.version != photo.version):
        return Outcome(photo.key, "replaced")
    if member.state == "waiting":
        return _take_in(workspace, batch, photo, member)
    key = photo.original_key or ""
    has_failed = photo.error_stage == ORIGINAL
    is_archived = former is not None and former.status == "done" and former.chain == ORIGINAL_CHAIN and not has_failed
    if is_archived and not force and workspace.store.exists(key):
        return Outcome(photo.key, "unchanged", object_key=key)
    try:
        data = workspace.store.get(key)
    except ObjectNotFoundError:
        error = PhotoError("missing_input", key)
        with workspace.catalog.begin() as session:
            update_photo(session, photo.id, photo.version, failure_values(workspace, batch, ORIGINAL, error))
        return Outcome(photo.key, "failed", code=error.code, message=error.message)
    return _archive(workspace, batch, photo, member, _Taken(data, {}))


def _take_in(workspace: Workspace, batch: Batch, photo: Photo, member: Member) -> Outcome:
    """Archive first, then empty the inbox: a crash at any moment leaves at least one copy."""
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
    taken = _Taken(data, {"source_stamp": member.stamp, "source_listing": info.stamp})
    outcome = _archive(workspace, batch, photo, member, taken)
    if photo.source == "inbox":
        source.delete(key, only_if=info)
    return outcome


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


def _archive(workspace: Workspace, batch: Batch, photo: Photo, member: Member, taken: _Taken) -> Outcome:
    """Validate; write the object and read it back; then write the rows, all in one transaction."""
    started = time.perf_counter()
    version = hashlib.sha256(taken.data).hexdigest()
    decoded, error = _decode(taken.data, workspace)
    status: Status = "done" if error is None else "rejected" if error.refused else "failed"
    if error and error.refused:
        object_key = keep_rejected(workspace.store, photo.key, version, taken.data, error)
    else:
        object_key = archive_key(ORIGINALS, photo.key, version)
        _put_verified(workspace.store, object_key, taken.data, version)
    result = Result(
        photo_id=photo.id,
        stage=ORIGINAL,
        status="failed" if error else "done",
        version=version,
        chain=ORIGINAL_CHAIN,
        fingerprint=fingerprint(version, ORIGINAL_CHAIN),
        attempts=1,
        object_key=object_key,
        bytes=len(taken.data),
        seconds=time.perf_counter() - started,
        device="cpu",
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        details=_details(decoded) if decoded else None,
    )
    values = taken.origin | {
        "version": version,
        "original_key": object_key,
        "bytes": len(taken.data),
        "format": decoded.source.format if decoded else None,
        "width": decoded.source.width if decoded else None,
        "height": decoded.source.height if decoded else None,
    }
    if error:
        values |= failure_values(workspace, batch, ORIGINAL, error)
    elif version != photo.version or photo.status != "done":
        values |= {"status": "waiting", "chain": None, "error_stage": None, "error_code": None, "error_message": None}
    with workspace.catalog.begin() as session:
        update_photo(session, photo.id, photo.version, values)
        save_result(session, result)
        set_member(session, member, state="taken", version=version)
    if not error and photo.status == "rejected":
        forget_rejected(workspace.store, photo.key, version)
    return Outcome(
        photo.key,
        status,
        result.seconds or 0.0,
        device="cpu",
        code=result.error_code,
        message=result.error_message,
        object_key=object_key,
        pair=make_pair(decoded.picture, decoded.picture) if decoded else None,
    )


def _details(decoded: DecodedPhoto) -> dict[str, Any]:
    source = decoded.source
    details: dict[str, Any] = {"mode": source.mode, "bits": source.bits, "icc_profile": source.icc_profile}
    return details | {"metadata": asdict(source.metadata), "warnings": list(source.warnings)}


def _decode(data: bytes, workspace: Workspace) -> tuple[DecodedPhoto | None, PhotoError | None]:
    try:
        return decode(data, workspace.limits), None
    except PhotoError as error:
        return None, error


def _put_verified(store: Store, key: str, data: bytes, version: str) -> None:
    store.put(key, data)
    if hashlib.sha256(store.get(key)).hexdigest() != version:
        raise StoreUnavailableError(f"{store.describe()} gave {key} back changed; check its disk or network")
