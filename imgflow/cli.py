"""The command line."""

import contextlib
import functools
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from imgflow import __version__
from imgflow.cores import thread_variables
from imgflow.downloads import Downloads
from imgflow.errors import ImgflowError, PhotoError, UsageError
from imgflow.heap import importing_much, keep_freed_memory
from imgflow.settings import Settings, load_settings

# Results and JSON go to stdout, everything for a person watching to stderr.
_out = Console()
_err = Console(stderr=True)

Command = TypeVar("Command", bound=Callable[..., Any])


def _told_plainly(command: Command) -> Command:
    """Show our own errors as a sentence. Exit code 2: a mistake of the user's; 1: trouble elsewhere; 130: Ctrl-C."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ImgflowError as error:
            _tell(f"Error: {error}", "red")
            sys.exit(2 if isinstance(error, UsageError) else 1)
        except KeyboardInterrupt:
            _tell("Stopped.", "bold red")
            sys.exit(128 + signal.SIGINT)

    return wrapped  # type: ignore[return-value]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imgflow")
def main() -> None:
    """Product photos in, clean cutouts out."""
    # A file's name may be no valid text, or none that this terminal can show: that must not end a run.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file for all photos, in place of each one's own.",
)
@click.option("--steps", help="Stages that run, such as denoise,shadow,matte,enhance. Replaces the recipe's.")
@click.option("--set", "assignments", multiple=True, metavar="STAGE.OPTION=VALUE", help="May be given more than once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each photo on stdout.")
@_told_plainly
def process(
    paths: tuple[Path, ...],
    out: Path,
    recipe_file: Path | None,
    steps: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Cut out photos, or folders of photos, without Dagster.

    Writes an RGBA file for each photo. A result of an earlier run is replaced; where the photo fails this time it stays
    as it was, and the error says so. Exit code 0: all done; 1: some photos failed, each is named with its reason on
    stderr; 2: bad usage; 130: stopped with Ctrl-C, what is finished stays.
    """
    with importing_much():
        from imgflow.models.loader import Models
        from imgflow.pipeline.files import make_folder, plan_files, recipes_for
        from imgflow.pipeline.folders import left_out
        from imgflow.pipeline.from_settings import limits_of, runtime_of
        from imgflow.pipeline.load_ahead import load_ahead
        from imgflow.pipeline.single import process_files

    keep_freed_memory()
    settings = load_settings()
    os.environ.update(thread_variables(settings.threads))  # before a stage imports its libraries
    jobs = plan_files(paths, out, recipes_for(settings, recipe_file, steps, assignments))
    make_folder(out)
    for path, why in left_out(paths):
        _tell(f"{path}: {why}", "dim")
    limits = limits_of(settings)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        downloads = Downloads(_err, progress)
        models = Models(_model_store(settings), runtime_of(settings), settings.model_memory, downloads)
        models.check({chain for job in jobs for chain in job.recipe.chains()})
        if jobs:
            load_ahead(jobs[0].recipe, models)
        done = process_files(jobs, limits, models, settings.pixels_in_flight)
        for processed in progress.track(done, total=len(jobs), description="photos"):
            job = processed.job
            for step in processed.steps:
                if step.doubt:
                    _tell(f"{job.source}: {step.name}: {step.doubt}", "yellow")
            if processed.error:
                failed += 1
                _tell(f"{job.source}: {processed.error.code}: {processed.message}", "red")
            if as_json:
                click.echo(json.dumps(processed.as_json()))
            elif not processed.error:
                _out.print(f"{job.target}  {processed.seconds:.2f} s", markup=False, soft_wrap=True, highlight=False)
    if failed or not jobs:
        _tell(f"{failed} of {len(jobs)} photos failed" if failed else "no photos found", "bold red")
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("a", type=click.Path(exists=True, path_type=Path))
@click.argument("b", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="A page (.html), or a strip for a chat (.png, .jpg, .webp)."
)
@click.option(
    "--background",
    "backgrounds",
    multiple=True,
    metavar="COLOUR",
    help="white, black, magenta, green, checkerboard or #rrggbb; may be given more than once.",
)
@click.option("--set", "assignments", multiple=True, metavar="STAGE.OPTION=VALUE", help="In place of B; see above.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --set: YAML file for all photos, in place of each one's own.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the figures of each pair on stdout.")
@_told_plainly
def compare(
    a: Path,
    b: Path | None,
    out: Path | None,
    backgrounds: tuple[str, ...],
    assignments: tuple[str, ...],
    recipe_file: Path | None,
    as_json: bool,
) -> None:
    """Show two pictures, or the pictures of two folders, before and after: what does a setting do?

    Files of two folders are matched by their paths, whatever their extensions. With --set instead of B, A is a photo
    or a folder of photos, and the results with and without these settings are compared. Exit code 0: all compared;
    1: some pictures could not be read or processed, each is named on stderr; 2: bad usage.
    """
    from imgflow.compare.comparison import Failed, compare_pair
    from imgflow.compare.matching import match
    from imgflow.compare.reports import check_out, report_to, written_beside
    from imgflow.compare.two_recipes import OWN, processed_twice
    from imgflow.models.loader import Models
    from imgflow.pipeline.from_settings import limits_of, runtime_of
    from imgflow.pipeline.single import Processed

    if (b is None) != bool(assignments):
        raise UsageError("give two pictures or two folders, or one of them and --set")
    if recipe_file and not assignments:
        raise UsageError("--recipe goes with --set: two pictures are compared as they are")
    if out is None and not as_json:
        raise UsageError("give --out FILE.html for a page, --out FILE.png for a strip, or --json")
    check_out(out, [a] if b is None else [a, b])
    settings = load_settings()
    os.environ.update(thread_variables(settings.threads))
    unprocessed = 0

    def tell(processed: Processed) -> None:
        nonlocal unprocessed
        if processed.error:
            unprocessed += 1
            _tell(f"{processed.job.source}: {processed.error.code}: {processed.message}", "red")

    with contextlib.ExitStack() as stack:
        titles = (str(a), str(b) if b else ", ".join(assignments))
        report = stack.enter_context(report_to(out, backgrounds, titles if b else (f"{a}, {OWN}", titles[1])))
        progress = stack.enter_context(Progress(console=_err, transient=True, disable=not _err.is_terminal))
        if b:
            matched = match(a, b, written_beside(out))
        else:
            models = Models(
                _model_store(settings), runtime_of(settings), settings.model_memory, Downloads(_err, progress)
            )
            matched = stack.enter_context(processed_twice(a, assignments, recipe_file, settings, models, tell))
        failed: list[Failed] = []
        for pair in progress.track(matched.pairs, description="pairs"):
            compared = compare_pair(pair, limits_of(settings))
            if as_json:
                click.echo(json.dumps(compared.as_json()))
            if isinstance(compared, Failed):
                failed.append(compared)
                _tell(f"{compared.title}: {compared.error}", "red")
            else:
                report.add(compared)
            del compared  # a pair's pictures go before the next one's are read
        for file in (*matched.only_a, *matched.only_b):
            _tell(f"{file}: has no partner", "dim")
        if len(failed) == len(matched.pairs):
            raise ImgflowError("nothing could be compared")
        report.finish(matched, failed)
    if out and not as_json:
        _out.print(out, markup=False, soft_wrap=True, highlight=False)
    sys.exit(1 if failed or unprocessed else 0)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each file on stdout.")
