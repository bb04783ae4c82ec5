"""The command line: a module for each command."""

import io
import sys

import click

from imgflow import __version__
from imgflow.cli.compare import compare
from imgflow.cli.doctor import doctor
from imgflow.cli.inspect import inspect
from imgflow.cli.link import link
from imgflow.cli.models import models
from imgflow.cli.process import process
from imgflow.cli.workers import workers


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imgflow")
def main() -> None:
    """Product photos in, clean cutouts out."""
    # A file's name may be no valid text, or none that this terminal can show: that must not end a run.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


for command in (process, compare, inspect, link, models, workers, doctor):
    main.add_command(command)
