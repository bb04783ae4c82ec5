"""The resident executor, with real workers: where steps run, and what happens when workers die, hang or grow old."""

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.util import get_temp_dir
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml
from click.testing import CliRunner
from dagster import DagsterEventType, DagsterInstance
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.executor.step_delegating import CheckStepHealthResult
from dagster._grpc.types import ExecuteStepArgs

from imgflow.cli import main
from imgflow.execution.resident import ResidentStepHandler
from imgflow.execution.wire import Record, WorkerUnreachableError, log_path
from imgflow.execution.workers import Workers
from imgflow.settings import Settings
from imgflow_tests.daemon.installation import dagster_config
from imgflow_tests.execution import trials
from imgflow_tests.execution.run import execute

pytestmark = pytest.mark.server


class Bench:
    """A home with a Dagster instance, in which trial jobs are run as processes of their own."""

    def __init__(self, home: Path, scratch: str, forks: ForkServerContext) -> None:
        self.home = home
        self.scratch = scratch
        self.forks = forks
        self.dagster_home = home / "dagster"
        self.dagster_home.mkdir(parents=True)
        ours = dagster_config(self.dagster_home)
        config = {name: ours[name] for name in ("telemetry", "storage", "compute_logs")}
        (self.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(config))
        self.folder = home / "told"
        self.folder.mkdir()
        # Without a GPU there would be one worker for both devices.
        self.variables = {"IMGFLOW_WORKERS": '{"gpu": 1}'}
        self.runs: list[ForkServerProcess] = []

    @property
    def workers(self) -> Workers:
        return Workers(Settings(home=self.home))

    def start(self, job: str) -> ForkServerProcess:
        environment = {
            **os.environ,
            "IMGFLOW_HOME": str(self.home),
            "DAGSTER_HOME": str(self.dagster_home),
            "PYTHONWARNINGS": "ignore",  # of the workers
            "TMPDIR": self.scratch,
            trials.FOLDER: str(self.folder),
            **self.variables,
        }
        run = self.forks.Process(target=execute, args=(job, environment))
        run.start()
        self.runs.append(run)
        return run

    def run(self, job: str) -> int | None:
        return exit_code(self.start(job), 300)

    def told(self, name: str) -> str:
        return (self.folder / name).read_text()

    def failures(self) -> list[str]:
        """The errors of failed and retried steps of the latest run."""
        with DagsterInstance.from_config(str(self.dagster_home)) as instance:
            (run,) = instance.get_runs(limit=1)
            kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=kinds)]
        return [str(event.event_specific_data.error) for event in events if event]  # type: ignore[union-attr]

    def worker(self, device: str = "cpu") -> Record:
        (worker,) = [worker for worker in self.workers.alive() if worker.device == device]
        return worker

    def stop(self) -> None:
        for run in self.runs:
            run.kill()
            run.join()
            run.close()
        for worker in self.workers.alive():
            os.kill(worker.pid, signal.SIGKILL)


