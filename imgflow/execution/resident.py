"""The executor that sends each step to the resident worker of its device."""

import os
import time
from collections.abc import Iterator

from dagster import (
    DagsterEvent,
    ExecutorDefinition,
    InitExecutorContext,
    executor,
    multiple_process_executor_requirements,
)
from dagster._core.events import EngineEventData
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster._serdes import serialize_value

from imgflow.execution.attempts import attempt_of, events_of_ended, last_words, step_of
from imgflow.execution.wire import Record, WorkerUnreachableError
from imgflow.execution.workers import Workers
from imgflow.settings import Settings

DEVICE_TAG = "imgflow/device"

_SILENT_SECONDS = 60.0
"""A worker that lives and does not answer for so long hangs, and is killed."""


def resident_executor(settings: Settings) -> ExecutorDefinition:
    """Steps tagged `imgflow/device` run in the resident worker of that device, others in the one of the CPU."""

    @executor(name="resident", requirements=multiple_process_executor_requirements())
    def resident(_context: InitExecutorContext) -> StepDelegatingExecutor:
        return StepDelegatingExecutor(
            ResidentStepHandler(Workers(settings)),
            retries=RetryMode.ENABLED,
            sleep_seconds=0.05,
            check_step_health_interval_seconds=1,
        )

    return resident


class ResidentStepHandler(StepHandler):
    """Launches, watches and cancels steps in resident workers."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._given: dict[str, Record] = {}
        self._silent_since: dict[int, float] = {}

    @property
    def name(self) -> str:
        """For Dagster's event log."""
        return "imgflow resident workers"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Hand the step to its device's worker, which is started if there is none."""
        step_key = step_of(step_handler_context.execute_step_args)
        device = step_handler_context.step_tags[step_key].get(DEVICE_TAG, "cpu")
        key = _key(step_handler_context)
        args = serialize_value(step_handler_context.execute_step_args)
        worker = self._workers.give(device, key, args)
        self._given[key] = worker
        yield DagsterEvent.step_worker_starting(
            step_handler_context.get_step_context(step_key),
            message=f"Given to worker {worker.name} (pid {worker.pid}).",
            metadata={},
        )

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Unhealthy when the worker is gone or hangs, or when it could not execute the step."""
        instance, args = step_handler_context.instance, step_handler_context.execute_step_args
        trouble = self._trouble(_key(step_handler_context))
        # A step may end, and its worker with it, between the executor's look at the events and this one.
        if not trouble or events_of_ended(instance, args):
            return CheckStepHealthResult.healthy()
        return CheckStepHealthResult.unhealthy(f"{trouble} {last_words(instance, args)}".strip())

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Interrupt the step; its worker stays for the others."""
        key = _key(step_handler_context)
        worker = self._given.get(key)
        if worker is None:
            return
        try:
            worker.ask("cancel", key=key)
            message = f"Told worker {worker.name} (pid {worker.pid}) to cancel the step."
        except WorkerUnreachableError as error:
            message = str(error)
        yield DagsterEvent.engine_event(
            step_handler_context.get_step_context(step_of(step_handler_context.execute_step_args)),
            message,
            EngineEventData(),
        )

    def _trouble(self, key: str) -> str | None:
        worker = self._given.get(key)
        if worker is None:
            # The run was resumed by another process: whoever has the step is among the living.
            return "the run's former process is gone"
        try:
            state = worker.ask("state")
        except WorkerUnreachableError:
            return self._trouble_of_silent(worker)
        self._silent_since.pop(worker.pid, None)
        if key == state["running"] or key in state["waiting"]:
            return None
        outcome = state["outcomes"].get(key)
        if outcome in ("done", "cancelled"):
            return None  # its last event is on its way
        return outcome or f"worker {worker.name} (pid {worker.pid}) has lost the step"

    def _trouble_of_silent(self, worker: Record) -> str | None:
        if worker.is_alive():
            since = self._silent_since.setdefault(worker.pid, time.monotonic())
            if time.monotonic() - since < _SILENT_SECONDS:
                return None
            os.kill(worker.pid, 9)
            return f"worker {worker.name} (pid {worker.pid}) did not answer for {_SILENT_SECONDS:.0f} s and was killed"
        words = self._workers.last_words(worker.device, worker.number)
        return f"worker {worker.name} (pid {worker.pid}) died. Its last words: {words}"


def _key(context: StepHandlerContext) -> str:
    args = context.execute_step_args
    return f"{args.run_id}/{step_of(args)}/{attempt_of(args)}"
