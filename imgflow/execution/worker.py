"""A resident worker: one process of one device that executes Dagster steps, one at a time, and keeps models in memory.

Started by `imgflow.execution.workers`. The main thread executes steps (Dagster interrupts only the main thread), other
threads answer requests:

* `step`: take a step (serialised `ExecuteStepArgs`) into the queue.
* `cancel`: drop a step from the queue, or interrupt it; a step that does not stop in time takes the process with it.
* `state`: who, since when, with what in memory, at work on what.
* `stop`: take no more steps; end after those that were taken, or now.
"""

import collections
import json
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from typing import Any

import psutil
from dagster import DagsterInstance
from dagster._cli.api import _execute_step_command_body  # pyright: ignore[reportPrivateUsage]  # what every launcher of steps calls
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import capture_interrupts, pop_captured_interrupt

from imgflow.execution.wire import announced, answer
from imgflow.models.loader import held_models

CANCEL_GRACE_SECONDS = 20.0
_REMEMBERED = 200


class Worker:
    """The steps of one worker process.

    Args:
        idle_seconds: without a step for so long, the process ends and its memory is free.
    """

    def __init__(self, idle_seconds: float) -> None:
        self.idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._steps: queue.Queue[tuple[str, ExecuteStepArgs] | None] = queue.Queue()
        self._waiting: list[str] = []
        self._running: str | None = None
        self._since = time.time()
        self._outcomes: collections.OrderedDict[str, str] = collections.OrderedDict()
        self._done = 0
        self._is_closed = False
        self._instances: dict[str, DagsterInstance] = {}

    # -- the main thread ---------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Execute steps until told to stop, or idle for too long."""
        with capture_interrupts():
            while True:
                try:
                    item = self._steps.get(timeout=self.idle_seconds)
                except queue.Empty:
                    with self._lock:
                        # A step may have been taken at this very moment.
                        self._is_closed = not self._waiting
                    if self._is_closed:
                        return
                    continue
                if item is None:
                    return
                self._execute(*item)

    def _execute(self, key: str, args: ExecuteStepArgs) -> None:
        with self._lock:
            if key not in self._waiting:
                return  # cancelled while it waited
            self._waiting.remove(key)
            self._running, self._since = key, time.time()
            pop_captured_interrupt()  # one that was meant for the step before
        outcome = "done"
        try:
            instance = self._instance(args)
            run = instance.get_run_by_id(args.run_id)
            if run is None:
                outcome = f"the Dagster instance has no run {args.run_id}"
            else:
                for _ in _execute_step_command_body(args, instance, run):
                    pass
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            outcome = "cancelled"
        except Exception as error:
            # Not the step's own failure, which Dagster records as an event, but one of executing it.
            traceback.print_exc()
            outcome = f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                self._running, self._since = None, time.time()
                self._done += 1
                self._outcomes[key] = outcome
                while len(self._outcomes) > _REMEMBERED:
                    self._outcomes.popitem(last=False)

    def _instance(self, args: ExecuteStepArgs) -> DagsterInstance:
        """The step's Dagster instance, opened once."""
        reference = str(args.instance_ref)
        if reference not in self._instances:
            self._instances[reference] = (
                DagsterInstance.from_ref(args.instance_ref) if args.instance_ref else DagsterInstance.get()
            )
        return self._instances[reference]

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request; an unknown one is told so."""
        known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "step": self._take,
            "cancel": self._cancel,
            "state": self._state,
            "stop": self._stop,
        }
        handler = known.get(request.get("do", ""))
        return handler(request) if handler else {"error": f"unknown request {request.get('do')!r}"}

    def _take(self, request: dict[str, Any]) -> dict[str, Any]:
        key, args = request["key"], deserialize_value(request["args"], ExecuteStepArgs)
        with self._lock:
            if self._is_closed:
                return {"taken": False}
            if key != self._running and key not in self._waiting:
                self._waiting.append(key)
                self._steps.put((key, args))
        return {"taken": True}

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["key"]
        with self._lock:
            if key in self._waiting:
                self._waiting.remove(key)
                self._outcomes[key] = "cancelled"
            elif key == self._running:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                threading.Thread(target=self._insist, args=(key,), daemon=True).start()
        return {}

    def _insist(self, key: str) -> None:
        deadline = time.monotonic() + CANCEL_GRACE_SECONDS
        while time.monotonic() < deadline:
            if self._running != key:
                return
            time.sleep(0.1)
        print(f"step {key} did not stop within {CANCEL_GRACE_SECONDS} s: the worker ends", flush=True)
        os._exit(3)

    def _state(self, _request: dict[str, Any]) -> dict[str, Any]:
        memory = psutil.Process().memory_info().rss
        models = [{"name": name, "device": device} for name, device in held_models()]
        with self._lock:
            return {
                "running": self._running,
                "since": self._since,
                "waiting": list(self._waiting),
                "done": self._done,
                "outcomes": dict(self._outcomes),
                "models": models,
                "memory": memory,
                "is_closed": self._is_closed,
            }

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._is_closed = True
        self._steps.put(None)
        if request.get("now") and self._running:
            print("told to stop at once", flush=True)
            threading.Timer(0.1, os._exit, (4,)).start()
        return {}


def main() -> None:
    """Entry point of the worker process."""
    with announced("imgflow worker") as (listener, idle_seconds):
        worker = Worker(idle_seconds)
        threading.Thread(target=_serve, args=(listener, worker), daemon=True).start()
        worker.work()


def _serve(listener: Listener, worker: Worker) -> None:
    while True:
        try:
            connection = listener.accept()
        except Exception:
            # Somebody without the key, or who hung up while saying hello.
            time.sleep(0.01)
            continue
        threading.Thread(target=_converse, args=(connection, worker), daemon=True).start()


def _converse(connection: Connection, worker: Worker) -> None:
    with connection:
        try:
            request = json.loads(connection.recv_bytes())
        except (OSError, EOFError, ValueError):
            return
        try:
            reply = worker.answer(request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        answer(connection, reply)


if __name__ == "__main__":
    main()
