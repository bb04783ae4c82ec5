"""The command line."""

import functools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from imgflow import __version__
from imgflow.downloads import Downloads
from imgflow.errors import ImgflowError, PhotoError, UsageError
from imgflow.recipe import Recipe
from imgflow.settings import Settings, load_settings

# Results and JSON go to stdout, everything for a person watching to stderr.
_out = Console()
_err = Console(stderr=True)

Command = TypeVar("Command", bound=Callable[..., Any])


def _told_plainly(command: Command) -> Command:
    """Show imgflow's own errors as a sentence: 2 for a mistake of the user's, 1 for trouble elsewhere."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ImgflowError as error:
            _err.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
            sys.exit(2 if isinstance(error, UsageError) else 1)

    return wrapped  # type: ignore[return-value]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imgflow")
def main() -> None:
    """Product photos in, clean cutouts out."""


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option("--recipe", "recipe_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML.")
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

    Writes an RGBA file for each photo. Exit code 0: all done; 1: some photos failed, each is named with its reason on
    stderr; 2: bad usage.
    """
    from imgflow.models.loader import Models
    from imgflow.photos.encode import EXTENSIONS
    from imgflow.pipeline.files import left_out, plan_files
    from imgflow.pipeline.workspace import recipe_in_settings
    from imgflow.recipe_file import load_recipe

    settings = load_settings()

    @functools.cache
    def recipe_of(beside: Path | None) -> Recipe:
        file = recipe_file or beside
        base = load_recipe(file) if file else recipe_in_settings(settings, "")
        return _adjusted(base, steps, assignments)

    extension = EXTENSIONS[recipe_of(None).publish.format]
    jobs = plan_files(paths, out, extension)
    recipes = {job: recipe_of(job.recipe) for job in jobs}
    for file in left_out(paths):
        _err.print(f"[dim]{escape(str(file))}: not a photo, left out[/]", soft_wrap=True, highlight=False)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        downloads = Downloads(_err, progress)
        models = Models(_model_store(settings), settings.device, settings.strict_device, settings.threads, downloads)
        task = progress.add_task("photos", total=len(jobs))
        for job in jobs:
            record = _process_one(job, recipes[job], settings, models)
            progress.advance(task)
            if record["status"] == "failed":
                failed += 1
                error = record["error"]
                text = f"{record['input']}: {error['code']}: {error['message']}"
                _err.print(text, style="red", markup=False, soft_wrap=True, highlight=False)
            if as_json:
                click.echo(json.dumps(record, ensure_ascii=False))
            elif record["status"] == "done":
                seconds = sum(step["seconds"] for step in record["steps"])
                _out.print(f"{job.target}  {seconds:.2f} s", markup=False, soft_wrap=True, highlight=False)
    if failed:
        _err.print(f"{failed} of {len(jobs)} photos failed", style="bold red", highlight=False)
        sys.exit(1)


def _adjusted(recipe: Recipe, steps: str | None, assignments: tuple[str, ...]) -> Recipe:
    from imgflow.recipe_file import apply_overrides, choose_steps

    if steps is not None:
        recipe = choose_steps(recipe, steps)
    return apply_overrides(recipe, list(assignments))


def _process_one(job: Any, recipe: Recipe, settings: Settings, models: Any) -> dict[str, Any]:
    from imgflow.pipeline.files import read_photo, write_result
    from imgflow.pipeline.single import process_photo
    from imgflow.pipeline.workspace import limits_of

    started = time.perf_counter()
    record: dict[str, Any] = {"input": str(job.source), "output": None, "status": "failed", "error": None, "steps": []}
    try:
        limits = limits_of(settings)
        processed = process_photo(read_photo(job.source, limits.max_bytes), recipe, limits, models)
    except PhotoError as error:
        return record | {"error": {"code": error.code, "message": error.message}}
    except MemoryError:
        error = PhotoError("out_of_memory")
        return record | {"error": {"code": error.code, "message": error.message}}
    write_result(job.target, processed.data)
    return record | {
        "output": str(job.target),
        "status": "done",
        "seconds": round(time.perf_counter() - started, 4),
        "steps": [step.as_json() for step in processed.steps],
    }


@main.group()
def models() -> None:
    """The model store: weights pulled, verified and listed."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
@_told_plainly
def list_models(as_json: bool) -> None:
    """All models imgflow knows, and which are here."""
    statuses = _model_store(load_settings()).status()
    if as_json:
        click.echo(json.dumps([asdict(status) for status in statuses], default=str))
        return
    table = Table("name", "purpose", "size", "licence", "here", "where")
    for status in statuses:
        size = f"{status.size / 1e6:.1f} MB"
        licence = status.licence if status.commercial else f"{status.licence} [red](non-commercial)[/]"
        here = "[green]yes[/]" if status.present else "no"
        table.add_row(status.name, status.purpose, size, licence, here, escape(str(status.folder)))
    _out.print(table)


@models.command("pull")
@click.argument("name")
@_told_plainly
def pull_model(name: str) -> None:
    """Fetch a model's weights and check them."""
    with Downloads(_err) as downloads:
        folder = _model_store(load_settings()).pull(name, downloads)
    _out.print(f"{name} is in {folder}", markup=False, soft_wrap=True, highlight=False)


@models.command("verify")
@click.argument("name", required=False)
@_told_plainly
def verify_models(name: str | None) -> None:
    """Check the weights on disk against their pinned hashes."""
    problems = 0
    for check in _model_store(load_settings()).verify(name):
        problems += check.state != "ok"
        _out.print(f"{check.model}: {check.path}: {check.state}", markup=False, soft_wrap=True, highlight=False)
    sys.exit(1 if problems else 0)


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
        table = Table("check", "", "finding", "remedy")
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
