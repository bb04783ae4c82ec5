"""imgflow on many machines, as docker-compose.yml starts it, with processes for machines."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from imgflow_tests.daemon.installation import ROOT, Installation
from imgflow_tests.servers import free_ports

BIN = Path(sys.executable).parent


class Machines(Installation):
    """Code location, daemon and Celery workers on the instance that `deploy/dagster.yaml` describes.

    Needs `DAGSTER_POSTGRES_URL` in the environment.
    """

    def __init__(self, home: Path, models: Path, **settings: Any) -> None:
        super().__init__(home, models, executor="celery", threads=1, **settings)
        self.instance.dispose()
        config = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
        config["run_monitoring"]["poll_interval_seconds"] = 1
        (self.settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(config))
        (self._port,) = free_ports(1)
        workspace = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())
        workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": self._port}
        self._workspace = home / "workspace.yaml"
        self._workspace.write_text(yaml.safe_dump(workspace))
        self.instance = DagsterInstance.from_config(str(self.settings.dagster_home))
        self._children: list[subprocess.Popen[bytes]] = []

    def start_code_server(self) -> psutil.Process:
        """As the service `code`."""
        address = ["--host", "127.0.0.1", "--port", str(self._port)]
        location = ["--module-name", "imgflow.definitions", "--location-name", "imgflow"]
        server = self._start("dagster", "api", "grpc", *address, *location)
        self._children.append(server)
        return psutil.Process(server.pid)

    def start_daemon(self) -> None:
        """As the service `daemon`."""
        self._daemons.append(self._start("dagster-daemon", "run", "--workspace", str(self._workspace)))

    def start_worker(self, name: str, queues: str) -> psutil.Process:
        """As the services `worker-cpu` and `worker-gpu`."""
        app = ["--app", "imgflow.execution.celery_app"]
        worker = self._start("celery", *app, "worker", "--hostname", f"{name}@test", "--queues", queues)
        self._children.append(worker)
        return psutil.Process(worker.pid)

    def stop(self) -> None:
        """All of it."""
        super().stop()
        for child in self._children:
            child.wait(timeout=60)

    def _start(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            command = [str(BIN / program), *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, cwd=self.home)

    def log(self) -> str:
        """What all of them have printed."""
        return self._log.read_text(errors="replace")

    # -- what Dagster shows ------------------------------------------------------------------------------------------

    def runs(self) -> list[DagsterRun]:
        """All runs, the newest first."""
        return self.instance.get_runs()

    def wait_for_runs(self) -> list[DagsterRun]:
        """All runs, once they have ended; the newest first."""
        self.wait(lambda: all(run.is_finished for run in self.runs()), 60, "all runs to end")
        return self.runs()

    def has_failed(self, run: str) -> bool:
        """Whether Dagster has given the run up."""
        record = self.instance.get_run_by_id(run)
        return record is not None and record.status == DagsterRunStatus.FAILURE

    def executions(self) -> "list[Execution]":
        """Each time that a worker has begun a step, in order."""
        found: list[Execution] = []
        for run in self.runs():
            for entry in self.instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
                event = entry.dagster_event
                metadata = event.engine_event_data.metadata if event and event.event_specific_data else {}
                if event and "Celery worker" in metadata:
                    worker = str(metadata["Celery worker"].value).partition("@")[0]
                    found.append(Execution(entry.timestamp, worker, run.run_id, event.step_key or ""))
        return sorted(found, key=lambda each: each.moment)

    def moment_of_success(self, execution: "Execution") -> float:
        """When this step has ended."""
        entries = self.instance.all_logs(execution.run, of_type=DagsterEventType.STEP_SUCCESS)
        (moment,) = [e.timestamp for e in entries if e.dagster_event and e.dagster_event.step_key == execution.step]
        return moment

    def catch(self, worker: psutil.Process, name: str, asset: str = "") -> "tuple[psutil.Process, Execution]":
        """A worker in the middle of a step and of a photo: its pool process, stopped there, and the step."""
        caught: list[tuple[psutil.Process, Execution]] = []

        def in_the_middle() -> bool:
            if self._at_work(name, asset) is None:
                return False
            (pool_process,) = worker.children()
            pool_process.suspend()
            execution = self._at_work(name, asset)
            if execution is None:
                pool_process.resume()  # it has just ended
                return False
            caught.append((pool_process, execution))
            return True

        self.wait(in_the_middle, 120, f"{name} to be in the middle of a step")
        return caught[0]

    def _at_work(self, name: str, asset: str) -> "Execution | None":
        mine = [each for each in self.executions() if each.worker == name]
        if not mine or asset not in mine[-1].step or not any(row.status == "running" for row in self.results()):
            return None
        ended = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE}
        events = [entry.dagster_event for entry in self.instance.all_logs(mine[-1].run, of_type=ended)]
        return None if any(event and event.step_key == mine[-1].step for event in events) else mine[-1]


@dataclass(frozen=True)
class Execution:
    """A worker has begun a step."""

    moment: float
    """Seconds since the epoch."""
    worker: str
    run: str
    step: str

    @property
    def what(self) -> tuple[str, str]:
        """Run and step."""
        return self.run, self.step


def kill(process: psutil.Process) -> float:
    """`kill -9`; what it has started must then end by itself. The moment of it."""
    children = process.children(recursive=True)
    moment = time.time()
    process.kill()
    for child in children:
        child.resume()
    wait_until_gone([process, *children])
    return moment


def cut_off(process: psutil.Process) -> None:
    """`kill -9` of all that runs on its machine."""
    family = [process, *process.children(recursive=True)]
    for each in family:
        each.kill()
    wait_until_gone(family)


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Until they run no more."""
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert [each.pid for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
