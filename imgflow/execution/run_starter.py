"""A resident process that starts runs by forking: Dagster and imgflow are imported already, so a run begins at once.

Started by `imgflow.execution.workers` like a worker, and asked over the same wire. It has one thread and opens nothing,
so that its children inherit neither locks nor connections.

* `run`: fork a process that executes the run; answers with its pid.
* `state`, `stop`: as a worker's.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import tempfile
import threading
import time
import traceback
from multiprocessing.connection import Listener
from typing import Any

import psutil
from dagster import DagsterInstance, Definitions, job, op
from dagster._cli.api import _execute_run_command_body  # pyright: ignore[reportPrivateUsage]  # `dagster api execute_run`
from dagster._core.instance import InstanceRef
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import capture_interrupts

from imgflow.errors import ImgflowError
from imgflow.execution.wire import announced, answer

_HELLO_SECONDS = 5.0

_DEFINITIONS = "imgflow.definitions"
"""By name: this room knows nothing of those above it."""


class RunStarter:
    """Answers requests one after the other.

    Args:
        listener: closed in each child.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._since = time.time()
        self._done = 0
        self.is_closed = False

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        if request.get("do") == "run":
            return {"pid": self._fork(request["run_id"], request["instance"])}
        if request.get("do") == "stop":
            self.is_closed = True
            return {}
        if request.get("do") == "state":
            memory = psutil.Process().memory_info().rss
            idle = {"running": None, "waiting": [], "outcomes": {}, "models": []}
            return idle | {"since": self._since, "done": self._done, "memory": memory, "is_closed": self.is_closed}
        return {"error": f"unknown request {request.get('do')!r}"}

    def _fork(self, run_id: str, instance: str) -> int:
        self._since, self._done = time.time(), self._done + 1
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            # A process of its own: the starter may end, and a signal to it is not meant for the run.
            os.setsid()
            self._listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = _execute(run_id, instance)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _execute(run_id: str, instance_ref: str) -> int:
    with capture_interrupts(), DagsterInstance.from_ref(deserialize_value(instance_ref, InstanceRef)) as instance:
        return _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


def main() -> None:
    """Entry point of the process."""
    _rehearse()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended runs leave no zombies
    with announced("imgflow run starter") as (listener, idle_seconds):
        _serve(listener, RunStarter(listener), idle_seconds)


def _rehearse() -> None:
    """Do once what each run would do first, for what that imports and builds: some 300 modules, half a second."""
    # Whoever has definitions of his own may have settings with which imgflow's do not load; his runs say so themselves.
    with contextlib.suppress(ImgflowError):
        definitions: Definitions = importlib.import_module(_DEFINITIONS).defs
        definitions.get_repository_def().get_all_jobs()

    @op
    def nothing() -> None:
        pass

    @job
    def rehearsal() -> None:
        nothing()

    with (
        tempfile.TemporaryDirectory(prefix="imgflow-rehearsal-") as folder,
        DagsterInstance.local_temp(folder, {"telemetry": {"enabled": False}}) as instance,
    ):
        rehearsal.execute_in_process(instance=instance)
    assert threading.active_count() == 1, "a fork would inherit the locks of other threads"


def _serve(listener: Listener, starter: RunStarter, idle_seconds: float) -> None:
    # The listener's own socket is not public; without a time-out on it an idle process would never end.
    listening: socket.socket = listener._listener._socket  # type: ignore[attr-defined]  # pyright: ignore
    while not starter.is_closed:
        listening.settimeout(idle_seconds)
        try:
            connection = listener.accept()
        except TimeoutError:
            return
        except Exception:
            continue  # somebody without the key, or who hung up while saying hello
        with connection:
            if not connection.poll(_HELLO_SECONDS):
                continue
            try:
                request = json.loads(connection.recv_bytes())
                reply = starter.answer(request)
            except (OSError, EOFError, ValueError, KeyError) as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            answer(connection, reply)


if __name__ == "__main__":
    main()
