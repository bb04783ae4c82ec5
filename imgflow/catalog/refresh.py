"""Finding photos that are not as today's recipe would make them."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import and_, not_, or_, select
from sqlalchemy.orm import Session

from imgflow.catalog.arrivals import open_batch
from imgflow.catalog.batches import request_run
from imgflow.catalog.database import take_turn
from imgflow.catalog.tables import Batch, Member, Photo, now


@dataclass(frozen=True, slots=True)
class Scope:
    """A folder and those below it, with the chains that results have under its recipe today.

    Attributes:
        folder: empty for everything.
        done: chain of a photo that is done.
        rejected: chain of a photo that is rightly rejected.
    """

    folder: str
    done: str
    rejected: str


@dataclass(frozen=True, slots=True)
class StalePhoto:
    """A photo that a refresh should work on again."""

    id: int
    folder: str
    version: str


def stale_photos(session: Session, scope: Scope) -> Iterator[StalePhoto]:
    """Archived photos of the scope that are missing, failed or stale and in no open batch, by folder and key."""
    as_today = or_(
        and_(Photo.status == "done", Photo.chain == scope.done),
        and_(Photo.status == "rejected", Photo.chain == scope.rejected),
    )
    statement = (
        select(Photo.id, Photo.folder, Photo.version)
        .outerjoin(Batch, Batch.id == Photo.batch_id)
        .where(Photo.original_key.is_not(None), not_(and_(Photo.chain.is_not(None), as_today)))
        .where(or_(Batch.id.is_(None), Batch.state != "open"))
        .order_by(Photo.folder, Photo.key)
    )
    if scope.folder:
        below = scope.folder.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "/%"
        statement = statement.where(or_(Photo.folder == scope.folder, Photo.folder.like(below, escape="\\")))
    for row in session.execute(statement.execution_options(yield_per=1000)):
        yield StalePhoto(*row)


def reopen_canceled(session: Session) -> int:
    """Ask again for canceled batches whose photos still wait in their source; returns how many.

    Such photos are not archived, so that `stale_photos` does not see them, and they are registered, so that the sensor
    does not either. To be called before `stale_photos`, in the caller's transaction.
    """
    take_turn(session)
    left = select(Member.batch_id).join(Photo, Photo.id == Member.photo_id)
    left = left.where(Member.state == "waiting", Photo.batch_id == Member.batch_id)
    batches = session.scalars(select(Batch).where(Batch.state == "canceled", Batch.id.in_(left)).order_by(Batch.id))
    reopened = batches.all()
    for batch in reopened:
        batch.state, batch.opened_at, batch.finished_at = "open", now(), None
        request_run(session, batch, "refresh")
    return len(reopened)


def add_refresh_batch(session: Session, folder: str, photos: list[StalePhoto]) -> Batch:
    """A new batch of archived photos of one folder, with its run request, in the caller's transaction."""
    batch = open_batch(session, folder, "refresh")
    for photo in photos:
        session.add(Member(batch_id=batch.id, photo_id=photo.id, state="taken", version=photo.version))
        session.get_one(Photo, photo.id).batch_id = batch.id
    session.flush()
    return batch
