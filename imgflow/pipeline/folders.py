"""What lies in a folder of photos: what is tried as a photo, and what is told to be none."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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


class LeftOut(NamedTuple):
    """Something in a folder that is not tried, and why."""

    path: Path
    why: str


class Contents(NamedTuple):
    """What lies in a folder, at any depth, in the order of the paths.

    Attributes:
        photos: what is tried as a photo. Links to nothing and folders that cannot be opened are among them: to try them
            tells what is wrong.
        left_out: what is not tried; what is known not to be a photo (`is_ignored`) goes without a word.
    """

    photos: list[Path]
    left_out: list[LeftOut]


def look_into(folder: Path) -> Contents:
    """Walk through the folder once; links to folders are not followed."""
    found = sorted(_walk(folder))
    return Contents([path for path, why in found if not why], [LeftOut(path, why) for path, why in found if why])


def real_path(path: Path) -> Path:
    """Where it really is; unlike `Path.resolve` this raises nothing at links in a circle."""
    return Path(os.path.realpath(path))


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Everything in the folder, with the reason why it is not tried; empty if it is."""
    closed: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=closed.append):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for path in (Path(parent, name) for name in files + links):
            if not is_ignored(path.relative_to(folder).as_posix()):
                yield path, _objection(path)
    for error in closed:
        path = Path(error.filename)
        if not is_ignored((path.relative_to(folder) / "photo").as_posix()):
            yield path, ""


def _objection(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = stat.S_IFREG  # to try it tells what is wrong
    if stat.S_ISDIR(mode):
        return "a link to a folder, not followed: name the folder itself"
    if path.suffix.lower() in _NOT_PHOTOS:
        return "not a photo, left out"
    return "" if stat.S_ISREG(mode) else "neither a file nor a folder, left out"
