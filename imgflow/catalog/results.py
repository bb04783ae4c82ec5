"""Results: the latest outcome of each stage for each photo."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from imgflow.catalog.arrivals import CHUNK, chunks
from imgflow.catalog.tables import Member, Photo, Result
from imgflow.errors import PhotoReplacedError


def results_of(session: Session, photo_ids: Sequence[int], stages: Sequence[str]) -> dict[tuple[int, str], Result]:
    """The results of these photos at these stages, by (photo id, stage)."""
    found: dict[tuple[int, str], Result] = {}
    for chunk in chunks(photo_ids, CHUNK):
        rows = session.scalars(select(Result).where(Result.photo_id.in_(chunk), Result.stage.in_(stages)))
        found |= {(row.photo_id, row.stage): row for row in rows}
    return found


def save_result(session: Session, result: Result) -> None:
    """Write the result in place of the photo's former one of that stage."""
    session.merge(result)
    session.flush()


def forget_result(session: Session, photo_id: int, stage: str) -> None:
    """Delete the photo's result of that stage, if there is one."""
    session.execute(delete(Result).where(Result.photo_id == photo_id, Result.stage == stage))


def update_photo(session: Session, photo_id: int, version: str | None, values: dict[str, Any]) -> None:
    """Change a photo's row if it is still of this version.

    Also takes the row's lock: until the transaction ends, no newer version can be written.

    Raises:
        PhotoReplacedError: it is of another version by now.
    """
    statement = update(Photo).where(Photo.id == photo_id, Photo.version == version).values(values)
    if cast(CursorResult[Any], session.execute(statement)).rowcount != 1:
        raise PhotoReplacedError(f"photo {photo_id} is no longer of version {version}")


def set_member(session: Session, member: Member, **values: Any) -> None:
    """Change a photo's place in a batch, if it is still in the state that was read (else another run was faster)."""
    of_batch = (Member.batch_id == member.batch_id, Member.photo_id == member.photo_id)
    session.execute(update(Member).where(*of_batch, Member.state == member.state).values(**values))
