"""One stage on every photo of a batch: skip what is there, do the rest, record each outcome."""

import contextlib
import time
from dataclasses import dataclass
from logging import Logger
from typing import Any, cast

from imgflow.catalog.batches import finish_batch, members_of
from imgflow.catalog.results import results_of, save_result, update_photo
from imgflow.catalog.tables import Batch, Member, Photo, Result, now
from imgflow.errors import InfrastructureError, ObjectNotFoundError, PhotoError, PhotoReplacedError
from imgflow.models.registry import weights_hash
from imgflow.photos.decode import decode
from imgflow.photos.encode import CONTENT_TYPES, EXTENSIONS, encode, encode_png
from imgflow.photos.intermediate import read_intermediate
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.pipeline.contact_sheet import Pair, make_pair
from imgflow.pipeline.naming import published_key, stage_key
from imgflow.pipeline.plan import ORIGINAL, StagePlan, fingerprint, plan_stage
from imgflow.pipeline.rejection import failure_values, forget_rejected, keep_rejected
from imgflow.pipeline.report import BatchReport, Outcome
from imgflow.pipeline.run_stage import Step, run_stage
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES, PublishConfig, Recipe, StageName

_MOST_ATTEMPTS = 2
"""A photo on which the process died this often is marked `crashed`, so that a batch always comes to an end."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One photo at this stage, with what the catalog knows of it."""

    photo: Photo
    version: str
    upstream: Result
    former: Result | None
    original: Result
    chain: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Made:
    """What the stage made of a photo, ready to be stored."""

    object_key: str
    data: bytes
    content_type: str
    step: Step
    pair: Pair


