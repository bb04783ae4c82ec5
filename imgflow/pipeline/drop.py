"""Looking into the inbox: new and replaced objects become photos and batches."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

from imgflow.catalog.arrivals import CHUNK, Arrival, Seen, leaving, note_touched, register, waiting
from imgflow.errors import ObjectDeniedError, ObjectNotFoundError
from imgflow.pipeline.naming import INBOX
from imgflow.pipeline.workspace import Workspace
from imgflow.store.base import ObjectInfo
from imgflow.store.ignored import is_ignored

LONGEST_LOOK = 20.0
"""Seconds after which a look ends early. Dagster gives up a tick after 60, and then no run at all is requested."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbox found.

    Attributes:
        photos: new or replaced photos now in the catalog.
        batches: batches made for them.
        growing: files that are still being written.
        denied: keys of files that may not be read: they stay where they are, and are looked at again.
        waiting: photos seen there that were registered before and are not yet taken in.
        more: True when the look ended before it had seen everything.
    """

    photos: int
    batches: int
    growing: int
    denied: list[str]
    waiting: int
    more: bool


def look_into_inbox(workspace: Workspace) -> Look:
    """Register every new or replaced object of the inbox that is whole.

    New means: not waiting in the catalog with the same content. What is done leaves the inbox, so that a file dropped
    again is looked at again; where nothing changed, its batch finds nothing to do. Times are never compared.
    A look takes only so many photos and so long; the next one goes on.

    Raises:
        InfrastructureError: the store or the catalog is away.
    """
    arrivals: list[Arrival] = []
    touched: list[Arrival] = []
    denied: list[str] = []
    growing = registered = 0
    more = False
    end = time.monotonic() + LONGEST_LOOK
    for photo_key, info, seen in _sights(workspace):
        is_known = seen is not None and seen.listing == info.stamp
        registered += seen is not None
        if time.monotonic() > end or (len(arrivals) == workspace.settings.drop_photos_per_tick and not is_known):
            more = True
            break
        if is_known:
            continue
        try:
            stamp = _stamp(workspace, info)
        except ObjectDeniedError:
            denied.append(photo_key)
            continue
        if stamp is None:
            growing += 1
            continue
        arrival = Arrival(photo_key, stamp, info.stamp)
        (touched if seen and stamp == seen.stamp else arrivals).append(arrival)
    batches = 0
    if arrivals or touched:
        with workspace.catalog.begin() as session:
            batches = len(register(session, arrivals, "inbox", "drop", workspace.settings.batch_size))
            for arrival in touched:
                note_touched(session, "inbox", arrival)
    return Look(len(arrivals), batches, growing, denied, registered, more)


def _sights(workspace: Workspace) -> Iterator[tuple[str, ObjectInfo, Seen | None]]:
    """Every photo in the inbox by its key, with what the catalog knows of it while it waits there.

    Those that a run has read and is about to take away are left out.
    """
    listing = _photos(workspace)
    while listed := list(itertools.islice(listing, CHUNK)):
        keys = [photo_key for photo_key, _ in listed]
        with workspace.catalog.read() as session:
            known, read = waiting(session, "inbox", keys), leaving(session, "inbox", keys)
        for photo_key, info in listed:
            if photo_key in known or read.get(photo_key) != info.stamp:
                yield photo_key, info, known.get(photo_key)


def _photos(workspace: Workspace) -> Iterator[tuple[str, ObjectInfo]]:
    for info in workspace.store.list(f"{INBOX}/"):
        photo_key = info.key.removeprefix(f"{INBOX}/")
        if photo_key and not is_ignored(photo_key):
            yield photo_key, info


def _stamp(workspace: Workspace, info: ObjectInfo) -> str | None:
    """The object's content stamp, or None while it is being written or when it has just gone.

    Raises:
        ObjectDeniedError: it may not be read.
    """
    store = workspace.store
    try:
        if not store.is_settled(info, workspace.settings.settle_seconds):
            return None
        stamp = store.content_stamp(info)
        again = store.stat(info.key)
    except ObjectNotFoundError:
        return None
    return stamp if again and again.stamp == info.stamp else None
