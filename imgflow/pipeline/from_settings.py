"""What the settings say of the work on photos. Needs neither store nor catalog: the command line starts with this."""

from collections.abc import Iterator

from imgflow.catalog.photo_keys import folder_of
from imgflow.models.loader import Models
from imgflow.models.pulling.sources import Progress, silent
from imgflow.models.runtime import Runtime
from imgflow.models.store import ModelStore
from imgflow.photos.limits import Limits
from imgflow.recipe import Recipe
from imgflow.recipe_file import load_recipe
from imgflow.settings import Settings


def ancestors(folder: str) -> Iterator[str]:
    """The folder, then those above it, up to the empty top."""
    while folder:
        yield folder
        folder = folder_of(folder)
    yield ""


def limits_of(settings: Settings) -> Limits:
    """The limits on photos that the settings give."""
    return Limits(
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        min_side=settings.min_side,
        max_side=settings.max_side,
        max_aspect=settings.max_aspect,
    )


def runtime_of(settings: Settings) -> Runtime:
    """How the settings want models to run."""
    return Runtime(settings.device, settings.strict_device, settings.precision, settings.threads, settings.compile)


def models_of(settings: Settings, progress: Progress = silent) -> Models:
    """Models from the settings' model store; `progress` is told how far downloads have come."""
    return Models(ModelStore(settings.models_location), runtime_of(settings), settings.model_memory, progress)


def recipe_in_settings(settings: Settings, folder: str) -> Recipe:
    """The recipe that `IMGFLOW_RECIPES` or `IMGFLOW_RECIPE` gives for a folder, else the built-in one.

    Raises:
        RecipeError: that file is not a valid recipe.
    """
    by_folder = {name.strip("/"): path for name, path in settings.recipes.items()}
    for ancestor in ancestors(folder):
        if ancestor in by_folder:
            return load_recipe(by_folder[ancestor])
    return load_recipe(settings.recipe) if settings.recipe else Recipe()
