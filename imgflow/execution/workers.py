"""Supervising the resident workers: starting them at first use, replacing old ones, finding out how one died."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from imgflow import __version__
from imgflow.cores import thread_variables, usable_cores
from imgflow.errors import WorkerLostError
from imgflow.execution.wire import FOLDER, Record, WorkerUnreachableError, log_path, records
from imgflow.models.devices import nvidia
from imgflow.settings import Settings

_RUNS = "runs"
"""Device of the run starter."""

_START_SECONDS = 90.0
_LAST_WORDS_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person wants to know of a worker.

    Attributes:
        models: in memory, as `u2netp on cpu`.
        memory: resident, bytes.
        now: the step it is at, or since when it has none.
    """

    name: str
    pid: int
    device: str
    models: list[str]
    memory: int
    steps_done: int
    now: str


class Workers:
    """The resident workers of one home.

    Args:
        settings: where they live, how many of each device there are, and when idle ones end.
    """

    def __init__(self, settings: Settings) -> None:
        self.home = settings.home.absolute()
        self.settings = settings

    def alive(self) -> list[Record]:
        """Every worker, of older versions too."""
        return list(records(self.home))

    def standings(self) -> list[Standing]:
        """What each worker is doing."""
        return [_standing(worker) for worker in self.alive()]

    def give(self, device: str, key: str, args: str) -> Record:
        """Hand a step to the worker of the device that has least to do, starting one if it has to.

        Args:
            key: names the step of the run and its attempt.
            args: serialised `ExecuteStepArgs`.

        Raises:
            WorkerLostError: no worker could be started; the message has its last words.
        """
        for _ in range(3):
            worker = self._least_busy(device)
            # A worker that ends at this moment, or dies, does not take it: then the next one does.
            with contextlib.suppress(WorkerUnreachableError):
                if worker.ask("step", key=key, args=args).get("taken"):
                    return worker
        raise WorkerLostError(f"no worker took the {device} step {key}: {self.last_words(self._pool(device)[0], 0)}")

    def start_run(self, run_id: str, instance: str) -> int:
        """Have the run starter start a run's process; returns its pid.

        Args:
            instance: serialised `InstanceRef`.

        Raises:
            WorkerLostError: there is no run starter, and none could be started.
        """
        starter = self._ensure(_RUNS, 0, current_version(self.settings))
        try:
            return int(starter.ask("run", run_id=run_id, instance=instance)["pid"])
        except (WorkerUnreachableError, KeyError) as error:
            raise WorkerLostError(f"{error}: {self.last_words(_RUNS, 0)}") from error

    def last_words(self, device: str, number: int) -> str:
        """The end of the worker's log."""
        try:
            with log_path(self.home, device, number).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LAST_WORDS_BYTES))
                return file.read().decode(errors="replace").strip() or "it said nothing"
        except FileNotFoundError:
            return "it said nothing"

    def stop(self, now: bool = False, seconds: float = 60) -> list[Record]:
        """Tell all workers to stop; returns those that are still there in the end.

        Args:
            now: do not wait for running steps.
            seconds: how long to wait for the processes to end.
        """
        stopping = self.alive()
        for worker in stopping:
            with contextlib.suppress(WorkerUnreachableError):
                worker.ask("stop", now=now)
        deadline = time.monotonic() + seconds
        while stopping and time.monotonic() < deadline:
            stopping = [worker for worker in stopping if worker.is_alive()]
            time.sleep(0.05)
        return stopping

    # -- choosing and starting ---------------------------------------------------------------------------------------

    def _least_busy(self, device: str) -> Record:
        version = current_version(self.settings)
        device, count = self._pool(device)
        candidates: list[tuple[int, Record]] = []
        for number in range(count):
            worker = self._ensure(device, number, version)
            with contextlib.suppress(WorkerUnreachableError):
                state = worker.ask("state")
                load = len(state["waiting"]) + (state["running"] is not None)
                if not load:
                    return worker  # the next ones need not be started
                candidates.append((load, worker))
        if not candidates:
            raise WorkerLostError(f"no {device} worker answers: {self.last_words(device, 0)}")
        return min(candidates, key=lambda candidate: candidate[0])[1]

    def _pool(self, device: str) -> tuple[str, int]:
        """Device and number of the workers for these steps. Without a GPU, its steps go where the others go."""
        wanted = self.settings.workers.get(device, 0) or (len(gpus()) if device == "gpu" else 1)
        return (device, wanted) if wanted else self._pool("cpu")

    def _share(self, device: str) -> int:
        """Threads of one worker: those of one device work at the same time and share the cores."""
        return max(1, usable_cores() // (1 if device == _RUNS else self._pool(device)[1]))

    def _ensure(self, device: str, number: int, version: str) -> Record:
        """The worker of this version, started if need be; one of another version is told to end after its step."""
        current = self._of(device, number, version)
        if current:
            return current
        (self.home / FOLDER).mkdir(parents=True, exist_ok=True)
        # One starts it, the others wait and find it.
        with FileLock(self.home / FOLDER / f"{device}-{number}.lock", timeout=_START_SECONDS + 30):
            current = self._of(device, number, version)
            return current or self._start(device, number, version)

    def _of(self, device: str, number: int, version: str) -> Record | None:
        found = None
        for record in records(self.home):
            if (record.device, record.number) != (device, number):
                continue
            if record.version == version:
                found = record
            else:
                with contextlib.suppress(WorkerUnreachableError):
                    record.ask("stop")
        return found

    def _start(self, device: str, number: int, version: str) -> Record:
        log = log_path(self.home, device, number)
        module = "imgflow.execution.run_starter" if device == _RUNS else "imgflow.execution.worker"
        command = [sys.executable, "-m", module, "--home", str(self.home), "--device", device]
        command += ["--number", str(number), "--version", version]
        command += ["--idle-seconds", str(self.settings.worker_idle_seconds)]
        with log.open("ab") as file:
            # In a session of its own: it outlives the run that needed it first.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=_environment(device, number, self.settings.threads or self._share(device)),
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            started = next((record for record in records(self.home) if record.pid == process.pid), None)
            if started:
                return started
            time.sleep(0.02)
        process.kill()
        code = process.wait()
        raise WorkerLostError(
            f"worker {device}-{number} did not start (exit code {code}, log {log}): {self.last_words(device, number)}"
        )


def _standing(worker: Record) -> Standing:
    try:
        state = worker.ask("state")
    except WorkerUnreachableError as error:
        return Standing(worker.name, worker.pid, worker.device, [], 0, 0, str(error))
    seconds = max(0, round(time.time() - state["since"]))
    now = f"idle for {seconds} s"
    if state["running"]:
        run, step, attempt = state["running"].split("/")
        now = f"{step} of run {run[:8]} for {seconds} s" + (f", attempt {int(attempt) + 1}" if attempt != "0" else "")
    if state["waiting"]:
        now += f", {len(state['waiting'])} steps waiting"
    if state["is_closed"]:
        now += ", ending"
    models = [f"{model['name']} on {model['device']}" for model in state["models"]]
    return Standing(worker.name, worker.pid, worker.device, models, state["memory"], state["done"], now)


def gpus() -> Sequence[str]:
    """The CUDA devices that this process may use, as `CUDA_VISIBLE_DEVICES` names them; none where there is no GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    return nvidia("index")


def _environment(device: str, number: int, threads: int) -> dict[str, str]:
    environment = os.environ | thread_variables(threads)
    visible = gpus()
    if device == "gpu" and visible:
        environment["CUDA_VISIBLE_DEVICES"] = visible[number % len(visible)]
    return environment


def current_version(settings: Settings) -> str:
    """Changes when imgflow's code or its settings do."""
    digest = hashlib.sha256(f"{__version__} {sys.executable} {_code_stamp()}".encode())
    ours = {name: value for name, value in os.environ.items() if name.startswith(("IMGFLOW_", "CUDA_", "AWS_"))}
    digest.update(repr(sorted(ours.items())).encode())
    digest.update(settings.model_dump_json().encode())
    return digest.hexdigest()[:12]


def _code_stamp() -> str:
    """Size and time of every source file: what a reload of the code location would read again."""
    package = Path(__file__).parents[1]
    files = sorted(package.rglob("*.py"))
    stats: list[Any] = [(str(file.relative_to(package)), (s := file.stat()).st_mtime_ns, s.st_size) for file in files]
    return hashlib.sha256(repr(stats).encode()).hexdigest()
