"""`make demo`: photos dropped into the inbox come out cut out, through a real Dagster daemon, without anyone's hand."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
from dagster import AssetKey, DagsterInstance
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import func, select

from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Batch, Photo, Result
from imgflow.defs.resources import WorkspaceResource
from imgflow.downloads import Downloads
from imgflow.execution.workers import Workers
from imgflow.models.store import ModelStore
from imgflow.photos.decode import decode
from imgflow.pipeline.contact_sheet import Pair, make_pair, paste_pairs
from imgflow.pipeline.naming import INBOX, PUBLISHED, inbox_key
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES
from imgflow.recipe_file import RECIPE_NAME
from imgflow.samples import write_photos
from imgflow.settings import Settings, load_settings
from imgflow.store.ignored import is_ignored

_out = Console()

# A photo that makes no headway for this long means that something is broken.
_PATIENCE_SECONDS = 300
_PAIRS_SHOWN = 8
_PAIR_SIZE = 400


@dataclass(frozen=True, slots=True)
class State:
    """Where the dropped photos stand."""

    photos: list[Photo]
    batches: list[Batch]
    finished: int
    """Photos that are out of the inbox and whose batch is closed."""


@click.command()
@click.option("--photos", type=click.Path(exists=True, path_type=Path), help="Your own photos instead of the samples.")
@click.option("--megapixels", type=float, help="Size of the sample photos; their own sizes (1 to 12) if not given.")
def main(photos: Path | None, megapixels: float | None) -> None:
    """Drop photos, wait for Dagster to work on them, and show what came out."""
    settings = load_settings()
    workspace = WorkspaceResource(settings).open()
    with Downloads(_out) as downloads:
        ModelStore(settings.models_location).ensure(workspace.recipe_for("").matte.model, downloads)
    with DagsterInstance.get() as instance:
        # While Dagster starts, there is time to render.
        daemon = None if _daemon_is_running(settings) else _start_daemon(settings)
        try:
            keys = _drop(workspace, photos, megapixels)
            state = _wait(workspace, keys, daemon)
        finally:
            if daemon is not None:
                daemon.terminate()
                daemon.wait(timeout=60)
                Workers(settings).stop()
        partitions = instance.get_materialized_partitions(AssetKey(PUBLISHED))
    _show(workspace, state)
    is_complete = len(state.photos) == len(keys) == state.finished
    is_materialised = all(batch.key in partitions for batch in state.batches)
    # Every sample must come out. Of a person's own photos some may rightly be refused, and are named.
    wanted = {"done"} if photos is None else {"done", "rejected"}
    sys.exit(0 if is_complete and is_materialised and all(p.status in wanted for p in state.photos) else 1)


def _daemon_is_running(settings: Settings) -> bool:
    """Whether `make dev` has one. Its last heartbeat does not tell: Dagster believes it for half an hour."""
    home = str(settings.dagster_home.absolute())
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.info["cmdline"] or ())
            if "dagster" in command and "daemon" in command and process.environ().get("DAGSTER_HOME") == home:
                return True
    return False


def _start_daemon(settings: Settings) -> subprocess.Popen[bytes]:
    log = (settings.dagster_home / "demo-daemon.log").absolute()
    program = Path(sys.executable).with_name("dagster-daemon")
    _out.print(f"starting a Dagster daemon (log: {log})", soft_wrap=True, highlight=False)
    with log.open("wb") as file:
        # The same workspace as `make dev`, so that both see the same sensor with the same cursor.
        command = [str(program), "run", "--workspace", "workspace.yaml"]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def _drop(workspace: Workspace, photos: Path | None, megapixels: float | None) -> list[str]:
    """Put the photos into the inbox; returns their keys."""
    with tempfile.TemporaryDirectory(prefix="imgflow-demo-") as scratch:
        if photos is None:
            folder = Path(scratch)
            with _out.status("rendering sample photos"):
                files = write_photos(folder, megapixels=megapixels)
        else:
            folder = photos if photos.is_dir() else photos.parent
            files = sorted(file for file in folder.rglob("*") if file.is_file()) if photos.is_dir() else [photos]
        keys = {file.relative_to(folder).as_posix(): file for file in files}
        keys = {key: file for key, file in keys.items() if not is_ignored(key)}
        recipes = {file.relative_to(folder).as_posix(): file for file in files if file.name == RECIPE_NAME}
        for key, file in (recipes | keys).items():  # recipes first: a photo may be seen at once
            workspace.store.put(inbox_key(key), file.read_bytes())
    if not keys:
        raise click.UsageError(f"there are no photos in {photos}")
    _out.print(
        f"{len(keys)} photos dropped into {workspace.store.describe()} {INBOX}/", soft_wrap=True, highlight=False
    )
    return list(keys)


def _wait(workspace: Workspace, keys: Sequence[str], daemon: subprocess.Popen[bytes] | None) -> State:
    """Until every photo is at its end, or nothing has moved for too long."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    seen, moved = (), time.monotonic()
    with Progress(*columns, console=_out) as progress:
        task = progress.add_task("Dagster at work", total=len(keys))
        while True:
            state, headway = _state(workspace, set(keys))
            progress.update(task, completed=state.finished)
            if state.finished == len(keys):
                return state
            if headway != seen:
                seen, moved = headway, time.monotonic()
            if daemon is not None and daemon.poll() is not None:
                _out.print(f"[bold red]the Dagster daemon stopped with exit code {daemon.returncode}[/]")
                return state
            if time.monotonic() - moved > _PATIENCE_SECONDS:
                _out.print(f"[bold red]nothing has moved for {_PATIENCE_SECONDS} s[/]; look at the daemon's log")
                return state
            time.sleep(0.5)


