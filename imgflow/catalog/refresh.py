"""Finding photos that are not as today's recipe would make them.

What is as today is never looked at, however much there is of it: photos are found by status and chain, of which there
are few, and below each by folder.
"""

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from imgflow.catalog.arrivals import CHUNK, chunks, open_batch
from imgflow.catalog.batches import request_run
from imgflow.catalog.database import take_turn
from imgflow.catalog.photo_keys import folder_of
from imgflow.catalog.tables import Batch, Member, Photo, now

_STATUSES = ("waiting", "done", "failed", "rejected")


@dataclass(frozen=True, slots=True)
class Scope:
    """The chains that results have under one recipe today.

    Attributes:
        done: chain of a photo that is done.
        rejected: chain of a photo that is rightly rejected.
    """

    done: str
    rejected: str

    def is_as_today(self, status: str, chain: str | None) -> bool:
        """Whether a photo of this status and chain needs no work."""
        return (status, chain) in (("done", self.done), ("rejected", self.rejected))


Scopes = Mapping[str, Scope | None]
"""By folder, the empty one always among them; each is for the folders below too. None: nothing is planned there."""


@dataclass(frozen=True, slots=True)
class StalePhoto:
    """A photo that a refresh should work on again."""

    id: int
    folder: str
    version: str


def stale_photos(session: Session, scopes: Scopes, after: StalePhoto | None, limit: int) -> list[StalePhoto]:
    """Archived photos that are missing, failed or stale and in no open batch, by folder and id.

    Args:
        after: the last one of the call before; None to begin.
        limit: most of one call.
    """
    ranges = list(_ranges(scopes))
    found = [
        _stale(session, status, chain, _merged(ranges, scopes, status, chain), after, limit)
        for status in _STATUSES
        for chain in _chains(session, status)
    ]
    return list(itertools.islice(heapq.merge(*found, key=lambda photo: (photo.folder, photo.id)), limit))


def reopen_canceled(session: Session) -> int:
    """Ask again for canceled batches whose photos still wait in their source; returns how many.

    Such photos are not archived, so that `stale_photos` does not see them, and they are registered, so that the sensor
    does not either. To be called before `stale_photos`, in the caller's transaction.
    """
    take_turn(session)
    left = select(Member.photo_id).join(Photo, Photo.id == Member.photo_id)
    left = left.where(Member.batch_id == Batch.id, Member.state == "waiting", Photo.batch_id == Batch.id)
    batches = session.scalars(select(Batch).where(Batch.state == "canceled", left.exists()).order_by(Batch.id))
    reopened = batches.all()
    for batch in reopened:
        batch.state, batch.opened_at, batch.finished_at = "open", now(), None
        request_run(session, batch, "refresh")
    return len(reopened)


def add_refresh_batch(session: Session, folder: str, photos: Sequence[StalePhoto]) -> Batch:
    """A new batch of archived photos of one folder, with its run request, in the caller's transaction."""
    batch = open_batch(session, folder, "refresh")
    session.execute(
        insert(Member),
        [{"batch_id": batch.id, "photo_id": p.id, "state": "taken", "version": p.version} for p in photos],
    )
    for chunk in chunks(photos, CHUNK):
        session.execute(
            update(Photo)
            .where(Photo.id.in_([photo.id for photo in chunk]))
            .values(batch_id=batch.id)
            .execution_options(synchronize_session=False)
        )
    return batch


@dataclass(frozen=True, slots=True)
class _Range:
    """Folders from `low` up to, and without, `high`, in the order of their bytes; None: without an end."""

    low: str
    high: str | None


def _ranges(scopes: Scopes) -> Iterator[tuple[_Range, str]]:
    """All folders in order, cut where another scope begins, each range with the folder whose scope is its own."""
    # In byte order comes the folder itself, then others such as `shoes-old`, then all below it (`/` is before `0`).
    # Keys hold no control characters.
    ends = ("", "\x01", "/", "0")
    bounds = sorted({""} | {f"{folder}{end}" for folder in scopes if folder for end in ends})
    for low, high in itertools.zip_longest(bounds, bounds[1:]):
        owner = low
        while owner not in scopes:
            owner = folder_of(owner)
        yield _Range(low, high), owner


def _merged(ranges: list[tuple[_Range, str]], scopes: Scopes, status: str, chain: str | None) -> list[_Range]:
    """The ranges in which photos of this status and chain are stale, as few as possible."""
    merged: list[_Range] = []
    for found, owner in ranges:
        scope = scopes[owner]
        if scope is None or scope.is_as_today(status, chain):
            continue
        if merged and merged[-1].high == found.low:
            merged[-1] = _Range(merged[-1].low, found.high)
        else:
            merged.append(found)
    return merged


def _chains(session: Session, status: str) -> Iterator[str | None]:
    """None and every chain that photos of this status have; one step in the index for each."""
    yield None
    last = ""
    while True:
        following = select(Photo.chain).where(Photo.status == status, Photo.chain > last)
        chain = session.scalar(following.order_by(Photo.chain).limit(1))
        if chain is None:
            return
        yield chain
        last = chain


def _stale(
    session: Session, status: str, chain: str | None, ranges: list[_Range], after: StalePhoto | None, limit: int
) -> Iterator[StalePhoto]:
    for place in ranges:
        if after is not None and place.high is not None and place.high <= after.folder:
            continue
        for row in session.execute(_statement(status, chain, place, after).limit(limit)):
            yield StalePhoto(*row)


def _statement(status: str, chain: str | None, place: _Range, after: StalePhoto | None) -> Any:
    low = place.low if after is None else max(place.low, after.folder)
    statement = (
        select(Photo.id, Photo.folder, Photo.version)
        .outerjoin(Batch, Batch.id == Photo.batch_id)
        .where(Photo.status == status, Photo.chain == chain, Photo.folder >= low, Photo.original_key.is_not(None))
        .where(or_(Batch.id.is_(None), Batch.state != "open"))
        .order_by(Photo.folder, Photo.id)
    )
    if place.high is not None:
        statement = statement.where(Photo.folder < place.high)
    if after is not None:
        statement = statement.where(or_(Photo.folder > after.folder, Photo.id > after.id))
    return statement
