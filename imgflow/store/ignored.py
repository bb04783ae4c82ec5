"""Names in an inbox that are never photos, and are left where they are without a word."""

import re
from collections.abc import Sequence
from fnmatch import translate

IGNORED_FILES = (
    *("*.part", "*.partial", "*.tmp", "*.crdownload", "*.filepart", "*.download"),  # unfinished downloads and uploads
    *("*~", "~$*"),  # editors' backups, office lock files
    *("thumbs.db", "desktop.ini"),  # what desktops leave behind
    "recipe.yaml",  # imgflow's own
)
"""Patterns of file names, in lower case; the file's name is compared in lower case."""

IGNORED_ANYWHERE = (
    ".*",  # hidden files and folders
    "__macosx",  # in every archive made on a Mac
    "@eadir",  # thumbnails of Synology NAS: small JPEG files that would pass for photos
    "#recycle",
    "$recycle.bin",
)
"""Patterns of names of files or folders, in lower case; everything below such a folder is ignored too."""


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """One expression for all: every look at the inbox asks for every name in it."""
    return re.compile("|".join(translate(pattern) for pattern in patterns))


_FILES = _any_of((*IGNORED_FILES, *IGNORED_ANYWHERE))
_FOLDERS = _any_of(IGNORED_ANYWHERE)


def is_ignored(key: str) -> bool:
    """Whether this key is known not to be a photo: hidden, a partial download, or what systems leave behind."""
    *folders, name = key.lower().split("/")
    return _FILES.match(name) is not None or any(_FOLDERS.match(folder) for folder in folders)
