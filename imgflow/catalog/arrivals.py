"""Taking new and replaced source objects into the catalog: photos, batches, members and run requests together."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from imgflow.catalog.database import take_turn
from imgflow.catalog.photo_keys import folder_of, shortened
from imgflow.catalog.tables import Batch, Member, Photo, RunRequest, now

Source = Literal["inbox", "prefix"]
BatchKind = Literal["drop", "refresh"]
Item = TypeVar("Item")

# Below the number of variables that every SQLite and PostgreSQL takes in one statement.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """A source object that is to be worked on.

    Attributes:
        key: below the source prefix.
        stamp: changes with the object's content.
        listing: the cheap stamp it was listed with.
    """

    key: str
    stamp: str
    listing: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the catalog already knows of a source object."""

    stamp: str | None
    listing: str | None


def waiting(session: Session, source: Source, keys: Sequence[str]) -> dict[str, Seen]:
    """Those of the objects with these keys that are registered and not yet taken out of the source, by key.

    Of a photo that waits in several versions, the newest.
    """
    found: dict[str, Seen] = {}
    for chunk in chunks(keys, CHUNK):
        rows = session.execute(
            select(Photo.key, Member.stamp, Member.listing_stamp)
            .join(Member, Member.photo_id == Photo.id)
            .where(Photo.source == source, Photo.key.in_(chunk), Member.state == "waiting")
            .order_by(Member.batch_id)
        )
        found |= {key: Seen(stamp, listing) for key, stamp, listing in rows}
    return found


def leaving(session: Session, source: Source, keys: Sequence[str]) -> dict[str, str | None]:
    """The cheap stamps of those of these objects that an unfinished batch has read, by key.

    The run of such a batch archives an object first and takes it out of the source then; while the batch is open, an
    object with this stamp is the one that was read. One that is still there when the batch has ended was left behind
    by a run that died.
    """
    found: dict[str, str | None] = {}
    for chunk in chunks(keys, CHUNK):
        rows = session.execute(
            select(Photo.key, Photo.source_listing)
            .join(Member, Member.photo_id == Photo.id)
            .join(Batch, Batch.id == Member.batch_id)
            .where(Photo.source == source, Photo.key.in_(chunk), Member.state == "taken", Batch.state == "open")
        )
        found.update((key, listing) for key, listing in rows)
    return found


def taken(session: Session, source: Source, keys: Sequence[str]) -> dict[str, Seen]:
    """What was last read from these objects, by key; keys that were never read are left out."""
    found: dict[str, Seen] = {}
    for chunk in chunks(keys, CHUNK):
        rows = session.execute(
            select(Photo.key, Photo.source_stamp, Photo.source_listing).where(
                Photo.source == source, Photo.key.in_(chunk), Photo.source_stamp.is_not(None)
            )
        )
        found |= {key: Seen(stamp, listing) for key, stamp, listing in rows}
    return found


def note_touched(session: Session, source: Source, arrival: Arrival) -> None:
    """A waiting object has a new time but its old content: remember its listing stamp, so that it is not read again."""
    photo = select(Photo.id).where(Photo.source == source, Photo.key == arrival.key).scalar_subquery()
    session.execute(
        update(Member)
        .where(Member.photo_id == photo, Member.state == "waiting", Member.stamp == arrival.stamp)
        .values(listing_stamp=arrival.listing)
    )


def register(
    session: Session, arrivals: Iterable[Arrival], source: Source, kind: BatchKind, batch_size: int
) -> list[Batch]:
    """Write photos, batches, members and run requests for these objects, in the caller's transaction.

    An object that waits already with this very content is left out: somebody else has registered it since the caller
    looked. A batch holds photos of one folder. With `batch_size` 1 a batch's key is its photo's key and is used again
    when that photo is replaced.
    """
    take_turn(session)
    arrivals = list(arrivals)
    known = waiting(session, source, [arrival.key for arrival in arrivals])
    new = [arrival for arrival in arrivals if arrival.key not in known or known[arrival.key].stamp != arrival.stamp]
    batches: list[Batch] = []
    by_folder = sorted(new, key=lambda arrival: (folder_of(arrival.key), arrival.key))
    for folder, group in itertools.groupby(by_folder, key=lambda arrival: folder_of(arrival.key)):
        for chunk in chunks(list(group), min(batch_size, CHUNK)):
            photos = _photos(session, [arrival.key for arrival in chunk], source)
            batch = open_batch(session, folder, kind, only_photo=chunk[0].key if batch_size == 1 else None)
            session.execute(delete(Member).where(Member.batch_id == batch.id))
            for arrival in chunk:
                photo = photos[arrival.key]
                photo.batch_id = batch.id
                seen = {"stamp": arrival.stamp, "listing_stamp": arrival.listing}
                session.add(Member(batch_id=batch.id, photo_id=photo.id, state="waiting", **seen))
            batches.append(batch)
    session.flush()
    return batches


def open_batch(session: Session, folder: str, kind: BatchKind, only_photo: str | None = None) -> Batch:
    """A new open batch of the folder with its run request; with `only_photo`, that photo's own batch, opened again."""
    take_turn(session)
    batch = session.scalar(select(Batch).where(Batch.key == partition_key(only_photo))) if only_photo else None
    if batch is None:
        batch = Batch(key="", folder=folder, kind=kind, state="open", opened_at=now())
        # The database gives the number that makes the key unique; two writers never get the same.
        batch.key = partition_key(only_photo) if only_photo else f"new {id(batch)} {now().isoformat()}"
        session.add(batch)
        session.flush()
        if not only_photo:
            batch.key = partition_key(f"{folder or 'inbox'}-{now():%Y%m%d}-{batch.id:06d}")
    batch.kind, batch.state, batch.opened_at, batch.finished_at = kind, "open", now(), None
    session.add(RunRequest(batch_id=batch.id, reason=kind, created_at=now()))
    session.flush()
    return batch


def partition_key(text: str) -> str:
    """The text as a Dagster partition key, which may not hold `...` (it separates ranges)."""
    return text.replace("...", "…")


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _photos(session: Session, keys: Sequence[str], source: Source) -> dict[str, Photo]:
    known = session.scalars(select(Photo).where(Photo.source == source, Photo.key.in_(keys)))
    photos = {photo.key: photo for photo in known}
    new = [key for key in keys if key not in photos]
    names = _output_names(session, new)
    for key in new:
        photos[key] = Photo(key=key, folder=folder_of(key), source=source, output_name=names[key], status="waiting")
    session.add_all(photos[key] for key in new)
    session.flush()
    return photos


def _output_names(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """`bicycles/front` for the first photo of that stem, `bicycles/front.png`, `bicycles/front.png~2` for the next."""
    candidates = {key: _candidates(key) for key in keys}
    wanted = {name for names in candidates.values() for name in names}
    used: set[str] = set()
    for chunk in chunks(sorted(wanted), CHUNK):
        used |= set(session.scalars(select(Photo.output_name).where(Photo.output_name.in_(chunk))))
    allotted: dict[str, str] = {}
    for key, names in candidates.items():
        free = next((name for name in names if name not in used), None)
        if free is None:
            free = next(name for n in itertools.count(2) if _is_free(session, name := f"{names[-1]}~{n}", used))
        used.add(free)
        allotted[key] = free
    return allotted


def _candidates(key: str) -> tuple[str, str]:
    folder, slash, name = key.rpartition("/")
    return shortened(folder + slash, PurePosixPath(name).stem), shortened(folder + slash, name)


def _is_free(session: Session, name: str, used: set[str]) -> bool:
    return name not in used and session.scalar(select(Photo.id).where(Photo.output_name == name)) is None
