"""The drop folder sensor."""

import json
from datetime import datetime, timedelta, timezone

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    DynamicPartitionsDefinition,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from imgflow.catalog.batches import (
    OpenBatch,
    Requested,
    cancel_batch,
    catalog_id,
    open_batches,
    request_run,
    requests_after,
)
from imgflow.catalog.database import Catalog
from imgflow.defs.resources import WorkspaceResource
from imgflow.pipeline.drop import Look, look_into_inbox
from imgflow.settings import Settings

_LOOKED_AFTER = 20
_PATIENCE = timedelta(seconds=60)
_LONGEST_PATIENCE = timedelta(hours=1)


def drop_folder_sensor(
    settings: Settings,
    job: UnresolvedAssetJobDefinition,
    batches: DynamicPartitionsDefinition,
    resource: str,
    prefix: str,
) -> SensorDefinition:
    """Sees new and replaced photos and requests the runs of all batches, of the nightly refresh too.

    The catalog is written first, in one transaction. The cursor, which Dagster moves only when a tick has ended well,
    names the last run request that was handed over; a request that is handed over twice has the same run key, and
    Dagster starts no second run for it. So a crash at any moment leads neither to loss nor to double work.
    """

    @sensor(
        name=f"{prefix}drop_folder_sensor",
        job=job,
        minimum_interval_seconds=settings.drop_interval_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        required_resource_keys={resource},
        description="Takes photos from the inbox into batches and requests their runs.",
    )
    def look(context: SensorEvaluationContext) -> SensorResult:
        workspace_resource: WorkspaceResource = getattr(context.resources, resource)
        workspace = workspace_resource.open()
        look = look_into_inbox(workspace)
        catalog = catalog_id(workspace.catalog)
        cursor = _cursor(context.cursor, catalog)
        _look_after_open_batches(context.instance, workspace.catalog, cursor)
        with workspace.catalog.read() as session:
            requests = requests_after(session, cursor, settings.drop_runs_per_tick)
        last = requests[-1].id if requests else cursor
        return SensorResult(
            run_requests=[_run_request(request, catalog) for request in requests],
            dynamic_partitions_requests=[batches.build_add_request(_new_keys(requests))] if requests else [],
            cursor=json.dumps({"catalog": catalog, "request": last}),
            skip_reason=None if requests else SkipReason(_told(look)),
        )

    return look


def _run_request(request: Requested, catalog: str) -> RunRequest:
    tags = {"imgflow/batch": request.batch_key, "imgflow/reason": request.reason}
    return RunRequest(run_key=f"{catalog}:{request.id}", partition_key=request.batch_key, tags=tags)


def _new_keys(requests: list[Requested]) -> list[str]:
    return list(dict.fromkeys(request.batch_key for request in requests))


def _cursor(text: str | None, catalog: str) -> int:
    """The last request handed over; 0 on a catalog that this sensor has not seen before."""
    cursor = json.loads(text) if text else {}
    return int(cursor["request"]) if cursor.get("catalog") == catalog else 0


def _told(look: Look) -> str:
    growing = f"{look.growing} still being written, " if look.growing else ""
    denied = f"{len(look.denied)} that may not be read, such as {look.denied[0]}, " if look.denied else ""
    return f"nothing new in the inbox ({growing}{denied}{look.waiting} waiting for their run)"


def _look_after_open_batches(instance: DagsterInstance, catalog: Catalog, cursor: int) -> None:
    """Ask again for batches whose run is gone for good: retries used up, or the Dagster instance was made anew."""
    with catalog.read() as session:
        candidates = open_batches(session, cursor, _LOOKED_AFTER)
    for candidate in candidates:
        verdict = _verdict(instance, candidate)
        if verdict == "wait":
            continue
        with catalog.begin() as session:
            if verdict == "cancel":
                cancel_batch(session, candidate.batch.id)
            else:
                request_run(session, candidate.batch, "retry")


def _verdict(instance: DagsterInstance, candidate: OpenBatch) -> str:
    records = instance.get_run_records(
        RunsFilter(tags={"imgflow/batch": candidate.batch.key}), limit=1, order_by="id", ascending=False
    )
    if records and not records[0].dagster_run.is_finished:
        return "wait"
    if records and records[0].dagster_run.status == DagsterRunStatus.CANCELED:
        return "cancel"
    ended = records[0].end_time if records else None
    since = datetime.fromtimestamp(ended, timezone.utc) if ended else candidate.batch.opened_at
    patience = min(_PATIENCE * 2 ** min(candidate.requests - 1, 10), _LONGEST_PATIENCE)
    return "retry" if datetime.now(timezone.utc) - since > patience else "wait"