@_told_plainly
def inspect(files: tuple[Path, ...], as_json: bool) -> None:
    """Show what picture files say of themselves, and of results: which imgflow, recipe and models made them.

    Exit code 1: some files could not be read, each is named on stderr.
    """
    from imgflow.photos.inspection import inspect_file
    from imgflow.pipeline.files import read_photo
    from imgflow.pipeline.from_settings import limits_of

    limits = limits_of(load_settings())
    failed = 0
    for file in files:
        try:
            found = inspect_file(read_photo(file, limits.max_bytes), limits)
        except PhotoError as error:
            failed += 1
            _tell(f"{file}: {error.code}: {error.message}", "red")
            continue
        if as_json:
            click.echo(json.dumps({"path": str(file)} | found.as_json()))
            continue
        click.echo(file)
        for name, text in found.lines():
            click.echo(f"  {name:<12} {text}")
    sys.exit(1 if failed else 0)


def _tell(text: str, style: str) -> None:
    _err.print(text, style=style, markup=False, soft_wrap=True, highlight=False)


@main.command()
@click.argument("keys", nargs=-1, required=True)
@_told_plainly
def link(keys: tuple[str, ...]) -> None:
    """Links to the results of photos, named by their paths below the inbox. On S3 they are presigned."""
    from imgflow.defs.resources import WorkspaceResource
    from imgflow.pipeline.links import published_link

    workspace = WorkspaceResource(load_settings()).open()
    for key in keys:
        click.echo(published_link(workspace, key))


