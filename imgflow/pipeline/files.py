"""Which files `imgflow process` reads, with which recipe, and what it calls the results."""

import contextlib
import functools
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from imgflow.catalog.photo_keys import folder_of
from imgflow.errors import PhotoError, UsageError
from imgflow.photos.encode import EXTENSIONS
from imgflow.pipeline.folders import Contents, LeftOut, look_into, real_path
from imgflow.pipeline.from_settings import recipe_in_settings
from imgflow.recipe import Recipe
from imgflow.recipe_file import RECIPE_NAME, apply_overrides, choose_steps, load_recipe
from imgflow.settings import Settings

_LONGEST_NAME = 240

RecipeOf = Callable[[Path | None, str], Recipe]
"""The recipe of a photo, by the `recipe.yaml` nearest to it and by its folder below the one that was named."""


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to process.

    Attributes:
        source: the file, as it was named.
        target: where its result goes.
    """

    source: Path
    target: Path
    recipe: Recipe


class Plan(NamedTuple):
    """What is done with all that was named, and what else lies in the folders."""

    jobs: list[Job]
    left_out: list[LeftOut]


def plan_files(paths: Sequence[Path], out: Path, recipe_of: RecipeOf) -> Plan:
    """The photos below these paths with their targets; folders keep their sub-folders.

    A photo is its name in its folder: it is done once, however often it is reached, and a link to it is another. It
    becomes `<stem>` with the extension of its recipe's format; photos of one stem become `<name.ext>` with it.

    Raises:
        UsageError: a result would overwrite one of the photos, or the next run would take it for one.
        RecipeError: a recipe is not valid.
    """
    found: dict[Path, tuple[Path, Path, Recipe]] = {}
    left_out: list[LeftOut] = []
    for path in paths:
        is_folder = path.is_dir()
        if is_folder and real_path(path) == real_path(out):
            raise UsageError(f"--out {out} is the folder of the photos: results would mix with them; choose another")
        contents = _without_results(path, out) if is_folder else Contents([path], [])
        left_out += contents.left_out
        for file in contents.photos:
            beside, below = (
                (_recipe_beside(file, path), file.relative_to(path)) if is_folder else (None, Path(file.name))
            )
            place = real_path(file.parent) / file.name
            if place not in found:
                found[place] = file, below, recipe_of(beside, folder_of(below.as_posix()))
    photos = {*found, *map(real_path, found)}
    short = {file: below.with_suffix("") for file, (_, below, _) in found.items()}
    shared = Counter(short.values())
    jobs: list[Job] = []
    used: set[Path] = set()
    for file, (source, below, recipe) in found.items():
        name = _shortened(below if shared[short[file]] > 1 else short[file])
        extension = EXTENSIONS[recipe.publish.format]
        target, number = out / f"{name}{extension}", 2
        while target in used:
            target, number = out / f"{name}~{number}{extension}", number + 1
        used.add(target)
        if real_path(target) in photos:
            raise UsageError(f"{target} is one of the photos and would be overwritten: choose another --out")
        jobs.append(Job(source, target, recipe))
    return Plan(jobs, list(dict.fromkeys(left_out)))


def recipes_for(settings: Settings, file: Path | None, steps: str | None, assignments: Sequence[str]) -> RecipeOf:
    """How a photo gets its recipe: the given file, else the one beside it, else the settings' own; then the changes.

    Args:
        file: a recipe for all photos, or None.
        steps: stages such as `denoise,matte` to run instead of the recipe's, or None.
        assignments: texts such as `matte.refine=none`.
    """

    @functools.cache
    def recipe_of(beside: Path | None, folder: str) -> Recipe:
        chosen = file or beside
        recipe = load_recipe(chosen) if chosen else recipe_in_settings(settings, folder)
        return apply_overrides(recipe if steps is None else choose_steps(recipe, steps), list(assignments))

    return recipe_of


def read_photo(path: Path, max_bytes: int) -> bytes:
    """The file's bytes; of a file that is too large, or has no end, no more than that is read.

    Raises:
        PhotoError: `too_large` or `unreadable`.
    """
    try:
        size = path.stat().st_size
        if size <= max_bytes:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
            if len(data) <= max_bytes:
                return data
            size = len(data)
    except OSError as error:
        raise PhotoError("unreadable", error.strerror or str(error)) from error
    raise PhotoError("too_large", f"{size:,} bytes, at most {max_bytes:,}")


def make_folder(folder: Path) -> None:
    """Make the folder of the results, and see that it can be written before any work is done.

    Raises:
        UsageError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise cannot_write(folder, error) from error


def write_result(target: Path, data: bytes) -> None:
    """Write the whole file or nothing.

    Raises:
        UsageError: the folder cannot be written (no permission, disk full).
    """
    # Hidden, so that nobody takes it for a result while it is being written.
    temporary = target.with_name(f".imgflow-{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error


def cannot_write(path: Path, error: OSError) -> UsageError:
    """What is raised where a result, or its folder, cannot be written."""
    return UsageError(f"{path}: cannot be written ({error.strerror}): check --out and its disk")


def _without_results(folder: Path, out: Path) -> Contents:
    """What lies in the folder; former results in a folder inside it do not count."""
    contents, results = look_into(folder), real_path(out)
    if real_path(folder) not in results.parents:
        return contents
    return Contents(
        [file for file in contents.photos if results not in real_path(file).parents],
        [other for other in contents.left_out if results not in real_path(other.path).parents],
    )


def _recipe_beside(file: Path, top: Path) -> Path | None:
    for folder in file.parents:
        candidate = folder / RECIPE_NAME
        with contextlib.suppress(PermissionError):  # a folder that may only be listed: its photos say so
            if candidate.is_file():
                return candidate
        if folder == top:
            return None
    return None


def _shortened(name: Path) -> Path:
    """Room for an extension and a number: file systems take 255 bytes a name."""
    data = os.fsencode(name.name)
    return name if len(data) <= _LONGEST_NAME else name.with_name(data[:_LONGEST_NAME].decode(errors="ignore"))