def _state(workspace: Workspace, keys: set[str]) -> tuple[State, tuple[int, ...]]:
    waiting = {info.key.removeprefix(f"{INBOX}/") for info in workspace.store.list(f"{INBOX}/")}
    with workspace.catalog.read() as session:
        photos = [photo for photo in session.scalars(select(Photo).order_by(Photo.key)) if photo.key in keys]
        ids = {photo.batch_id for photo in photos}
        batches = [batch for batch in session.scalars(select(Batch)) if batch.id in ids]
        results = session.scalar(select(func.count()).select_from(Result)) or 0
    closed = {batch.id for batch in batches if batch.state != "open"}
    finished = sum(photo.batch_id in closed and photo.key not in waiting for photo in photos)
    return State(photos, batches, finished), (len(photos), len(waiting), results, finished)


def _show(workspace: Workspace, state: State) -> None:
    table = Table("photo", "size", "status", "seconds", "result")
    for column in table.columns:
        column.overflow = "fold"  # paths are there to be opened
    pairs: list[Pair] = []
    with workspace.catalog.read() as session:
        results = results_of(session, [photo.id for photo in state.photos], STAGES)
    for photo in state.photos:
        stages = [result for stage in STAGES if (result := results.get((photo.id, stage)))]
        seconds = sum(result.seconds or 0 for result in stages if result.status == "done")
        published = results.get((photo.id, "publish"))
        key = published.object_key if published and photo.status == "done" else None
        size = f"{photo.width} x {photo.height}" if photo.width else ""
        mark = "[green]done[/]" if photo.status == "done" else f"[red]{photo.status}[/]"
        table.add_row(escape(photo.key), size, mark, f"{seconds:.1f}", escape(key or photo.error_message or ""))
        if key and photo.original_key and len(pairs) < _PAIRS_SHOWN:
            before = decode(workspace.store.get(photo.original_key)).picture
            pairs.append(make_pair(before, decode(workspace.store.get(key)).picture, _PAIR_SIZE))
    _out.print(table)
    if pairs:
        picture = workspace.settings.home / "before-after.jpg"
        paste_pairs(pairs, _PAIR_SIZE).save(picture, quality=88)
        _out.print(f"before and after: {picture}", soft_wrap=True, highlight=False)
    _out.print(f"results: {workspace.store.describe()} {PUBLISHED}/", soft_wrap=True, highlight=False)
    _out.print("see them in Dagster: make dev, then http://127.0.0.1:3000", highlight=False)


if __name__ == "__main__":
    main()
