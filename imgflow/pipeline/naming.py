"""Where objects go in the store.

Archived and intermediate objects carry a short hash in their names, so that two versions of a photo, or two runs with
different recipes, never write the same object. Published ones have stable names.
"""

from pathlib import PurePosixPath

from imgflow.catalog.photo_keys import shortened
from imgflow.recipe import StageName

INBOX = "inbox"
ORIGINALS = "originals"
PUBLISHED = "published"
REJECTED = "rejected"

STAGE_FOLDERS: dict[StageName, str] = {
    "denoise": "denoised",
    "shadow": "shadow_free",
    "matte": "matted",
    "enhance": "enhanced",
    "publish": PUBLISHED,
}
"""Folder in the store, and name of the Dagster asset, of each stage."""


def inbox_key(photo_key: str) -> str:
    """Where a dropped photo waits."""
    return f"{INBOX}/{photo_key}"


def archive_key(folder: str, photo_key: str, version: str) -> str:
    """`originals/bicycles/front.3fa9c1d2.jpg`: the file as it came."""
    path = PurePosixPath(photo_key)
    return _join(folder, path.with_suffix(""), f".{version[:8]}{path.suffix}")


def stage_key(stage: StageName, photo_key: str, fingerprint: str) -> str:
    """`matted/bicycles/front.jpg.9c27b1aa.png`: what a stage made."""
    return _join(STAGE_FOLDERS[stage], PurePosixPath(photo_key), f".{fingerprint[:8]}.png")


def published_key(output_name: str, extension: str) -> str:
    """`published/bicycles/front.png`: the catalog-ready picture."""
    return f"{PUBLISHED}/{output_name}{extension}"


def _join(folder: str, path: PurePosixPath, ending: str) -> str:
    """The hash in the ending keeps shortened names apart."""
    parent = f"{folder}/{path.parent}/" if str(path.parent) != "." else f"{folder}/"
    return shortened(parent, path.name, ending)
