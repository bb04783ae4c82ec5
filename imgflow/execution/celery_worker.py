"""Celery workers: what they do with a step beyond executing it."""

import contextlib
import os
import threading
import time
from collections.abc import Generator
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from celery.signals import worker_process_init
from dagster import DagsterInstance, DagsterRun
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import serialize_value, unpack_value
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task
from sqlalchemy import text

from imgflow.catalog.database import Catalog
from imgflow.errors import WorkerLostError
from imgflow.execution.attempts import deaths, events_of_ended, step_of
from imgflow.execution.celery_claims import RenewedClaims
from imgflow.execution.celery_queues import celery_options
from imgflow.settings import Settings

MOST_DEATHS = 3
"""A step that has lost its worker this often fails its run, which Dagster's run retries then start anew."""

_PAUSE_SECONDS = 2


def worker_app(settings: Settings) -> Celery:
    """The Celery app of workers on these settings' queues.

    Raises:
        SettingsError: no broker is set.
    """
    app = make_app(celery_options(settings))
    steps: dict[str, set[Any]] = app.steps  # type: ignore[assignment]
    steps["consumer"].add(RenewedClaims)
    create_task(app, base=_step_task(settings), shared=False)
    return app


def _step_task(settings: Settings) -> type[Task]:
    class StepTask(Task):
        """dagster-celery's task, on messages that may come twice, or after their run has ended."""

        abstract = True

        def __call__(self, execute_step_args_packed: Any, executable_dict: Any) -> Any:
            args = unpack_value(execute_step_args_packed, as_type=ExecuteStepArgs)
            with contextlib.ExitStack() as stack:
                instance = stack.enter_context(DagsterInstance.from_ref(args.instance_ref))  # type: ignore[arg-type]
                stack.enter_context(_alone_on_its_batch(settings, instance.get_run_by_id(args.run_id)))
                run = instance.get_run_by_id(args.run_id)
                if run is None or run.is_finished:
                    return []
                told = [serialize_value(event) for event in events_of_ended(instance, args)]
                if told:
                    return told  # it was sent twice, or its result was lost
                _refuse_the_deadly(instance, args)
                return super().__call__(execute_step_args_packed, executable_dict)

    return StepTask


def _refuse_the_deadly(instance: DagsterInstance, args: ExecuteStepArgs) -> None:
    """Keep a step that kills every worker from going round for ever.

    Raises:
        WorkerLostError: it has killed enough of them.
    """
    dead = deaths(instance, args)
    if dead >= MOST_DEATHS:
        raise WorkerLostError(f"{step_of(args)} has lost its worker {dead} times; the logs of the workers tell why")


@contextlib.contextmanager
def _alone_on_its_batch(settings: Settings, run: DagsterRun | None) -> Generator[None]:
    """No other step of the same batch meanwhile, where the catalog is a PostgreSQL.

    A run whose process was killed is started again while a worker may still be at its step; and a worker whose claim
    ran out may live on. The lock of a process that dies is freed.

    Raises:
        Reject: another step has the batch; this one goes back to the end of its queue.
    """
    batch = run.tags.get("dagster/partition") if run else None
    if run is None or batch is None or not settings.catalog_location.startswith("postgres"):
        yield
        return
    catalog = Catalog(settings.catalog_location)
    try:
        with catalog.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            lock = text("SELECT pg_try_advisory_lock(hashtext(:job), hashtext(:batch))")
            if not connection.scalar(lock, {"job": run.job_name, "batch": batch}):
                time.sleep(_PAUSE_SECONDS)
                raise Reject(f"another step is at work on {batch}", requeue=True)
            yield
    finally:
        catalog.close()  # the lock ends with the connection


@worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """A pool process whose worker was killed must not go on with a step that another worker is about to get."""
    worker = os.getppid()

    def watch() -> None:
        while os.getppid() == worker:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-the-worker", daemon=True).start()
