"""`imgflow process`."""

import json
import os
import sys
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imgflow.cli.telling import show, stderr, tell, told_plainly
from imgflow.cores import thread_variables
from imgflow.downloads import Downloads
from imgflow.heap import importing_much, keep_freed_memory
from imgflow.settings import load_settings, unknown_variables


@click.command()
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
@told_plainly
def process(
    paths: tuple[Path, ...],
    out: Path,
    recipe_file: Path | None,
    steps: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Cut out photos, or folders of photos, without Dagster.

    Writes an RGBA file for each photo. Folders keep their sub-folders; links to folders are not followed. A result of
    an earlier run is replaced; where the photo fails this time it stays as it was, and the error says so. Exit code 0:
    all done; 1: some photos failed, each is named with its reason on stderr; 2: bad usage; 130: stopped with Ctrl-C,
    what is finished stays.
    """
    settings = load_settings()
    os.environ.update(thread_variables(settings.threads))  # before anything imports NumPy and its like
    with importing_much():
        from imgflow.pipeline.files import make_folder, plan_files, recipes_for
        from imgflow.pipeline.from_settings import limits_of, models_of
        from imgflow.pipeline.load_ahead import load_ahead
        from imgflow.pipeline.single import process_files
        from imgflow.recipe_file import without_effect

    keep_freed_memory()
    for text in unknown_variables():
        tell(text, "yellow")
    jobs, left_out = plan_files(paths, out, recipes_for(settings, recipe_file, steps, assignments))
    make_folder(out)
    for path, why in left_out:
        tell(f"{path}: {why}", "dim")
    for text in without_effect(assignments, [job.recipe for job in jobs]) if jobs else []:
        tell(f"{text}; name it with --steps", "yellow")
    limits = limits_of(settings)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        models = models_of(settings, Downloads(stderr, progress))
        models.check({chain for job in jobs for chain in job.recipe.chains()})
        if jobs:
            load_ahead(jobs[0].recipe, models)
        done = process_files(jobs, limits, models, settings.pixels_in_flight)
        for processed in progress.track(done, total=len(jobs), description="photos"):
            job = processed.job
            for step in processed.steps:
                if step.doubt:
                    look = "" if processed.error else f"; look at {job.target}"
                    tell(f"{job.source}: {step.name}: {step.doubt}{look}", "yellow")
            if processed.error:
                failed += 1
                tell(f"{job.source}: {processed.error.code}: {processed.message}", "red")
            if as_json:
                click.echo(json.dumps(processed.as_json()))
            elif not processed.error:
                show(f"{job.target}  {processed.seconds:.2f} s")
    if failed or not jobs:
        tell(f"{failed} of {len(jobs)} photos failed" if failed else "no photos found", "bold red")
    sys.exit(1 if failed else 0)
