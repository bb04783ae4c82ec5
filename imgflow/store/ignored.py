"""Names in an inbox that are never photos, and are left where they are without a word."""

from fnmatch import fnmatchcase

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


def is_ignored(key: str) -> bool:
    """Whether this key is known not to be a photo: hidden, a partial download, or what systems leave behind."""
    *folders, name = key.lower().split("/")
    return _matches(name, IGNORED_FILES) or any(_matches(segment, IGNORED_ANYWHERE) for segment in (*folders, name))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