@dataclass(frozen=True)
class StageBatch:
    """A stage about to run on a batch.

    Attributes:
        recipe: with the launchpad's overrides applied.
        force: work on photos whose result is there already, too.
        only: keys of the photos to work on; empty for all.
    """

    workspace: Workspace
    batch: Batch
    stage: StageName
    recipe: Recipe
    log: Logger
    force: bool = False
    only: frozenset[str] = frozenset()

    def run(self) -> BatchReport:
        """Work on every photo of the batch.

        Raises:
            InfrastructureError: something the photos need is away; what is done so far stays done.
        """
        started = time.perf_counter()
        plan = plan_stage(self.recipe, self.stage, weights_hash)
        upstream = STAGES[STAGES.index(self.stage) - 1] if self.stage != STAGES[0] else ORIGINAL
        with self.workspace.catalog.read() as session:
            members = members_of(session, self.batch.id)
            ids = [photo.id for photo, _ in members]
            results = results_of(session, ids, [ORIGINAL, upstream, self.stage])
        outcomes: list[Outcome] = []
        for photo, member in members:
            outcome = self._skip(photo, member, results.get((photo.id, upstream)))
            if outcome is None:
                task = _task(plan, photo, results, upstream)
                try:
                    outcome = self._off(task) if not plan.is_on else self._unchanged(task) or self._attempt(task, plan)
                except PhotoReplacedError:
                    outcome = Outcome(photo.key, "replaced")
            outcomes.append(outcome)
        if self.stage == "publish" and not self.only:
            with self.workspace.catalog.begin() as session:
                finish_batch(session, self.batch.id)
        return BatchReport(self.stage, self.batch.key, outcomes, time.perf_counter() - started)

    # -- photos that need no work --------------------------------------------------------------------------------

    def _skip(self, photo: Photo, member: Member, upstream: Result | None) -> Outcome | None:
        if self.only and photo.key not in self.only:
            return Outcome(photo.key, "skipped")
        if member.state == "superseded" or (member.version and member.version != photo.version):
            return Outcome(photo.key, "replaced")
        failed_before = photo.error_stage is not None and _order(photo.error_stage) < _order(self.stage)
        if failed_before:
            return Outcome(photo.key, "skipped", code=photo.error_code, message=photo.error_message)
        if upstream is None or upstream.status not in ("done", "off") or upstream.version != photo.version:
            return Outcome(photo.key, "skipped")
        return None

    def _unchanged(self, task: _Task) -> Outcome | None:
        former, photo = task.former, task.photo
        if former is None or former.fingerprint != task.fingerprint or self.force:
            return None
        if former.status == "done" and former.object_key and self.workspace.store.exists(former.object_key):
            if self.stage == "publish" and photo.status != "done":
                self._record(task, former)
            return Outcome(
                photo.key,
                "unchanged",
                model=former.model,
                device=former.device,
                fallback=former.fallback,
                object_key=former.object_key,
            )
        # A verdict about the file stands; other failures stand for the rest of this batch, so that a restart after a
        # crash does not run into the same photo again and again. A person's re-run, or the refresh, tries them anew.
        stands = photo.status == "rejected" or (
            self.batch.state == "open" and former.updated_at >= self.batch.opened_at
        )
        if former.status == "failed" and stands:
            status = "rejected" if photo.status == "rejected" else "failed"
            return Outcome(photo.key, status, code=former.error_code, message=former.error_message)
        return None

    def _off(self, task: _Task) -> Outcome:
        former, upstream = task.former, task.upstream
        same = former is not None and former.status == "off" and former.fingerprint == task.fingerprint
        if not same or (former and former.object_key != upstream.object_key):
            result = _result(task, self.stage, "off", object_key=upstream.object_key, bytes=upstream.bytes)
            self._record(task, result)
        return Outcome(task.photo.key, "off", object_key=upstream.object_key)

    # -- photos that need work -----------------------------------------------------------------------------------

    def _attempt(self, task: _Task, plan: StagePlan) -> Outcome:
        key = task.photo.key
        try:
            self._begin(task)
            made = self._make(task, plan)
            self._store(task, made)
        except PhotoError as error:
            return self._fail(task, error)
        except MemoryError:
            return self._fail(task, PhotoError("out_of_memory"))
        except PhotoReplacedError:
            raise
        except InfrastructureError:
            self._forgive(task)
            raise
        except Exception as error:
            # A mistake of ours on one photo must not stop the others; the log has the traceback.
            self.log.exception("%s: the %s stage failed", key, self.stage)
            return self._fail(task, PhotoError("internal", f"{type(error).__name__}: {error}"))
        except BaseException:
            self._forgive(task)  # somebody cancelled the run
            raise
        step = made.step
        if step.fallback:
            self.log.warning("%s: %s fell back: %s", key, self.stage, step.fallback)
        return Outcome(
            key,
            "done",
            step.seconds,
            model=step.model,
            device=step.device,
            fallback=step.fallback,
            object_key=made.object_key,
            pair=made.pair,
        )

    def _begin(self, task: _Task) -> None:
        """Note that work begins, so that a process that dies leaves a trace.

        Raises:
            PhotoError: `crashed`, when it has died on this photo too often.
        """
        attempts = self._attempts_before(task) + 1
        if attempts > _MOST_ATTEMPTS:
            raise PhotoError("crashed", self.stage)
        self._note_attempts(task, attempts)

    def _forgive(self, task: _Task) -> None:
        """The process lives: what stopped it is not held against the photo."""
        # The catalog itself may be what is away.
        with contextlib.suppress(InfrastructureError, PhotoReplacedError):
            self._note_attempts(task, self._attempts_before(task))

    def _attempts_before(self, task: _Task) -> int:
        former = task.former
        died = former is not None and former.status == "running" and former.fingerprint == task.fingerprint
        return former.attempts if former and died and not self.force else 0

    def _note_attempts(self, task: _Task, attempts: int) -> None:
        values = {"attempts": attempts, "object_key": _own_object(task.former)}
        self._record(task, _result(task, self.stage, "running", **values))

    def _make(self, task: _Task, plan: StagePlan) -> _Made:
        before = self._load(task)
        photo = task.photo
        if self.stage == "publish":
            config = cast(PublishConfig, plan.config)
            started = time.perf_counter()
            metadata = PhotoMetadata(**(task.original.details or {}).get("metadata", {}))
            data = encode(before, config, metadata)
            step = Step(self.stage, time.perf_counter() - started, details={"format": config.format})
            key = published_key(photo.output_name, EXTENSIONS[config.format])
            return _Made(key, data, CONTENT_TYPES[config.format], step, make_pair(before, before))
        after, step = run_stage(self.stage, plan.config, before, self.workspace.models)
        key = stage_key(self.stage, photo.key, task.fingerprint)
        return _Made(key, encode_png(after), CONTENT_TYPES["png"], step, make_pair(before, after))

    def _load(self, task: _Task) -> Picture:
        key = task.upstream.object_key or ""
        try:
            data = self.workspace.store.get(key)
        except ObjectNotFoundError as error:
            raise PhotoError("missing_input", key) from error
        return (
            decode(data, self.workspace.limits).picture if key == task.original.object_key else read_intermediate(data)
        )

    def _store(self, task: _Task, made: _Made) -> None:
        """Object first, row second, and last the object that the new one takes the place of."""
        step = made.step
        result = _result(
            task,
            self.stage,
            "done",
            object_key=made.object_key,
            bytes=len(made.data),
            seconds=step.seconds,
            model=step.model,
            device=step.device,
            fallback=step.fallback,
            details=step.details,
        )
        store = self.workspace.store
        if self.stage == "publish":
            # Published names are stable: writing below the row's lock keeps an older version from overwriting a newer.
            self._record(task, result, made)
        else:
            store.put(made.object_key, made.data, made.content_type)
            self._record(task, result)
        former = _own_object(task.former)
        if former and former != made.object_key:
            store.delete(former)
        if task.photo.status == "rejected":
            forget_rejected(store, task.photo.key, task.version)

    # -- rows ----------------------------------------------------------------------------------------------------

    def _record(self, task: _Task, result: Result, made: _Made | None = None) -> None:
        """Write the row, unless a newer version of the photo has come; with `made`, its object below the row's lock."""
        values: dict[str, Any] = {"updated_at": now()}
        if result.status in ("done", "off") and task.photo.error_stage == self.stage:
            values |= {"status": "waiting", "error_stage": None, "error_code": None, "error_message": None}
        if self.stage == "publish" and result.status == "done":
            values |= {"status": "done", "chain": task.chain}
        with self.workspace.catalog.begin() as session:
            update_photo(session, task.photo.id, task.version, values)
            if made:
                self.workspace.store.put(made.object_key, made.data, made.content_type)
            save_result(session, result)

    def _fail(self, task: _Task, error: PhotoError) -> Outcome:
        self.log.warning("%s: %s: %s", task.photo.key, error.code, error.message)
        values = failure_values(self.workspace, self.batch, self.stage, error)
        if error.refused:
            self._keep_rejected(task, error)
        result = _result(
            task,
            self.stage,
            "failed",
            object_key=_own_object(task.former),
            error_code=error.code,
            error_message=error.message,
        )
        with self.workspace.catalog.begin() as session:
            update_photo(session, task.photo.id, task.version, values)
            save_result(session, result)
        return Outcome(task.photo.key, values["status"], code=error.code, message=error.message)

    def _keep_rejected(self, task: _Task, error: PhotoError) -> None:
        try:
            original = self.workspace.store.get(task.photo.original_key or "")
        except ObjectNotFoundError:
            self.log.warning("%s: the original has been taken away, there is nothing to keep", task.photo.key)
            return
        keep_rejected(self.workspace.store, task.photo.key, task.version, original, error)


def _task(plan: StagePlan, photo: Photo, results: dict[tuple[int, str], Result], upstream: str) -> _Task:
    before = results[(photo.id, upstream)]
    chain = plan.extend(before.chain)
    former, original = results.get((photo.id, plan.stage)), results[(photo.id, ORIGINAL)]
    return _Task(photo, before.version, before, former, original, chain, fingerprint(before.version, chain))


def _result(task: _Task, stage: StageName, status: str, **values: Any) -> Result:
    return Result(
        photo_id=task.photo.id,
        stage=stage,
        status=status,
        version=task.version,
        chain=task.chain,
        fingerprint=task.fingerprint,
        **({"attempts": 1} | values),
    )


def _own_object(former: Result | None) -> str | None:
    """The object that this stage wrote before: kept in every row until a newer one has taken its place."""
    return former.object_key if former and former.status != "off" else None


def _order(stage: str) -> int:
    return [ORIGINAL, *STAGES].index(stage)
