"""One stage on every photo of a batch: skip what is there, do the rest."""

import math
import time
from dataclasses import dataclass
from logging import Logger

from imgflow.catalog.batches import finish_batch, members_of
from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Batch, Member, Photo, Result
from imgflow.errors import PhotoReplacedError
from imgflow.pipeline.overlap import overlapped
from imgflow.pipeline.plan import ORIGINAL, plan_stage, read_by, upstream_of
from imgflow.pipeline.report import BatchReport, Outcome
from imgflow.pipeline.stage_work import StageWork, Task, task_of
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES, Recipe, StageName


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
        """Work on every photo of the batch: the next are read and the last are written while one is worked on.

        Raises:
            InfrastructureError: something the photos need is away; what is done so far stays done.
        """
        started = time.perf_counter()
        models = self.workspace.models
        if self.recipe.is_on(self.stage):
            models.prepare(self.recipe.config(self.stage).chains().values())
        plan = plan_stage(self.recipe, self.stage, models.weights_hash)
        work = StageWork(self.workspace, self.batch, plan, self.log, self.force)
        upstream, stages = upstream_of(self.stage), [*read_by(self.stage), self.stage]
        with self.workspace.catalog.read() as session:
            members = members_of(session, self.batch.id)
            ids = [photo.id for photo, _ in members]
            results = results_of(session, ids, stages)
        outcomes: dict[int, Outcome] = {}
        tasks: list[Task] = []
        for photo, member in members:
            before = results.get((photo.id, upstream))
            if skipped := self._skip(photo, member, before):
                outcomes[photo.id] = skipped
                continue
            assert before is not None
            of_photo = {stage: results[photo.id, stage] for stage in stages if (photo.id, stage) in results}
            task = task_of(plan, photo, before, of_photo)
            try:
                settled = self._unchanged(task, work) if plan.is_on else work.pass_through(task)
            except PhotoReplacedError:
                settled = Outcome(photo.key, "replaced")
            if settled:
                outcomes[photo.id] = settled
            else:
                tasks.append(task)

        def weight(task: Task) -> float:
            # A photo on which the process has died is worked on alone, so that no neighbour is blamed for it.
            return math.inf if work.attempts_before(task) else task.pixels

        room = self.workspace.settings.pixels_in_flight
        done = overlapped(tasks, work.read, work.work, work.write, work.abandon, weight, room)
        outcomes |= {task.photo.id: outcome for task, outcome in zip(tasks, done, strict=True)}
        if self.stage == "publish" and not self.only:
            with self.workspace.catalog.begin() as session:
                finish_batch(session, self.batch.id)
        in_order = [outcomes[photo.id] for photo, _ in members]
        return BatchReport(self.stage, self.batch.key, in_order, time.perf_counter() - started)

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

    def _unchanged(self, task: Task, work: StageWork) -> Outcome | None:
        former, photo = task.former, task.photo
        if former is None or former.fingerprint != task.fingerprint or self.force:
            return None
        if former.status == "done" and former.object_key and self.workspace.store.exists(former.object_key):
            if self.stage == "publish" and photo.status != "done":
                work.record(task, former)
            return Outcome(
                photo.key,
                "unchanged",
                model=former.model,
                device=former.device,
                fallback=former.fallback,
                doubt=(former.details or {}).get("doubt"),
                object_key=former.object_key,
            )
        # A verdict about the file stands; other failures stand for the rest of this batch, so that a restart after a
        # crash does not run into the same photo again and again. A person's re-run, or the refresh, tries them anew.
        is_of_this_batch = self.batch.state == "open" and former.updated_at >= self.batch.opened_at
        if former.status == "failed" and (photo.status == "rejected" or is_of_this_batch):
            status = "rejected" if photo.status == "rejected" else "failed"
            return Outcome(photo.key, status, code=former.error_code, message=former.error_message)
        return None


def _order(stage: str) -> int:
    return [ORIGINAL, *STAGES].index(stage)
