"""Batches and the wish to run them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from imgflow.catalog.database import Catalog, take_turn
from imgflow.catalog.tables import Batch, Identity, Member, Photo, RunRequest, now


@dataclass(frozen=True, slots=True)
class Requested:
    """A run request with its batch's key."""

    id: int
    batch_key: str
    reason: str


def catalog_id(catalog: Catalog) -> str:
    """Which catalog this is; made up at the first call, and the same for all who call at once.

    Raises:
        CatalogUnavailableError: the database is away.
    """
    with catalog.read() as session:
        known = session.scalar(select(Identity.id))
    return known or _made_up_id(catalog)


def _made_up_id(catalog: Catalog) -> str:
    with catalog.begin() as session:
        take_turn(session)
        identity = session.scalar(select(Identity))
        if identity is None:
            identity = Identity(id=uuid.uuid4().hex)
            session.add(identity)
    return identity.id


def find_batch(session: Session, key: str) -> Batch | None:
    """The batch with this key."""
    return session.scalar(select(Batch).where(Batch.key == key))


def members_of(session: Session, batch_id: int) -> Sequence[tuple[Photo, Member]]:
    """The batch's photos with their place in it, by photo key."""
    rows = session.execute(
        select(Photo, Member)
        .join(Member, Member.photo_id == Photo.id)
        .where(Member.batch_id == batch_id)
        .order_by(Photo.key, Photo.id)
    )
    return [(photo, member) for photo, member in rows]


def requests_after(session: Session, cursor: int, limit: int) -> list[Requested]:
    """Run requests newer than the cursor whose batch is still open, oldest first."""
    rows = session.execute(
        select(RunRequest.id, Batch.key, RunRequest.reason)
        .join(Batch, Batch.id == RunRequest.batch_id)
        .where(RunRequest.id > cursor, Batch.state == "open")
        .order_by(RunRequest.id)
        .limit(limit)
    )
    return [Requested(*row) for row in rows]


def request_run(session: Session, batch: Batch, reason: str) -> None:
    """Ask for one more run of the batch."""
    take_turn(session)
    session.add(RunRequest(batch_id=batch.id, reason=reason, created_at=now()))
    session.flush()


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """An open batch, and how often a run of it was asked for."""

    batch: Batch
    requests: int


def open_batches(session: Session, cursor: int, limit: int) -> list[OpenBatch]:
    """Open batches whose run requests have all been handed to Dagster (none is after the cursor), oldest first."""
    last = func.max(RunRequest.id)
    rows = session.execute(
        select(Batch, func.count(RunRequest.id))
        .join(RunRequest, RunRequest.batch_id == Batch.id)
        .where(Batch.state == "open")
        .group_by(Batch.id)
        .having(last <= cursor)
        .order_by(last)
        .limit(limit)
    )
    return [OpenBatch(batch, count) for batch, count in rows]


def cancel_batch(session: Session, batch_id: int) -> None:
    """Somebody cancelled its run: the next refresh takes up its photos."""
    session.execute(update(Batch).where(Batch.id == batch_id).values(state="canceled", finished_at=now()))


def finish_batch(session: Session, batch_id: int) -> bool:
    """Close the batch unless one of its photos is still to be worked on; returns whether it is closed."""
    unfinished = or_(
        Member.state == "waiting",
        and_(Member.state == "taken", Photo.version == Member.version, Photo.status == "waiting"),
    )
    pending = session.scalar(
        select(func.count())
        .select_from(Member)
        .join(Photo, Photo.id == Member.photo_id)
        .where(Member.batch_id == batch_id, unfinished)
    )
    if pending:
        return False
    session.execute(update(Batch).where(Batch.id == batch_id).values(state="done", finished_at=now()))
    return True
