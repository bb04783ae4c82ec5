"""What becomes of a photo that failed: its row, and for a refused one the file with the reason beside it."""

from typing import Any

from imgflow.catalog.tables import Batch
from imgflow.errors import PhotoError
from imgflow.pipeline.naming import REJECTED, archive_key
from imgflow.pipeline.workspace import Workspace
from imgflow.store.base import Store


def failure_values(workspace: Workspace, batch: Batch, stage: str, error: PhotoError) -> dict[str, Any]:
    """What the photo's row says after a failure.

    A refused photo remembers the recipe it was refused under: the nightly refresh tries it again only under another.
    """
    chain = workspace.chains(workspace.recipe_for(batch.folder))[1] if error.refused else None
    return {
        "status": "rejected" if error.refused else "failed",
        "chain": chain,
        "error_stage": stage,
        "error_code": error.code,
        "error_message": error.message,
    }


def keep_rejected(store: Store, photo_key: str, version: str, data: bytes, error: PhotoError) -> str:
    """Write the file as it came and a text that says why it was refused; returns the file's key."""
    key = archive_key(REJECTED, photo_key, version)
    reason = f"{photo_key}\n\n{error.message}\n\nCode: {error.code}\n"
    store.put(key, data)
    store.put(f"{key}.txt", reason.encode(), content_type="text/plain; charset=utf-8")
    return key


def forget_rejected(store: Store, photo_key: str, version: str) -> None:
    """The photo has been accepted after all."""
    key = archive_key(REJECTED, photo_key, version)
    store.delete(key)
    store.delete(f"{key}.txt")
