"""Which files `imgflow process` reads, and what it calls the results."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgflow.errors import PhotoError, UsageError
from imgflow.recipe_file import RECIPE_NAME
from imgflow.store.ignored import is_ignored

# What lies beside photos in people's folders. Anything else is tried, whatever its name.
_TEXTS = {
    ".css",
    ".csv",
    ".htm",
    ".html",
    ".ini",
    ".json",
    ".log",
    ".md",
    ".py",
    ".tsv",
    ".txt",
    ".xml",
    ".yaml",
    ".yml",
}
_OFFICE = {".db", ".doc", ".docx", ".pdf", ".xls", ".xlsx", ".zip"}
_NOT_PHOTOS = _TEXTS | _OFFICE


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to process.

    Attributes:
        source: the file.
        target: where its result goes.
        recipe: the `recipe.yaml` that lies beside it or above it in the folder that was named, if any.
    """

    source: Path
    target: Path
    recipe: Path | None


def plan_files(paths: Sequence[Path], out: Path, extension: str) -> list[Job]:
    """The photos below these paths with their targets; folders keep their sub-folders.

    A photo becomes `<stem><extension>`; photos that would share a target get `<name.ext><extension>` each.

    Raises:
        UsageError: a result would overwrite one of the photos.
    """
    found: dict[Path, tuple[Path, Path | None]] = {}
    for path in paths:
        for file, below in _below(path, out):
            recipe = _recipe_beside(file, path) if path.is_dir() else None
            found.setdefault(file.resolve(), (below, recipe))
    short = {file: below.with_suffix("") for file, (below, _) in found.items()}
    shared = Counter(short.values())
    names = {file: found[file][0] if shared[name] > 1 else name for file, name in short.items()}
    jobs: list[Job] = []
    used: set[Path] = set()
    for file, name in names.items():
        target, number = out / f"{name}{extension}", 2
        while target in used:
            target, number = out / f"{name}~{number}{extension}", number + 1
        used.add(target)
        if target.resolve() in found:
            raise UsageError(f"{target} is one of the photos and would be overwritten: choose another --out")
        jobs.append(Job(file, target, found[file][1]))
    return jobs


def left_out(paths: Sequence[Path]) -> list[Path]:
    """Files below the named folders that are plainly no photos (texts, tables, archives)."""
    folders = [path for path in paths if path.is_dir()]
    return [file for folder in folders for file in _walk(folder) if file.suffix.lower() in _NOT_PHOTOS]


def read_photo(path: Path, max_bytes: int) -> bytes:
    """The file's bytes; a file that is too large is not read.

    Raises:
        PhotoError: `too_large` or `unreadable`.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise PhotoError("too_large", f"{size:,} bytes, at most {max_bytes:,}")
        return path.read_bytes()
    except OSError as error:
        raise PhotoError("unreadable", error.strerror or str(error)) from error


def write_result(target: Path, data: bytes) -> None:
    """Write the whole file or nothing.

    Raises:
        UsageError: the folder cannot be written (no permission, disk full).
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".imgflow-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # mkstemp's files are private; results get the permissions of any new file.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}): check --out and its disk") from error


def _below(path: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    """Photos at or below the path, each with its path below it."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    results = out.resolve()
    for file in _walk(path):
        is_result = results != path.resolve() and results in file.resolve().parents
        if file.suffix.lower() not in _NOT_PHOTOS and not is_result:
            yield file, file.relative_to(path)


def _walk(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not is_ignored(file.relative_to(folder).as_posix()):
            yield file


def _recipe_beside(file: Path, top: Path) -> Path | None:
    for folder in file.parents:
        candidate = folder / RECIPE_NAME
        if candidate.is_file():
            return candidate
        if folder == top:
            return None
    return None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
