"""Photos processed twice, with their own recipe and with changed settings, to compare the results."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from imgflow.compare.matching import Matched, Pair
from imgflow.errors import UsageError
from imgflow.models.loader import Models
from imgflow.pipeline.files import plan_files, recipes_for
from imgflow.pipeline.from_settings import limits_of
from imgflow.pipeline.single import Processed, process_files
from imgflow.recipe_file import without_effect
from imgflow.settings import Settings

OWN = "own recipe"
"""What the results without the changes are called."""


@contextmanager
def processed_twice(
    photo: Path,
    assignments: Sequence[str],
    recipe_file: Path | None,
    settings: Settings,
    models: Models,
    tell: Callable[[Processed], None],
) -> Generator[Matched]:
    """Results without (A) and with (B) the changes; the files are gone when the context ends.

    Args:
        photo: a photo or a folder of photos.
        assignments: texts such as `matte.refine=none`, which only B has.
        recipe_file: a recipe for both, or None.
        settings, models: as `imgflow process` has them.
        tell: is given what became of each photo, A's first.

    Raises:
        UsageError: there are no photos, or the changes are wrong (RecipeError) or without effect.
        InfrastructureError: a model cannot be had.
    """
    with TemporaryDirectory(prefix="imgflow-compare-") as folder:
        sides = {Path(folder, "a"): (), Path(folder, "b"): assignments}
        plans = {
            out: plan_files([photo], out, recipes_for(settings, recipe_file, None, side)).jobs
            for out, side in sides.items()
        }
        if not all(plans.values()):
            raise UsageError(f"{photo}: no photos found")
        idle = without_effect(assignments, [job.recipe for jobs in plans.values() for job in jobs])
        if idle:
            raise UsageError("\n".join(f"{text}; name it in the steps of --recipe" for text in idle))
        models.check({chain for jobs in plans.values() for job in jobs for chain in job.recipe.chains()})
        results: list[dict[Path, Path]] = []
        for jobs in plans.values():
            done: dict[Path, Path] = {}
            for processed in process_files(jobs, limits_of(settings), models, settings.pixels_in_flight):
                if processed.error is None:
                    done[processed.job.source] = processed.job.target
                tell(processed)
            results.append(done)
        a, b = results
        changed = ", ".join(assignments)
        yield Matched(
            [
                Pair(_name(source, photo), a[source], b[source], (f"{source}, {OWN}", f"{source}, {changed}"))
                for source in a
                if source in b
            ],
            [],
            [],
        )


def _name(source: Path, photo: Path) -> str:
    return str(source.relative_to(photo)) if photo.is_dir() else source.name