@main.group()
def models() -> None:
    """The model store: weights pulled, verified and listed."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
@_told_plainly
def list_models(as_json: bool) -> None:
    """All models imgflow knows: which are here, and which workers have them in memory.

    A model may also be a path of your own, in a recipe: a checkpoint, an .onnx file, a folder in the hub's layout.
    """
    settings = load_settings()
    statuses = _model_store(settings).status()
    loaded = _loaded_models(settings)
    if as_json:
        rows = [asdict(status) | {"loaded": loaded.get(status.name, [])} for status in statuses]
        click.echo(json.dumps(rows, default=str))
        return
    table = Table(box=SIMPLE, caption=f"in {settings.models_location}")
    table.add_column("name", no_wrap=True)  # what `pull` wants to be told
    for column in ("purpose", "size", "licence", "commercial", "here", *(["loaded by"] if loaded else [])):
        table.add_column(column, overflow="fold")
    for status in statuses:
        size = f"{status.size / 1e6:,.1f} MB" if status.size else "?"
        commercial = "yes" if status.commercial else "[red]no[/]"
        here = "[green]yes[/]" if status.present else "no"
        workers = [escape(", ".join(loaded.get(status.name, [])))] if loaded else []
        table.add_row(status.name, status.purpose, size, status.licence, commercial, here, *workers)
    _out.print(table)


def _loaded_models(settings: Settings) -> dict[str, list[str]]:
    """Which resident workers hold a model, as `gpu-0 on cuda`, by its name. A worker that is in trouble holds none."""
    from imgflow.execution.workers import Workers

    try:
        standings = Workers(settings).standings()
    except Exception:  # whatever is wrong with the workers, the list of models is not
        return {}
    loaded: dict[str, list[str]] = {}
    for standing in standings:
        for held in standing.models:
            name, _, device = held.rpartition(" on ")
            loaded.setdefault(name, []).append(f"{standing.name} on {device}")
    return loaded


@models.command("pull")
@click.argument("name")
@click.option("--update", is_flag=True, help="Take the newest revision of what only the store's lock file pins.")
@_told_plainly
def pull_model(name: str, update: bool) -> None:
    """Fetch a model's weights and check them. What was cut off, even by kill -9, goes on where it stopped."""
    store = _model_store(load_settings())
    with Downloads(_err) as downloads:
        folder = store.pull(name, downloads, update)
    for status in store.status():
        if status.name == name and not status.commercial:
            _tell(f"{name} may not be used commercially: its licence is {status.licence}", "yellow")
    _out.print(f"{name} is in {folder}", markup=False, soft_wrap=True, highlight=False)


@models.command("verify")
@click.argument("name", required=False)
@_told_plainly
def verify_models(name: str | None) -> None:
    """Read every byte of the weights on disk and compare their hashes with those that are pinned."""
    problems = 0
    for check in _model_store(load_settings()).verify(name):
        problems += check.state != "ok"
        _out.print(f"{check.model}: {check.path}: {check.state}", markup=False, soft_wrap=True, highlight=False)
    sys.exit(1 if problems else 0)


@models.command("rm")
@click.argument("name")
@_told_plainly
def remove_model(name: str) -> None:
    """Delete a model's weights from the store."""
    store = _model_store(load_settings())
    folder = store.folder(name)
    told = f"{name} is removed from {folder}" if store.remove(name) else f"{name} is not in {folder}"
    _out.print(told, markup=False, soft_wrap=True, highlight=False)


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
@_told_plainly
def workers(context: click.Context, as_json: bool) -> None:
    """The resident workers: what each is doing, and with what in memory."""
    if context.invoked_subcommand:
        return
    from imgflow.execution.workers import Workers

    standings = Workers(load_settings()).standings()
    if as_json:
        click.echo(json.dumps([asdict(standing) for standing in standings]))
        return
    table = Table("worker", "pid", "device", "models", "memory", "steps done", "now")
    for standing in standings:
        models = ", ".join(standing.models) or "none"
        memory = f"{standing.memory / 1e6:.0f} MB"
        table.add_row(
            standing.name, str(standing.pid), standing.device, models, memory, str(standing.steps_done), standing.now
        )
    _out.print(table if standings else "no workers; one is started when a step needs it")


@workers.command("stop")
@click.option("--now", is_flag=True, help="Do not wait for running steps; Dagster tries them again.")
@_told_plainly
def stop_workers(now: bool) -> None:
    """End all workers, each after the steps it has taken."""
    from imgflow.execution.workers import Workers

    # A step may take its time, and Ctrl-C stops only the waiting.
    left = Workers(load_settings()).stop(now, seconds=30 if now else 24 * 3600)
    for worker in left:
        _tell(f"worker {worker.name} (pid {worker.pid}) does not stop", "red")
    sys.exit(1 if left else 0)


@main.command()
@click.option("--json", "as_json", is_flag=True)
@_told_plainly
def doctor(as_json: bool) -> None:
    """Check store, catalog, models, devices and the Dagster instance."""
    from imgflow.doctor import examine

    findings = examine(load_settings())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table("check", "", box=SIMPLE)
        for column in ("finding", "remedy"):
            table.add_column(column, overflow="fold")  # paths and commands are there to be copied
        marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}
        for finding in findings:
            table.add_row(finding.check, marks[finding.status], escape(finding.text), escape(finding.remedy))
        _out.print(table)
    sys.exit(1 if any(finding.status == "fail" for finding in findings) else 0)


def _model_store(settings: Settings) -> Any:
    from imgflow.models.store import ModelStore

    return ModelStore(settings.models_location)


if __name__ == "__main__":
    main()
