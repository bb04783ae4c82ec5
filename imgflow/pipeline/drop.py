"""Looking into the inbox: new and replaced objects become photos and batches."""

from collections.abc import Iterator
from dataclasses import dataclass

from imgflow.catalog.arrivals import Arrival, Seen, note_touched, register, waiting
from imgflow.errors import ObjectNotFoundError
from imgflow.pipeline.naming import INBOX
from imgflow.pipeline.workspace import Workspace
from imgflow.store.base import ObjectInfo
from imgflow.store.ignored import is_ignored


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbox found.

    Attributes:
        photos: new or replaced photos now in the catalog.
        batches: batches made for them.
        growing: files that are still being written.
        waiting: photos that are registered and not yet taken in.
        more: True when there are more new photos than one look takes.
    """

    photos: int
    batches: int
    growing: int
    waiting: int
    more: bool


def look_into_inbox(workspace: Workspace) -> Look:
    """Register every new or replaced object of the inbox that is whole.

    New means: not waiting in the catalog with the same content. What is done leaves the inbox, so that a file dropped
    again is looked at again; where nothing changed, its batch finds nothing to do. Times are never compared.

    Raises:
        InfrastructureError: the store or the catalog is away.
    """
    with workspace.catalog.read() as session:
        known = waiting(session, "inbox")
    arrivals: list[Arrival] = []
    touched: list[Arrival] = []
    growing = 0
    limit = workspace.settings.drop_photos_per_tick
    for photo_key, info in _photos(workspace):
        seen = known.get(photo_key, Seen(None, None))
        if seen.listing == info.stamp:
            continue
        if len(arrivals) == limit:
            break
        stamp = _stamp(workspace, info)
        if stamp is None:
            growing += 1
            continue
        arrival = Arrival(photo_key, stamp, info.stamp)
        (touched if stamp == seen.stamp else arrivals).append(arrival)
    batches = 0
    if arrivals or touched:
        with workspace.catalog.begin() as session:
            batches = len(register(session, arrivals, "inbox", "drop", workspace.settings.batch_size))
            for arrival in touched:
                note_touched(session, "inbox", arrival)
    return Look(len(arrivals), batches, growing, len(known), more=len(arrivals) == limit)


def _photos(workspace: Workspace) -> Iterator[tuple[str, ObjectInfo]]:
    for info in workspace.store.list(f"{INBOX}/"):
        photo_key = info.key.removeprefix(f"{INBOX}/")
        if photo_key and not is_ignored(photo_key):
            yield photo_key, info


def _stamp(workspace: Workspace, info: ObjectInfo) -> str | None:
    """The object's content stamp, or None while it is being written or when it has just gone."""
    store = workspace.store
    try:
        if not store.is_settled(info, workspace.settings.settle_seconds):
            return None
        stamp = store.content_stamp(info)
        again = store.stat(info.key)
    except ObjectNotFoundError:
        return None
    return stamp if again and again.stamp == info.stamp else None
