"""A Dagster instance as it is after so many batches: runs with their tags, and dynamic partitions.

Events are not written: of each run they lie in a file of their own (SQLite), or are found by run (PostgreSQL).
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG
from sqlalchemy import insert

from imgflow.catalog.arrivals import chunks
from imgflow.catalog.batches import catalog_id
from imgflow.catalog.database import Catalog
from imgflow.catalog.tables import Batch, RunRequest

_WHEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_AT_ONCE = 1000


def fill_instance(instance: DagsterInstance, catalog: Catalog) -> None:
    """Add a finished run and a partition for every run request of the catalog that has none."""
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    first = instance.get_runs_count()
    name = catalog_id(catalog)
    with catalog.read() as session:
        rows = session.query(RunRequest.id, Batch.key).join(Batch, Batch.id == RunRequest.batch_id)
        requests = [(request, key) for request, key in rows.order_by(RunRequest.id)][first:]
    for chunk in chunks(requests, _AT_ONCE):
        runs = list(_runs(name, chunk))
        with storage.connect() as connection:
            connection.execute(insert(RunsTable), [storage._get_run_insertion_values(run, _WHEN) for run in runs])
            tags = [
                {"run_id": run.run_id, "key": k, "value": v} for run in runs for k, v in run.tags_for_storage().items()
            ]
            connection.execute(insert(RunTagsTable), tags)
        instance.add_dynamic_partitions("batches", [key for _, key in chunk])


def _runs(catalog: str, requests: Sequence[tuple[int, str]]) -> Iterator[DagsterRun]:
    for request, key in requests:
        yield DagsterRun(
            job_name="process_batch",
            run_id=str(uuid.uuid4()),
            status=DagsterRunStatus.SUCCESS,
            tags={
                PARTITION_NAME_TAG: key,
                SENSOR_NAME_TAG: "drop_folder_sensor",
                RUN_KEY_TAG: f"{catalog}:{request}",
                "dagster/retry_strategy": "ALL_STEPS",
                "imgflow/batch": key,
                "imgflow/reason": "drop",
            },
        )
