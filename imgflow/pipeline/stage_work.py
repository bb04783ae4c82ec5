"""One photo at one stage: read, worked on, written, recorded. What goes wrong with it is recorded, too."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from logging import Logger
from typing import Any, TypeVar, cast

from imgflow.catalog.results import save_result, update_photo
from imgflow.catalog.tables import Batch, Photo, Result, now
from imgflow.errors import InfrastructureError, ObjectNotFoundError, PhotoError, PhotoReplacedError
from imgflow.photos.decode import decode
from imgflow.photos.encode import CONTENT_TYPES, EXTENSIONS, encode, encode_png
from imgflow.photos.intermediate import read_intermediate
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.pipeline.contact_sheet import make_pair
from imgflow.pipeline.naming import published_key, stage_key
from imgflow.pipeline.plan import BEFORE_SHADOW, ORIGINAL, StagePlan, fingerprint
from imgflow.pipeline.rejection import failure_values, forget_rejected, keep_rejected
from imgflow.pipeline.report import Outcome
from imgflow.pipeline.run_stage import Step, run_stage
from imgflow.pipeline.stamping import stamp_of_results
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import PublishConfig

MOST_ATTEMPTS = 2
"""A photo on which the process died this often is marked `crashed`, so that a batch always comes to an end."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Task:
    """One photo at this stage, with what the catalog knows of it.

    Attributes:
        upstream: the result of the stage before.
        shadowed: for the matte stage, what a shadow was removed from, if one was.
        former: this stage's own earlier result.
        original: the archived photo's.
        earlier: for the publish stage, the results of all stages before.
    """

    photo: Photo
    upstream: Result
    former: Result | None
    original: Result
    chain: str
    fingerprint: str
    earlier: Sequence[Result] = ()
    shadowed: Result | None = None

    @property
    def version(self) -> str:
        """Hash of the photo's content."""
        return self.upstream.version

    @property
    def pixels(self) -> int:
        """Of the upright photo."""
        return (self.photo.width or 0) * (self.photo.height or 0)


@dataclass(frozen=True, slots=True)
class Made:
    """What the stage made of a photo.

    Attributes:
        after: for the publish stage the picture itself, as it goes into the file.
    """

    before: Picture
    after: Picture
    step: Step
    data: bytes | None = None