def exit_code(run: ForkServerProcess, seconds: float = 120) -> int | None:
    """None: it still runs after so long."""
    run.join(seconds)
    return run.exitcode


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServerContext]:
    """As imgflow's run starter, a server that has Dagster imported: each run would take two seconds to do it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dagster", "imgflow.execution.resident", "imgflow_tests.execution.run"])
    yield context
    # Python would do it at exit, to which the workers of pytest-xdist do not come.
    shutil.rmtree(get_temp_dir(), ignore_errors=True)


@pytest.fixture
def bench(tmp_path: Path, forks: ForkServerContext) -> Iterator[Bench]:
    # Killed workers leave their sockets' folders there.
    with tempfile.TemporaryDirectory(prefix="imgflow-test-", ignore_cleanup_errors=True) as scratch:
        bench = Bench(tmp_path / "home", scratch, forks)
        try:
            yield bench
        finally:
            bench.stop()


def wait(reached: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_steps_run_in_the_worker_of_their_device_and_it_stays(bench: Bench):
    assert bench.run("both_devices") == 0
    workers = {worker.device: worker.pid for worker in bench.workers.alive()}
    assert bench.run("both_devices") == 0
    told = [path.name.split("-")[0] + path.read_text().split()[0] for path in bench.folder.iterdir()]
    assert sorted(told) == sorted(2 * [f"cpu{workers['cpu']}", f"gpu{workers['gpu']}"])
    assert bench.worker("cpu").ask("state")["done"] == 2


def test_without_a_gpu_one_worker_does_all(bench: Bench):
    bench.variables = {"CUDA_VISIBLE_DEVICES": ""}
    assert bench.run("both_devices") == 0
    (worker,) = bench.workers.alive()
    assert {path.read_text().split()[0] for path in bench.folder.iterdir()} == {str(worker.pid)}


def test_each_gpu_has_a_worker_that_sees_only_that_one(bench: Bench):
    bench.variables = {"CUDA_VISIBLE_DEVICES": "3,5"}
    first = bench.start("holding_gpu")
    wait(lambda: (bench.folder / "holding").exists())
    assert bench.run("both_devices") == 0
    (told,) = [path.read_text().split() for path in bench.folder.glob("gpu-*")]
    workers = {worker.name: worker.pid for worker in bench.workers.alive()}
    assert told == [str(workers["gpu-1"]), "5"]
    assert bench.told("holding") == str(workers["gpu-0"])
    (bench.folder / "let go").touch()
    assert exit_code(first) == 0


def test_a_worker_that_dies_fails_the_step_with_its_last_words_and_the_retry_has_a_new_one(bench: Bench):
    assert bench.run("dying_once") == 0
    (failure,) = bench.failures()
    assert "died" in failure and "these are my last words" in failure
    assert bench.told("survived") == str(bench.worker().pid)


def test_a_worker_that_dies_after_its_step_has_ended_fails_nothing(bench: Bench):
    assert bench.run("both_devices") == 0
    worker = bench.worker("cpu")
    os.kill(worker.pid, signal.SIGKILL)
    wait(lambda: not worker.is_alive())
    with DagsterInstance.from_config(str(bench.dagster_home)) as instance:
        (run,) = instance.get_runs(limit=1)

        def health(step: str, attempt: int) -> CheckStepHealthResult:
            handler = ResidentStepHandler(bench.workers)
            handler._given[f"{run.run_id}/{step}/{attempt}"] = worker
            known = KnownExecutionState(previous_retry_attempts={step: attempt})
            args = ExecuteStepArgs(run.job_code_origin, run.run_id, [step], None, known_state=known)  # type: ignore[arg-type]
            context = SimpleNamespace(instance=instance, execute_step_args=args)
            return handler.check_step_health(context)  # type: ignore[arg-type]

        assert health("on_cpu", 0).is_healthy
        second = health("on_cpu", 1)
        assert not second.is_healthy and "died" in (second.unhealthy_reason or "")


def test_a_step_that_always_kills_its_worker_fails_the_run(bench: Bench):
    assert bench.run("dying_always") == 1
    assert "died" in bench.failures()[0]
    assert bench.run("both_devices") == 0


def test_the_steps_own_mistake_leaves_the_worker_alone(bench: Bench):
    assert bench.run("raising") == 1
    assert "the step's own mistake" in bench.failures()[0]
    assert bench.worker().ask("state")["outcomes"]


def test_a_terminated_run_interrupts_its_step_and_keeps_the_worker(bench: Bench):
    run = bench.start("holding")
    wait(lambda: (bench.folder / "holding").exists())
    assert run.pid
    os.kill(run.pid, signal.SIGINT)
    assert exit_code(run) is not None
    wait(lambda: (bench.folder / "interrupted").exists())
    assert bench.told("holding") == str(bench.worker().pid)
    wait(lambda: bench.worker().ask("state")["running"] is None)
    assert bench.run("both_devices") == 0


def test_a_worker_of_older_settings_finishes_its_step_and_is_replaced(bench: Bench):
    run = bench.start("holding")
    wait(lambda: (bench.folder / "holding").exists())
    old = bench.worker()
    bench.variables["IMGFLOW_BATCH_SIZE"] = "3"
    assert bench.run("both_devices") == 0
    assert old.is_alive() and old.ask("state")["is_closed"]
    (bench.folder / "let go").touch()
    assert exit_code(run) == 0
    wait(lambda: not old.is_alive())
    assert bench.worker().version != old.version


def test_an_idle_worker_ends(bench: Bench):
    bench.variables["IMGFLOW_WORKER_IDLE_SECONDS"] = "0.5"
    assert bench.run("both_devices") == 0
    wait(lambda: not bench.workers.alive())
    assert bench.run("both_devices") == 0


def test_steps_wait_in_line_when_one_worker_is_busy_and_a_second_is_started_where_allowed(bench: Bench):
    bench.variables["IMGFLOW_WORKERS"] = '{"cpu": 2, "gpu": 1}'
    first = bench.start("holding")
    wait(lambda: (bench.folder / "holding").exists())
    assert bench.run("both_devices") == 0
    assert sorted(worker.name for worker in bench.workers.alive()) == ["cpu-0", "cpu-1", "gpu-0"]
    (bench.folder / "let go").touch()
    assert exit_code(first) == 0


def test_workers_stop_at_once_when_told_so(bench: Bench):
    bench.start("holding")
    wait(lambda: (bench.folder / "holding").exists())
    assert bench.workers.stop(now=True, seconds=20) == []


def test_nobody_without_the_key_is_answered(bench: Bench):
    assert bench.run("both_devices") == 0
    worker = bench.worker()
    stranger = Record(**{**{name: getattr(worker, name) for name in worker.__dataclass_fields__}, "key": "00" * 32})
    with pytest.raises(WorkerUnreachableError):
        stranger.ask("state")
    assert worker.ask("nonsense") == {"error": "unknown request 'nonsense'"}
    (record,) = (bench.home / "workers").glob("cpu-0.*.json")
    assert record.stat().st_mode & 0o077 == 0
    assert worker.ask("state")["memory"] < psutil.virtual_memory().total


def test_a_worker_that_cannot_start_says_why(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    from imgflow.errors import WorkerLostError

    monkeypatch.setenv("PYTHONPATH", str(bench.folder))
    (bench.folder / "psutil.py").write_text("raise SystemExit('no psutil today')")
    with pytest.raises(WorkerLostError, match="no psutil today"):
        bench.workers.give("cpu", "run/step/0", "{}")
    assert log_path(bench.home, "cpu", 0).exists()


def test_the_command_line_shows_and_stops_workers(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFLOW_HOME", str(bench.home))
    bench.start("holding")
    wait(lambda: (bench.folder / "holding").exists())
    (standing,) = json.loads(CliRunner().invoke(main, ["workers", "--json"]).stdout)
    assert (standing["name"], standing["pid"], standing["models"]) == ("cpu-0", bench.worker().pid, [])
    assert standing["memory"] > 1e6 and standing["now"].startswith("holds_on of run ")
    assert "cpu-0" in CliRunner().invoke(main, ["workers"]).stdout
    assert CliRunner().invoke(main, ["workers", "stop", "--now"]).exit_code == 0
    assert json.loads(CliRunner().invoke(main, ["workers", "--json"]).stdout) == []
    assert "no workers" in CliRunner().invoke(main, ["workers"]).stdout
