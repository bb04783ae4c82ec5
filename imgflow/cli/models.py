"""`imgflow models`."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from imgflow.cli.telling import show, stderr, stdout, tell, told_plainly
from imgflow.downloads import Downloads
from imgflow.settings import Settings, load_settings


@click.group()
def models() -> None:
    """The model store: weights pulled, verified and listed."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
@told_plainly
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
        table.add_column(column, overflow="fold", min_width=len(column))
    for status in statuses:
        size = f"{status.size / 1e6:,.1f} MB" if status.size else "?"
        commercial = "yes" if status.commercial else "[red]no[/]"
        here = "[green]yes[/]" if status.present else "no"
        workers = [escape(", ".join(loaded.get(status.name, [])))] if loaded else []
        table.add_row(status.name, status.purpose, size, status.licence, commercial, here, *workers)
    stdout.print(table)


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
@told_plainly
def pull_model(name: str, update: bool) -> None:
    """Fetch a model's weights and check them. What was cut off, even by kill -9, goes on where it stopped."""
    store = _model_store(load_settings())
    with Downloads(stderr) as downloads:
        folder = store.pull(name, downloads, update)
    for status in store.status():
        if status.name == name and not status.commercial:
            tell(f"{name} may not be used commercially: its licence is {status.licence}", "yellow")
    show(f"{name} is in {folder}")


@models.command("verify")
@click.argument("name", required=False)
@told_plainly
def verify_models(name: str | None) -> None:
    """Read every byte of the weights on disk and compare their hashes with those that are pinned."""
    problems = 0
    for check in _model_store(load_settings()).verify(name):
        problems += check.state != "ok"
        show(f"{check.model}: {check.path}: {check.state}")
    sys.exit(1 if problems else 0)


@models.command("rm")
@click.argument("name")
@told_plainly
def remove_model(name: str) -> None:
    """Delete a model's weights from the store."""
    store = _model_store(load_settings())
    folder = store.folder(name)
    told = f"{name} is removed from {folder}" if store.remove(name) else f"{name} is not in {folder}"
    show(told)


def _model_store(settings: Settings) -> Any:
    from imgflow.models.store import ModelStore

    return ModelStore(settings.models_location)
