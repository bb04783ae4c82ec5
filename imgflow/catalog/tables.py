"""The catalog's tables. A change here needs a new file in `migrations/versions/`."""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Names for constraints, so that migrations can drop them on every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(timezone.utc)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite would give it back without its time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The stored moment, aware of its time zone."""
        return value.replace(tzinfo=timezone.utc) if value and value.tzinfo is None else value


BytewiseText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared by its bytes, as SQLite always does, so that all below a folder is one range of an index."""


class Table(DeclarativeBase):
    """Base of the tables."""

    metadata = MetaData(naming_convention=NAMING)


class Identity(Table):
    """One row: which catalog this is, so that a sensor's cursor is never used on another one."""

    __tablename__ = "identity"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)


class Photo(Table):
    """One source picture, by its key below the source prefix."""

    __tablename__ = "photos"
    __table_args__ = (
        UniqueConstraint("source", "key"),
        UniqueConstraint("output_name"),
        # The nightly refresh asks for what is not as today's recipe gives it: by status and chain, then by folder.
        Index("ix_photos_status_chain_folder", "status", "chain", "folder"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(BytewiseText)
    source: Mapped[str] = mapped_column(String(8))
    """`inbox`, or `prefix` for the read-only catalog prefix."""
    source_stamp: Mapped[str | None] = mapped_column(Text)
    """Content stamp of the object that `version` was read from."""
    source_listing: Mapped[str | None] = mapped_column(Text)
    """Cheap listing stamp of the same object, so that an unchanged one is not read again."""
    version: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the file's bytes; None until `originals` has read it."""
    original_key: Mapped[str | None] = mapped_column(Text)
    """Where this version is archived: below `originals/`, or `rejected/` when it was refused."""
    output_name: Mapped[str] = mapped_column(Text)
    """Name below `published/`, without extension; allotted once, so that same stems never overwrite each other."""
    status: Mapped[str] = mapped_column(String(8), default="waiting")
    """`waiting`, `done`, `failed` (tried again by the refresh) or `rejected` (until the file or the recipe changes)."""
    chain: Mapped[str | None] = mapped_column(String(32))
    """The recipe chain by which it became done or rejected (see `imgflow/pipeline/plan.py`)."""
    error_stage: Mapped[str | None] = mapped_column(String(16))
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_message: Mapped[str | None] = mapped_column(Text)
    format: Mapped[str | None] = mapped_column(String(16))
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    batch_id: Mapped[int | None] = mapped_column(Integer, index=True)
    """The latest batch that this photo was put in."""
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)


class Batch(Table):
    """Photos of one folder that are worked on together: a Dagster partition."""

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("key"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(8))
    """`drop` or `refresh`."""
    state: Mapped[str] = mapped_column(String(8), default="open", index=True)
    """`open` until every photo of it has been through all stages once, then `done`; `canceled` with its run."""
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Member(Table):
    """A photo's place in a batch: exactly one version of it."""

    __tablename__ = "members"

    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photos.id"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting` in the source, `taken` (archived or rejected), or `superseded` by a newer version."""
    stamp: Mapped[str | None] = mapped_column(Text)
    """Content stamp of the waiting object; None where the archived original is used (refresh)."""
    listing_stamp: Mapped[str | None] = mapped_column(Text)
    """The cheap stamp of the listing, so that an unchanged local file is not hashed at every look."""
    version: Mapped[str | None] = mapped_column(String(64))


class RunRequest(Table):
    """A wish that a batch be run. Its id is the sensor's cursor and the Dagster run key."""

    __tablename__ = "run_requests"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    reason: Mapped[str] = mapped_column(String(8))
    """`drop`, `refresh` or `retry`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Result(Table):
    """What a stage made of a photo: its latest outcome."""

    __tablename__ = "results"

    photo_id: Mapped[int] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    """`original`, one of the stages, or `attempt` while a file is being looked into."""
    status: Mapped[str] = mapped_column(String(8))
    """`running`, `done`, `off` (the stage is not in the recipe; the object is its input's) or `failed`."""
    version: Mapped[str] = mapped_column(String(64))
    chain: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Times that work on this fingerprint was begun; a process that dies leaves `running` behind."""
    object_key: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    seconds: Mapped[float | None] = mapped_column(Float)
    model: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(String(16))
    fallback: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_message: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