@dataclass(frozen=True)
class StageWork:
    """The three parts of the work on a photo. Each passes on the outcome of a part before that has failed.

    Attributes:
        force: work on a photo whatever happened to it before.
    """

    workspace: Workspace
    batch: Batch
    plan: StagePlan
    log: Logger
    force: bool

    # -- the work ----------------------------------------------------------------------------------------------------

    def read(self, task: Task) -> Picture | Outcome:
        """The picture that the stage before has left."""
        return self._guarded(task, lambda: self._read(task))

    def work(self, task: Task, before: Picture | Outcome) -> Made | Outcome:
        """The stage itself."""
        return before if isinstance(before, Outcome) else self._guarded(task, lambda: self._work(task, before))

    def write(self, task: Task, made: Made | Outcome) -> Outcome:
        """Object first, row second, and last the object that the new one takes the place of."""
        return made if isinstance(made, Outcome) else self._guarded(task, lambda: self._write(task, made))

    def abandon(self, task: Task) -> None:
        """The process lives: what stopped it is not held against the photo."""
        # The catalog itself may be what is away.
        with contextlib.suppress(InfrastructureError, PhotoReplacedError):
            self._note_attempts(task, self.attempts_before(task))

    def attempts_before(self, task: Task) -> int:
        """How often the process has died while it had this photo in its hands."""
        former = task.former
        died = former is not None and former.status == "running" and former.fingerprint == task.fingerprint
        return former.attempts if former and died and not self.force else 0

    def _guarded(self, task: Task, do: Callable[[], Value]) -> Value | Outcome:
        try:
            return do()
        except PhotoReplacedError:
            return Outcome(task.photo.key, "replaced")
        except PhotoError as error:
            return self._fail(task, error)
        except MemoryError:
            return self._fail(task, PhotoError("out_of_memory"))
        except InfrastructureError:
            self.abandon(task)
            raise
        except Exception as error:
            # A mistake of ours on one photo must not stop the others; the log has the traceback.
            self.log.exception("%s: the %s stage failed", task.photo.key, self.plan.stage)
            return self._fail(task, PhotoError("internal", f"{type(error).__name__}: {error}"))
        except BaseException:
            self.abandon(task)  # somebody cancelled the run
            raise

    def _read(self, task: Task) -> Picture:
        # Written down before anything is tried, so that a process that dies leaves a trace.
        attempts = self.attempts_before(task) + 1
        if attempts > MOST_ATTEMPTS:
            raise PhotoError("crashed", self.plan.stage)
        self._note_attempts(task, attempts)
        picture = self._picture(task, task.upstream)
        return replace(picture, shadowed=self._picture(task, task.shadowed).rgb) if task.shadowed else picture

    def _picture(self, task: Task, result: Result) -> Picture:
        key = result.object_key or ""
        try:
            data = self.workspace.store.get(key)
        except ObjectNotFoundError as error:
            raise PhotoError("missing_input", key) from error
        if key == task.original.object_key:
            return decode(data, self.workspace.limits).picture
        return read_intermediate(data)

    def _work(self, task: Task, before: Picture) -> Made:
        if self.plan.stage != "publish":
            models = self.workspace.models
            after, step = run_stage(self.plan.stage, self.plan.config, before, models, self.plan.is_strict)
            return Made(before, after, step)
        config = cast(PublishConfig, self.plan.config)
        started = time.perf_counter()
        metadata = PhotoMetadata(**(task.original.details or {}).get("metadata", {}))
        data = encode(before, config, metadata, stamp_of_results(task.earlier, config))
        step = Step("publish", time.perf_counter() - started, details={"format": config.format})
        return Made(before, before, step, data)

    def _write(self, task: Task, made: Made) -> Outcome:
        step, photo = made.step, task.photo
        if made.data is None:
            key, kind = stage_key(self.plan.stage, photo.key, task.fingerprint), "png"
            data = encode_png(made.after)
        else:
            kind = cast(PublishConfig, self.plan.config).format
            key, data = published_key(photo.output_name, EXTENSIONS[kind]), made.data
        pair = make_pair(made.before, made.after)
        told = {"model": step.model, "device": step.device, "fallback": step.fallback, "object_key": key}
        details = step.details | {"spec": self.plan.spec}  # the launchpad may have changed the recipe for this run
        result = self._result(task, "done", bytes=len(data), seconds=step.seconds, details=details, **told)
        store = self.workspace.store
        if made.data is None:
            store.put(key, data, CONTENT_TYPES[kind])
            self.record(task, result)
        else:
            # Published names are stable: writing below the row's lock keeps an older version from overwriting a newer.
            self.record(task, result, lambda: store.put(key, data, CONTENT_TYPES[kind]))
        former = _own_object(task.former)
        if former and former != key:
            store.delete(former)
        if photo.status == "rejected":
            forget_rejected(store, photo.key, task.version)
        if step.doubt:
            self.log.warning("%s: %s: %s", photo.key, self.plan.stage, step.doubt)
        return Outcome(photo.key, "done", step.seconds, pair=pair, doubt=step.doubt, **told)

    # -- rows --------------------------------------------------------------------------------------------------------

    def record(self, task: Task, result: Result, put: Callable[[], None] | None = None) -> None:
        """Write the row, and below its lock what `put` puts.

        Raises:
            PhotoReplacedError: a newer version of the photo has come; nothing is written.
        """
        values: dict[str, Any] = {"updated_at": now()}
        if result.status in ("done", "off") and task.photo.error_stage == self.plan.stage:
            values |= {"status": "waiting", "error_stage": None, "error_code": None, "error_message": None}
        if self.plan.stage == "publish" and result.status == "done":
            values |= {"status": "done", "chain": task.chain}
        with self.workspace.catalog.begin() as session:
            update_photo(session, task.photo.id, task.version, values)
            if put:
                put()
            save_result(session, result)

    def pass_through(self, task: Task) -> Outcome:
        """The recipe leaves the stage out: what the stage before has left is its result."""
        former, upstream = task.former, task.upstream
        same = former is not None and former.status == "off" and former.fingerprint == task.fingerprint
        if not same or (former and former.object_key != upstream.object_key):
            self.record(task, self._result(task, "off", object_key=upstream.object_key, bytes=upstream.bytes))
        return Outcome(task.photo.key, "off", object_key=upstream.object_key)

    def _note_attempts(self, task: Task, attempts: int) -> None:
        self.record(task, self._result(task, "running", attempts=attempts, object_key=_own_object(task.former)))

    def _fail(self, task: Task, error: PhotoError) -> Outcome:
        self.log.warning("%s: %s: %s", task.photo.key, error.code, error.message)
        values = failure_values(self.workspace, self.batch, self.plan.stage, error)
        if error.refused:
            self._keep_rejected(task, error)
        told = {"error_code": error.code, "error_message": error.message}
        try:
            with self.workspace.catalog.begin() as session:
                update_photo(session, task.photo.id, task.version, values)
                save_result(session, self._result(task, "failed", object_key=_own_object(task.former), **told))
        except PhotoReplacedError:
            return Outcome(task.photo.key, "replaced")
        return Outcome(task.photo.key, values["status"], code=error.code, message=error.message)

    def _keep_rejected(self, task: Task, error: PhotoError) -> None:
        try:
            original = self.workspace.store.get(task.photo.original_key or "")
        except ObjectNotFoundError:
            self.log.warning("%s: the original has been taken away, there is nothing to keep", task.photo.key)
            return
        keep_rejected(self.workspace.store, task.photo.key, task.version, original, error)

    def _result(self, task: Task, status: str, **values: Any) -> Result:
        return Result(
            photo_id=task.photo.id,
            stage=self.plan.stage,
            status=status,
            version=task.version,
            chain=task.chain,
            fingerprint=task.fingerprint,
            **({"attempts": 1} | values),
        )


def task_of(plan: StagePlan, photo: Photo, upstream: Result, results: Mapping[str, Result]) -> Task:
    """The photo's task, with the fingerprint that its result will have.

    Args:
        results: of the photo, by stage.
    """
    chain = plan.extend(upstream.chain)
    earlier = [result for stage, result in results.items() if stage not in (ORIGINAL, plan.stage)]
    named = fingerprint(upstream.version, chain)
    lit = plan.stage == "matte" and upstream.status == "done" and (upstream.details or {}).get("method") != "none"
    shadowed = results.get(BEFORE_SHADOW) if lit else None
    return Task(photo, upstream, results.get(plan.stage), results[ORIGINAL], chain, named, earlier, shadowed)


def _own_object(former: Result | None) -> str | None:
    """The object that this stage wrote before: kept in every row until a newer one has taken its place."""
    return former.object_key if former and former.status != "off" else None
