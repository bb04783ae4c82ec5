"""The run launcher of one machine: runs begin at once, and run monitoring can tell that a run's process has died."""

import os
import signal
from typing import Any

import psutil
from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._serdes import serialize_value

from imgflow.errors import WorkerLostError
from imgflow.execution.workers import Workers
from imgflow.settings import load_settings

_STARTED = "Started process for run"
"""As Dagster itself says it in the run's process."""


class WarmRunLauncher(DefaultRunLauncher):
    """Starts each run as a fork of a process that has imported everything already (see `run_starter`).

    The default launcher has the code server start a new Python for each run, which takes seconds, and cannot say
    whether a run still lives: runs whose process was killed together with the code server (out of memory, power cut,
    kill -9) would stay "started" for ever. This one looks for the process: run monitoring then fails a dead run, and
    Dagster's run retries start it again.

    Runs of code locations that Dagster does not start itself on this machine go the default way.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run's process.

        Raises:
            DagsterUserCodeUnreachableError: it could not be started; the queue tries again a little later.
        """
        run = context.dagster_run
        origin = run.remote_job_origin
        location = origin.repository_origin.code_location_origin if origin else None
        if not isinstance(location, ManagedGrpcPythonEnvCodeLocationOrigin):
            super().launch_run(context)
            return
        instance = serialize_value(self._instance.get_ref())
        try:
            pid = Workers(load_settings()).start_run(run.run_id, instance)
        except WorkerLostError as error:
            raise DagsterUserCodeUnreachableError(str(error)) from error
        self._instance.report_engine_event(f"{_STARTED} (pid: {pid}).", run, EngineEventData.in_process(pid))

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is alive on this machine."""
        started = self._started(run)
        if started is None:
            # Not yet begun: the start time-out of run monitoring is for that.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        pid, moment = started
        if _is_alive(pid, moment):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"process {pid} of the run is gone")

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, which cancels its running step."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        started = self._started(run)
        if started is None:
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        pid, moment = started
        if not _is_alive(pid, moment):
            return False
        os.kill(pid, signal.SIGTERM)
        return True

    def _started(self, run: DagsterRun) -> tuple[int, float] | None:
        """Process id of the run, and when it said so (seconds since the epoch)."""
        entries = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        for entry in reversed(entries):
            event = entry.dagster_event
            metadata: Any = event.engine_event_data.metadata if event else {}
            if "pid" in metadata and event and (event.message or "").startswith(_STARTED):
                return int(metadata["pid"].value), entry.timestamp
        return None


def _is_alive(pid: int, moment: float) -> bool:
    try:
        process = psutil.Process(pid)
        # A process that began after the run did has only been given the same number.
        return process.create_time() <= moment + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
