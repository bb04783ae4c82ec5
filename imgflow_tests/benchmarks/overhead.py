"""What Dagster costs: the same photos through a real daemon and through the command line, and one photo alone."""

import contextlib
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
from dagster import DagsterRunStatus, RunsFilter
from sqlalchemy import func, select

from imgflow.catalog.tables import Batch, Photo, Result
from imgflow.errors import ModelUnavailableError
from imgflow.models.store import ModelStore
from imgflow.settings import load_settings
from imgflow_tests.benchmarks.frame import Measured, Options, Row, measure, median_seconds, peak_memory
from imgflow_tests.daemon.installation import Installation, installed

PHOTOS = 200
QUICK_PHOTOS = 20
SINGLES = 10
QUICK_SINGLES = 3
BATCH = 25
"""The default batch size, for the bytes in Dagster's storage."""

MOST_RATIO = 1.05
LATENCY_SECONDS = 3.0

_UNFINISHED = RunsFilter(statuses=[DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED])

_RENDER = """
import sys
from pathlib import Path
from imgflow.samples import SCENES, render
from imgflow.samples.files import encoded
folder, count = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
names = [name for name in SCENES if name != "bicycle"]
for number in range(count):
    name = names[number % len(names)]
    scene = render(name, megapixels=0.06, seed=number)
    (folder / f"{number:04d}{Path(SCENES[name].file).suffix}").write_bytes(encoded(scene, SCENES[name]))
"""


def rows(options: Options) -> Iterator[Row]:
    """A batch, and single photos."""
    try:
        models = ModelStore(load_settings().models_location)
        models.ensure("u2netp")
    except ModelUnavailableError as error:
        options.note(f"overhead: left out: {error}")
        return
    photos, singles = (QUICK_PHOTOS, QUICK_SINGLES) if options.quick else (PHOTOS, SINGLES)
    with tempfile.TemporaryDirectory(prefix="imgflow-overhead-") as scratch:
        folder = Path(scratch, "photos")
        options.note(f"overhead: rendering {photos} photos")
        measure([sys.executable, "-c", _RENDER, str(folder), str(photos)])
        with installed(Path(scratch, "home"), models.root, as_shipped=True, batch_size=photos) as installation:
            installation.start_daemon()
            options.note("overhead: warming up")
            _one(installation, folder, "warm-up")
            yield _storage(installation, folder, min(BATCH, photos))
            batches, commands = _batches(installation, folder, options)
            yield Row(
                f"{photos} photos of 0.06 MP in one batch; reference: imgflow process",
                statistics.median(batches),
                median_seconds(commands),
                _worker_memory(installation),
                peak_memory(commands),
                {"most ratio": MOST_RATIO, "work alone s": _work(installation, "series-0")},
            )
            options.note(f"overhead: {singles} photos, one at a time")
            latencies = [_one(installation, folder, f"single-{number}") for number in range(singles)]
            name = "one photo, warm: from the tick to published, without its own work; reference: the most"
            figures = {"slowest": max(latencies), **_stretches(installation, singles)}
            yield Row(name, statistics.median(latencies), LATENCY_SECONDS, figures=figures)


def _storage(installation: Installation, folder: Path, photos: int) -> Row:
    """What a batch leaves in Dagster's SQLite files and logs."""
    before = _dagster_bytes(installation)
    _through_dagster(installation, folder, "stored", photos)
    # The run writes its last events after the batch is closed.
    installation.wait(lambda: not installation.instance.get_runs_count(_UNFINISHED), 60, "the run to end")
    after = _dagster_bytes(installation)
    grown = {kind: (after[kind] - before[kind]) / photos for kind in after}
    figures = {f"{kind}, bytes per photo": round(size) for kind, size in grown.items()}
    return Row(
        f"Dagster's storage (SQLite), a batch of {photos} photos",
        figures={"all, bytes per photo": round(sum(grown.values())), **figures},
    )


def _batches(installation: Installation, folder: Path, options: Options) -> tuple[list[float], list[Measured]]:
    """Seconds of each batch, from its first row in the catalog to its last; and the command's, in turn."""
    batches: list[float] = []
    commands: list[Measured] = []
    for number in range(options.repetitions):
        options.note(f"overhead: batch {number + 1} of {options.repetitions}")
        # The command goes first and last in turn.
        if number % 2:
            commands.append(_command(installation, folder, number))
        batches.append(_through_dagster(installation, folder, f"series-{number}", None))
        if number % 2 == 0:
            commands.append(_command(installation, folder, number))
    return batches, commands


def _command(installation: Installation, folder: Path, number: int) -> Measured:
    program = str(Path(sys.executable).with_name("imgflow"))
    out = installation.home / f"out-{number}"
    env = {"IMGFLOW_MODELS_DIR": str(installation.settings.models_location)}
    return measure([program, "process", str(folder), "--out", str(out)], env)


