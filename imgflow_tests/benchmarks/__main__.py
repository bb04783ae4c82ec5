"""`python -m imgflow_tests.benchmarks [NAME...] [--json FILE] [--quick] [--repetitions N]`: the benchmark suite."""

import importlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from imgflow_tests.benchmarks.frame import Benchmark, Options, Row
from imgflow_tests.benchmarks.machine import machine
from imgflow_tests.benchmarks.model_cases import CODE
from imgflow_tests.benchmarks.pictures import PARTS
from imgflow_tests.benchmarks.pictures.inputs import NOISE_PAIRS, PHOTOS

BENCHMARKS = {
    "pictures": "each picture stage against its literal method",
    "folder": "a folder of photos: `imgflow process` against the literal pipeline and rembg",
    "models": "each model family against its own reference way of running",
    "overhead": "the cost of Dagster: a batch through the daemon against the command line; latency of one photo",
    "scale": "catalogs of 10,000 to 1,000,000 photos on SQLite and PostgreSQL",
}
"""Every benchmark by name: a module of this package with a function `rows`."""

ALONE = {f"pictures.{part}": what for part, what in PARTS.items()}
"""Parts of a benchmark that can be run alone."""

EPILOG = "  ".join(f"{name}: {what}." for name, what in {**BENCHMARKS, **ALONE}.items()) + (
    f"  {PHOTOS}=FOLDER names photos with masks and a MANIFEST.tsv, {NOISE_PAIRS}=FOLDER:FOLDER real noise pairs."
    f"  {CODE}=FOLDER names a folder with the repositories BiRefNet_lite and BiRefNet of its authors, whose code is "
    "then run as the reference of `models`."
)

_err = Console(stderr=True)


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS, *ALONE]))
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too."
)
@click.option("--quick", is_flag=True, help="Fewer and smaller inputs, one repetition: minutes instead of an hour.")
@click.option("--repetitions", type=click.IntRange(min=1), help="Times each variant is run; 3, or 1 with --quick.")
def main(names: tuple[str, ...], json_file: Path | None, quick: bool, repetitions: int | None) -> None:
    """Measure imgflow on this machine."""
    # However it is ended, no daemon and no server stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = Options(quick, repetitions or (1 if quick else 3), _note)
    report: dict[str, Any] = {"machine": machine(), "quick": quick, "benchmarks": {}}
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(_told(report["machine"]), highlight=False, soft_wrap=True)
    for name in names or BENCHMARKS:
        benchmark: Benchmark = importlib.import_module(f"imgflow_tests.benchmarks.{name}").rows
        rows: list[Row] = []
        for row in benchmark(options):
            rows.append(row)
            # An hour's work is not lost when the last benchmark fails.
            report["benchmarks"][name] = [row.as_json() for row in rows]
            if json_file:
                json_file.write_text(json.dumps(report, indent=1) + "\n")
        console.print(_table(name, rows))


def _note(text: str) -> None:
    _err.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)


def _told(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cores']} cores, {machine['cpu']}, {machine['memory_gb']} GB, {machine['system']}, "
        f"load {machine['load']}; {versions}"
    )


def _table(name: str, rows: list[Row]) -> Table:
    table = Table(title=f"{name}: {(BENCHMARKS | ALONE)[name]}", title_justify="left")
    for column in ("what", "s", "reference s", "ratio", "MB", "reference MB", "figures"):
        table.add_column(column, justify="left" if column in ("what", "figures") else "right")
    for row in rows:
        figures = ", ".join(f"{key} {_number(value)}" for key, value in row.figures.items())
        numbers = (row.ours, row.reference, row.ratio, _mb(row.memory), _mb(row.reference_memory))
        table.add_row(row.name, *map(_number, numbers), figures)
    return table


def _mb(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def _number(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
