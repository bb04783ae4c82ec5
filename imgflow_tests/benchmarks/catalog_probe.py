"""One action on a filled catalog, timed; a process of its own for each: `python -m ….catalog_probe ACTION`.

Prints one JSON object: `seconds` of the action alone and what it found. Settings come from `IMGFLOW_*`.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import func, select

from imgflow.catalog.batches import catalog_id, find_batch, finish_batch, members_of
from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Photo, RunRequest
from imgflow.defs.resources import WorkspaceResource
from imgflow.pipeline.plan import ORIGINAL
from imgflow.pipeline.refresh import plan_refresh
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES
from imgflow.settings import load_settings
from imgflow.store.base import ObjectInfo
from imgflow.store.local import LocalStore
from imgflow_tests.benchmarks.catalog_filling import (
    BATCH,
    empty_again,
    fail_some,
    fill,
    listing_stamp,
    photo_key,
    source_of,
)

_LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)

Found = dict[str, Any]


class _Clock:
    """Wall and CPU time since it was made: on a busy machine the second says more."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Found:
        return {"seconds": time.perf_counter() - self._wall, "cpu_seconds": time.process_time() - self._cpu}


class ListedPrefix(LocalStore):
    """A read-only prefix of so many photos that are in the catalog; only its listing is made up."""

    photos = 0

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The photos that came from the prefix."""
        for number in range(1, self.photos + 1):
            if source_of(number) == "prefix":
                yield ObjectInfo(photo_key(number), 2_000_000 + number, listing_stamp(number), _LONG_AGO)


def fill_up(workspace: Workspace, photos: int) -> Found:
    """Not an action of imgflow: the photos, runs and partitions that the others meet."""
    from dagster import DagsterInstance

    from imgflow_tests.benchmarks.instance_filling import fill_instance

    fill(workspace.catalog, photos)
    with DagsterInstance.get() as instance:
        fill_instance(instance, workspace.catalog)
    return {}


def undo(workspace: Workspace, photos: int) -> Found:
    """Not an action of imgflow: everything as it was after `fill_up`."""
    empty_again(workspace.catalog, photos)
    return {}


def tick(workspace: Workspace, _photos: int) -> Found:
    """The drop folder sensor, as Dagster's code server evaluates it, then what the daemon does with its answer."""
    from dagster import DagsterInstance, RunsFilter, SensorEvaluationContext
    from dagster._core.storage.tags import RUN_KEY_TAG

    from imgflow.defs.build import build_definitions

    definitions = build_definitions(workspace.settings)
    repository = definitions.get_repository_def()
    sensor = repository.get_sensor_def("drop_folder_sensor")
    with workspace.catalog.read() as session:
        # All that was requested before is with Dagster, so that the sensor looks after the batches that are open.
        last = session.scalar(select(func.max(RunRequest.id)))
    cursor = json.dumps({"catalog": catalog_id(workspace.catalog), "request": last})
    with DagsterInstance.get() as instance:
        clock = _Clock()
        with SensorEvaluationContext(
            instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=cursor,
            log_key=None,
            repository_name=repository.name,
            repository_def=repository,
            resources={"imgflow": _Opened(workspace)},
        ) as context:
            data = sensor.evaluate_tick(context)
        taken = clock.read()
        clock = _Clock()
        for request in data.dynamic_partitions_requests or []:
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        runs = [
            instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: request.run_key or ""}))
            for request in data.run_requests or []
        ]
        daemon = clock.read()["seconds"]
        for request in data.dynamic_partitions_requests or []:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(request.partitions_def_name, key)
    return {**taken, "daemon_seconds": daemon, "runs": len(runs), "told": data.skip_message}


class _Opened(WorkspaceResource):
    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace.settings)
        self._workspace = workspace


def refresh(workspace: Workspace, _photos: int) -> Found:
    """Plan the refresh."""
    planned = plan_refresh(workspace)
    return {"stale": planned.stale, "batches": planned.batches}


def refresh_failed(workspace: Workspace, photos: int) -> Found:
    """Plan the refresh when some photos have failed."""
    fail_some(workspace.catalog)
    clock = _Clock()
    found = refresh(workspace, photos)
    return {**clock.read(), **found}


def refresh_prefix(workspace: Workspace, photos: int) -> Found:
    """Plan the refresh with a read-only prefix whose photos are all known."""
    prefix = ListedPrefix(workspace.settings.home / "prefix")
    prefix.photos = photos
    planned = plan_refresh(replace(workspace, prefix=prefix))
    return {"stale": planned.stale, "batches": planned.batches, "listed": planned.listed, "arrived": planned.arrived}


def batch_status(workspace: Workspace, photos: int) -> Found:
    """All that the catalog knows of a batch: what each step of a run asks."""
    with workspace.catalog.read() as session:
        middle = photos // 2
        number, folder = (middle - 1) // BATCH + 1, photo_key(middle).rpartition("/")[0]
        batch = find_batch(session, f"{folder}-20260101-{number:06d}")
        assert batch is not None
        ids = [photo.id for photo, _ in members_of(session, batch.id)]
        results = results_of(session, ids, [ORIGINAL, *STAGES])
    with workspace.catalog.begin() as session:
        finish_batch(session, batch.id)
    return {"photos": len(ids), "results": len(results)}


def counts(workspace: Workspace, _photos: int) -> Found:
    """How many photos are in each state."""
    with workspace.catalog.read() as session:
        rows = session.execute(select(Photo.status, func.count()).group_by(Photo.status))
        return dict(rows.tuples().all())


ACTIONS: dict[str, Callable[[Workspace, int], Found]] = {
    action.__name__: action
    for action in (fill_up, undo, tick, refresh, refresh_failed, refresh_prefix, batch_status, counts)
}


def main() -> None:
    """Do one action and print what came of it."""
    action, photos = ACTIONS[sys.argv[1]], int(sys.argv[2])
    workspace = WorkspaceResource(load_settings()).open()
    clock = _Clock()
    found = action(workspace, photos)
    print(json.dumps({**clock.read(), **found}))


if __name__ == "__main__":
    main()