def _through_dagster(installation: Installation, folder: Path, name: str, most: int | None) -> float:
    """Drop photos at once into a new folder of the inbox; seconds until all are published."""
    inbox = Path(installation.settings.store_location) / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    staging = installation.home / name
    staging.mkdir()
    files = sorted(folder.iterdir())[:most]
    for file in files:
        (staging / file.name).write_bytes(file.read_bytes())
    # All at once and all settled, so that no tick sees a part of them and makes two batches.
    newest = max(file.stat().st_ctime for file in staging.iterdir())
    time.sleep(max(0.0, newest + installation.settings.settle_seconds - time.time()) + 0.1)
    staging.rename(inbox / name)
    return _wait(installation, name, len(files))


def _one(installation: Installation, folder: Path, name: str) -> float:
    """One photo alone; seconds from the tick that sees it to its publication, minus those of its own work."""
    file = sorted(folder.iterdir())[0]
    installation.drop(f"{name}/{file.name}", file.read_bytes())
    return _wait(installation, name, 1) - _work(installation, name)


def _wait(installation: Installation, folder: str, photos: int) -> float:
    """Seconds that the folder's batch was open."""

    def batches() -> list[Batch]:
        with installation.workspace.catalog.read() as session:
            return list(session.scalars(select(Batch).where(Batch.folder == folder)))

    installation.wait(
        lambda: any(batch.state == "done" for batch in batches()), 60 + 10 * photos, f"{folder} to be done"
    )
    with installation.workspace.catalog.read() as session:
        states = session.execute(
            select(Photo.status, func.count()).where(Photo.folder == folder).group_by(Photo.status)
        ).all()
    if [tuple(state) for state in states] != [("done", photos)]:
        raise RuntimeError(f"of {photos} photos: {states}")
    [done] = batches()
    assert done.finished_at
    return (done.finished_at - done.opened_at) / timedelta(seconds=1)


def _work(installation: Installation, folder: str) -> float:
    """Seconds that all stages spent on the folder's photos."""
    with installation.workspace.catalog.read() as session:
        own = select(func.sum(Result.seconds)).join(Photo, Photo.id == Result.photo_id).where(Photo.folder == folder)
        return session.scalar(own) or 0.0


def _stretches(installation: Installation, singles: int) -> dict[str, float]:
    """Where the time of single photos goes, medians: until the run is queued, until it starts, and the run itself."""
    stretches: dict[str, list[float]] = {"tick to queued": [], "queued to started": [], "started to published": []}
    for number in range(singles):
        with installation.workspace.catalog.read() as session:
            batch = session.scalars(select(Batch).where(Batch.folder == f"single-{number}")).one()
        [record] = installation.instance.get_run_records(RunsFilter(tags={"imgflow/batch": batch.key}))
        assert batch.finished_at and record.start_time
        moments = [batch.opened_at.timestamp(), record.create_timestamp.timestamp(), record.start_time]
        moments.append(batch.finished_at.timestamp())
        for name, begin, end in zip(stretches, moments, moments[1:], strict=False):
            stretches[name].append(end - begin)
    return {f"{name} s": statistics.median(seconds) for name, seconds in stretches.items()}


def _dagster_bytes(installation: Installation) -> dict[str, int]:
    """What lies on disk, by kind. A file that SQLite takes away meanwhile counts as nothing."""
    kinds = {"events of each run": 0, "events by asset": 0, "runs": 0, "ticks": 0, "logs": 0}
    for folder, _, files in os.walk(installation.settings.dagster_home):
        for name in files:
            if name.endswith(("-shm", "-wal")):
                continue
            if name.endswith(".db"):
                with contextlib.closing(sqlite3.connect(Path(folder, name))) as database:
                    database.execute("PRAGMA wal_checkpoint")  # what is still in the write-ahead log
            with contextlib.suppress(FileNotFoundError):
                kinds[_kind(Path(folder, name))] += Path(folder, name).stat().st_size
    return kinds


def _kind(file: Path) -> str:
    if file.suffix != ".db":
        return "logs"
    named = {"index.db": "events by asset", "runs.db": "runs", "schedules.db": "ticks"}
    return named.get(file.name, "events of each run")


def _worker_memory(installation: Installation) -> int:
    """Peak of the resident worker, bytes."""
    workers = [p for p in installation.processes() if "imgflow.execution.worker" in " ".join(p.cmdline())]
    return max((_peak(worker) for worker in workers), default=0)


def _peak(process: psutil.Process) -> int:
    """The most memory that was ever resident; where the system does not tell it, what is now."""
    status = Path(f"/proc/{process.pid}/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return process.memory_info().rss
