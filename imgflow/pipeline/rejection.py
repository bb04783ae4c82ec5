"""Keeping refused photos where their owner finds them, with the reason beside them."""

from imgflow.errors import PhotoError
from imgflow.pipeline.naming import REJECTED, archive_key
from imgflow.store.base import Store


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
