"""`imgflow inspect`."""

import json
import sys
from pathlib import Path

import click

from imgflow.cli.telling import tell, told_plainly
from imgflow.errors import PhotoError
from imgflow.settings import load_settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each file on stdout.")
@told_plainly
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
            tell(f"{file}: {error.code}: {error.message}", "red")
            continue
        if as_json:
            click.echo(json.dumps({"path": str(file)} | found.as_json()))
            continue
        click.echo(file)
        for name, text in found.lines():
            click.echo(f"  {name:<12} {text}")
    sys.exit(1 if failed else 0)
