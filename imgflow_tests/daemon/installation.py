"""imgflow as it is installed somewhere: a home, a Dagster instance, and a daemon that can be started and killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from dagster import AssetKey, DagsterInstance
from sqlalchemy import select

from imgflow.catalog.tables import Batch, Photo, Result
from imgflow.defs.resources import WorkspaceResource
from imgflow.execution.wire import records
from imgflow.pipeline.naming import STAGE_FOLDERS
from imgflow.pipeline.workspace import Workspace
from imgflow.settings import Settings

ROOT = Path(__file__).parents[2]

PATIENCE = 4
"""How much slower than an idle machine a busy one may be. Waiting ends with the condition; this only bounds it."""

ASSETS = ["originals", *STAGE_FOLDERS.values()]


@dataclass(frozen=True)
class Standing:
    """Where the photos stand."""

    photos: dict[str, str]
    """Status by photo key."""
    codes: dict[str, str | None]
    """Error code by photo key."""
    open_batches: int


class Installation:
    """A home with a Dagster instance of its own.

    Args:
        home: made if needed.
        models: a model store's folder with u2netp in it.
        as_shipped: the daemon looks at inbox and runs no more often than it does by default.
        settings: `IMGFLOW_*` by their names in `Settings`.
    """

    def __init__(self, home: Path, models: Path, as_shipped: bool = False, **settings: Any) -> None:
        self.home = home
        often = {} if as_shipped else {"drop_interval_seconds": 1, "settle_seconds": 1}
        values = {"home": home, "models_dir": models, **often, **settings}
        self.settings = Settings(**values)
        # Pydantic's secrets do not print themselves, so the environment is made from what the test passed.
        ours = {f"IMGFLOW_{name.upper()}": _as_text(value) for name, value in values.items()}
        # For what killed processes cannot clear away. Not below the home, whose name is too long for a socket.
        self._scratch = tempfile.TemporaryDirectory(prefix="imgflow-test-", ignore_cleanup_errors=True)
        theirs = {"DAGSTER_HOME": str(self.settings.dagster_home), "TMPDIR": self._scratch.name}
        self._environment = {**os.environ, **ours, **theirs}
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._log = home / "daemon.log"
        self.settings.dagster_home.mkdir(parents=True)
        config = (dagster_config if as_shipped else _impatient)(self.settings.dagster_home)
        (self.settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(config))
        self.workspace: Workspace = WorkspaceResource(self.settings).open()
        self.instance = DagsterInstance.from_config(str(self.settings.dagster_home))

    # -- processes ---------------------------------------------------------------------------------------------------

    def start_daemon(self) -> None:
        """As `make dev` does it, without the web server."""
        program = Path(sys.executable).with_name("dagster-daemon")
        command = [str(program), "run", "--workspace", str(ROOT / "workspace.yaml")]
        with self._log.open("ab") as log:
            self._daemons.append(
                subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, cwd=self.home)
            )

    def stop(self) -> None:
        """The daemon and everything it has started, and the instance."""
        for process in self.processes():
            _kill(process)
        for daemon in self._daemons:
            daemon.wait(timeout=60)
        self.instance.dispose()
        self._scratch.cleanup()

    def processes(self) -> list[psutil.Process]:
        """All that runs for this installation, orphans too: they carry its DAGSTER_HOME."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._is_ours(process)]

    def daemon_is_running(self) -> bool:
        """Whether the daemon started last is alive."""
        return bool(self._daemons) and self._daemons[-1].poll() is None

    def kill_daemon(self) -> bool:
        """`kill -9` of the daemon itself; its children live on for a while. False when it is not running."""
        if not self.daemon_is_running():
            return False
        self._daemons[-1].kill()
        self._daemons[-1].wait()
        return True

    def kill_code_servers(self) -> bool:
        """`kill -9` of the processes in which sensor ticks are evaluated."""
        return _kill_all(process for process in self.processes() if "grpc" in _command(process))

    def kill_runs(self) -> bool:
        """`kill -9` of every process that executes a run."""
        starters = {record.pid for record in records(self.home)}
        return _kill_all(p for p in self.processes() if "run_starter" in _command(p) and p.pid not in starters)

    def kill_run_starter(self) -> bool:
        """`kill -9` of the process that starts runs; runs live on."""
        return _kill_all(iter([psutil.Process(r.pid) for r in records(self.home) if r.device == "runs"]))

    def kill_workers(self) -> bool:
        """`kill -9` of every resident worker."""
        return _kill_all(process for process in self.processes() if "imgflow.execution.worker" in _command(process))

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            return not is_zombie and process.environ().get("DAGSTER_HOME") == str(self.settings.dagster_home)
        return False

    # -- photos ------------------------------------------------------------------------------------------------------

    def drop(self, key: str, data: bytes) -> None:
        """Put a photo into the inbox, whole."""
        self.workspace.store.put(f"inbox/{key}", data)

    def standing(self) -> Standing:
        """What the catalog says now."""
        with self.workspace.catalog.read() as session:
            photos = list(session.scalars(select(Photo)))
            batches = list(session.scalars(select(Batch)))
        return Standing(
            {photo.key: photo.status for photo in photos},
            {photo.key: photo.error_code for photo in photos},
            sum(batch.state == "open" for batch in batches),
        )

    def objects(self, folder: str) -> list[str]:
        """Keys below a folder of the store, without the folder."""
        return sorted(info.key.removeprefix(f"{folder}/") for info in self.workspace.store.list(f"{folder}/"))

    def results(self) -> list[Result]:
        """All rows of the catalog's results."""
        with self.workspace.catalog.read() as session:
            return list(session.scalars(select(Result)))

    def wait(self, reached: Callable[[], bool], seconds: float, what: str) -> None:
        """Until the condition holds. The seconds are meant for a machine that does nothing else, and are extended.

        Raises:
            AssertionError: it does not within this time, or the daemon has died; with the end of its log.
        """
        deadline = time.monotonic() + PATIENCE * seconds
        while True:
            looked = time.monotonic()
            if reached():
                return
            alive = not self._daemons or self.daemon_is_running()
            if not alive or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-6000:] if self._log.exists() else ""
                state = "nothing yet" if alive else "the daemon has died"
                raise AssertionError(f"waited {PATIENCE * seconds} s for {what}: {state}; {self.standing()}\n{tail}")
            # What is waited for needs the cores, too.
            time.sleep(max(0.1, 2 * (time.monotonic() - looked)))

    def wait_for_end(self, photos: int, seconds: float = 180) -> Standing:
        """Until this many photos are known, none waits and all batches are closed."""

        def reached() -> bool:
            standing = self.standing()
            at_end = all(status != "waiting" for status in standing.photos.values())
            return len(standing.photos) >= photos and at_end and not standing.open_batches

        self.wait(reached, seconds, f"{photos} photos to end")
        return self.standing()

    # -- what Dagster shows ------------------------------------------------------------------------------------------

    def times_done(self) -> Counter[tuple[str, str]]:
        """How often each (asset, photo) is reported as worked on, over all materialisations."""
        counts: Counter[tuple[str, str]] = Counter()
        for name in ASSETS:
            for metadata in self.materialisations(name):
                for record in metadata["table"].records:
                    counts[name, record.data["photo"]] += record.data["status"] == "done"
        return counts

    def materialisations(self, asset: str) -> list[dict[str, Any]]:
        """Metadata of every materialisation of an asset."""
        records = self.instance.fetch_materializations(AssetKey(asset), limit=1000).records
        return [dict(record.asset_materialization.metadata) for record in records if record.asset_materialization]


@contextlib.contextmanager
def installed(home: Path, models: Path, **settings: Any) -> Iterator[Installation]:
    """An installation that leaves no process behind."""
    installation = Installation(home, models, **settings)
    try:
        yield installation
    finally:
        installation.stop()


def dagster_config(dagster_home: Path) -> dict[str, Any]:
    """The project's own dagster.yaml, without need of the environment."""
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    config["storage"]["custom"]["config"]["base_dir"] = str(dagster_home)
    config["compute_logs"]["config"]["base_dir"] = str(dagster_home)
    return config


def _impatient(dagster_home: Path) -> dict[str, Any]:
    """The same, looking at its runs more often."""
    config = dagster_config(dagster_home)
    config["run_monitoring"] |= {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
    return config


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _kill_all(processes: Iterator[psutil.Process]) -> bool:
    return sum(_kill(process) for process in processes) > 0


def _kill(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)
        return True
    return False
