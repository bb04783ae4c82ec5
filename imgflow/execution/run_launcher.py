"""Dagster's default run launcher, able to tell that a run's process has died."""

from typing import Any

import psutil
from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus


class WatchedRunLauncher(DefaultRunLauncher):
    """Starts each run as a process of the code location, as the default launcher does, and answers run monitoring.

    The default launcher cannot say whether a run still lives, so that runs whose process was killed together with the
    code server (out of memory, power cut, kill -9) would stay "started" for ever. This one looks for the process: run
    monitoring then fails a dead run, and Dagster's run retries start it again.
    """

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

    def _started(self, run: DagsterRun) -> tuple[int, float] | None:
        """Process id of the run, and when it said so (seconds since the epoch)."""
        entries = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        for entry in reversed(entries):
            event = entry.dagster_event
            metadata: Any = event.engine_event_data.metadata if event else {}
            if "pid" in metadata and event and "Started process for run" in (event.message or ""):
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
