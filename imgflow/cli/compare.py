"""`imgflow compare`."""

import contextlib
import json
import os
import sys
from pathlib import Path

import click
from rich.progress import Progress

from imgflow.cli.telling import show, stderr, tell, told_plainly
from imgflow.cores import thread_variables
from imgflow.downloads import Downloads
from imgflow.errors import ImgflowError, UsageError
from imgflow.settings import load_settings


@click.command()
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
@told_plainly
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
    _check_what_is_asked_for(b is not None, bool(assignments), bool(recipe_file), out is not None or as_json)
    settings = load_settings()
    os.environ.update(thread_variables(settings.threads))  # before anything imports NumPy and its like
    from imgflow.compare.comparison import Failed, compare_pair
    from imgflow.compare.matching import match
    from imgflow.compare.reports import check_out, report_to, written_beside
    from imgflow.compare.two_recipes import OWN, processed_twice
    from imgflow.pipeline.from_settings import limits_of, models_of
    from imgflow.pipeline.single import Processed

    check_out(out, [a] if b is None else [a, b])
    unprocessed = 0

    def note(processed: Processed) -> None:
        nonlocal unprocessed
        if processed.error:
            unprocessed += 1
            tell(f"{processed.job.source}: {processed.error.code}: {processed.message}", "red")

    with contextlib.ExitStack() as stack:
        titles = (str(a), str(b)) if b else (f"{a}, {OWN}", ", ".join(assignments))
        report = stack.enter_context(report_to(out, backgrounds, titles))
        progress = stack.enter_context(Progress(console=stderr, transient=True, disable=not stderr.is_terminal))
        if b:
            matched = match(a, b, written_beside(out))
        else:
            models = models_of(settings, Downloads(stderr, progress))
            matched = stack.enter_context(processed_twice(a, assignments, recipe_file, settings, models, note))
        failed: list[Failed] = []
        for pair in progress.track(matched.pairs, description="pairs"):
            compared = compare_pair(pair, limits_of(settings))
            if as_json:
                click.echo(json.dumps(compared.as_json()))
            if isinstance(compared, Failed):
                failed.append(compared)
                tell(f"{compared.title}: {compared.error}", "red")
            else:
                report.add(compared)
            del compared  # a pair's pictures go before the next one's are read
        for file in (*matched.only_a, *matched.only_b):
            tell(f"{file}: has no partner", "dim")
        if len(failed) == len(matched.pairs):
            raise ImgflowError("nothing could be compared")
        report.finish(matched, failed)
    if out and not as_json:
        show(str(out))
    sys.exit(1 if failed or unprocessed else 0)


def _check_what_is_asked_for(has_b: bool, has_changes: bool, has_recipe: bool, has_report: bool) -> None:
    """Raises: UsageError: the options do not go together."""
    if has_b == has_changes:
        raise UsageError("give two pictures or two folders, or one of them and --set")
    if has_recipe and not has_changes:
        raise UsageError("--recipe goes with --set: two pictures are compared as they are")
    if not has_report:
        raise UsageError("give --out FILE.html for a page, --out FILE.png for a strip, or --json")
