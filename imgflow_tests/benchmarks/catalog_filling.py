"""A catalog as it is after so many photos, written straight into its tables."""

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from imgflow.catalog.database import Catalog
from imgflow.catalog.tables import Batch, Member, Photo, Result, RunRequest, Table
from imgflow.models.loader import Models
from imgflow.models.store import ModelStore
from imgflow.photos.limits import Limits
from imgflow.pipeline.naming import ORIGINALS, REJECTED, STAGE_FOLDERS, archive_key, published_key, stage_key
from imgflow.pipeline.plan import ORIGINAL, ORIGINAL_CHAIN, fingerprint, plan_stage, rejected_chain
from imgflow.recipe import STAGES, Recipe

BATCH = 25
FOLDER = 250
REJECTED_EACH = 200
"""Every so many-th photo is a refused one."""

FAILED_EACH = 100
"""With `fail_some`, every so many-th photo has failed."""

_WHEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_AT_ONCE = 20_000
_DETAILS: dict[str, dict[str, Any] | None] = {
    ORIGINAL: {
        "mode": "RGB",
        "bits": 8,
        "icc_profile": None,
        "metadata": {"copyright": "", "artist": "", "description": ""},
        "warnings": [],
    },
    "denoise": {"method": "bilateral", "noise": 1.92},
    "shadow": {"method": "background_gain", "ground_fit": 0.874, "shadow_share": 0.0443},
    "matte": {
        "foreground_share": 0.6569,
        "confidence": 1.0,
        "weak": False,
        "refine": "closed_form",
        "unknown_share": 0.0654,
        "iterations": 171,
        "input_alpha": None,
    },
    "publish": {"format": "png"},
}

Values = dict[str, Any]


def photo_key(number: int) -> str:
    """Key of the photo with this number (from 1): folders of 250."""
    return f"category-{(number - 1) // FOLDER:05d}/product-photo-{number:08d}.jpg"


def source_of(number: int) -> str:
    """Folders come from the inbox and from the read-only prefix in turn."""
    return ("inbox", "prefix")[(number - 1) // FOLDER % 2]


def listing_stamp(number: int) -> str:
    """As a local store's listing gives it."""
    return f"{2_000_000 + number}-1795273240364421350-{number}"


def fill(catalog: Catalog, photos: int) -> None:
    """Add finished photos until there are so many; all are as the built-in recipe makes them."""
    with catalog.read() as session:
        first = (session.scalar(select(func.max(Photo.id))) or 0) + 1
    for start in range(first, photos + 1, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, photos + 1))
        with catalog.engine.begin() as connection:
            for table, rows in _rows(numbers).items():
                _insert(connection, table, rows)
    if catalog.engine.dialect.name == "postgresql":
        # PostgreSQL does both by itself after a while.
        with catalog.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
            for table in (Photo, Batch, RunRequest):
                name = table.__tablename__
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
                )


def empty_again(catalog: Catalog, photos: int) -> None:
    """Take out everything that came after the filling, and put the photos back into their batches."""
    batches = -(-photos // BATCH)
    with catalog.engine.begin() as connection:
        for statement in (
            "UPDATE photos SET status = 'done', chain = :chain WHERE status = 'failed'",
            "DELETE FROM run_requests WHERE batch_id > :batches",
            "DELETE FROM members WHERE batch_id > :batches",
            "UPDATE photos SET batch_id = (id - 1) / :size + 1 WHERE batch_id > :batches AND id <= :photos",
            "DELETE FROM photos WHERE id > :photos",
            "DELETE FROM batches WHERE id > :batches",
        ):
            wanted = {"batches": batches, "photos": photos, "size": BATCH, "chain": _chains()[0]["publish"]}
            connection.execute(text(statement), {name: wanted[name] for name in wanted if f":{name}" in statement})


def fail_some(catalog: Catalog) -> None:
    """Let one photo in a hundred have failed."""
    with catalog.engine.begin() as connection:
        connection.execute(text(f"UPDATE photos SET status = 'failed', chain = NULL WHERE id % {FAILED_EACH} = 1"))


def _rows(numbers: range) -> dict[type[Table], Iterable[Values]]:
    batches = range((numbers[0] - 1) // BATCH + 1, -(-numbers[-1] // BATCH) + 1)
    done, rejected = _chains()
    return {
        Batch: map(_batch, batches),
        Photo: (_photo(number, done, rejected) for number in numbers),
        Member: map(_member, numbers),
        RunRequest: ({"id": b, "batch_id": b, "reason": "drop", "created_at": _WHEN} for b in batches),
        Result: itertools.chain.from_iterable(_results(number, done) for number in numbers),
    }


def _chains() -> tuple[dict[str, str], str]:
    """The chain after each stage of the built-in recipe, and that of a rejection."""
    models = Models(ModelStore(Path("nowhere")))  # the registry knows the weights of the built-in recipe
    chains, chain = {ORIGINAL: ORIGINAL_CHAIN}, ORIGINAL_CHAIN
    for stage in STAGES:
        chain = plan_stage(Recipe(), stage, models.weights_hash).extend(chain)
        chains[stage] = chain
    return chains, rejected_chain(chain, Limits())


def _version(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _batch(number: int) -> Values:
    folder = photo_key((number - 1) * BATCH + 1).rpartition("/")[0]
    kind = {"kind": "drop", "state": "done", "opened_at": _WHEN, "finished_at": _WHEN}
    return {"id": number, "key": f"{folder}-20260101-{number:06d}", "folder": folder, **kind}


def _is_rejected(number: int) -> bool:
    return number % REJECTED_EACH == 0


def _photo(number: int, chains: dict[str, str], rejected: str) -> Values:
    key, version, refused = photo_key(number), _version(number), _is_rejected(number)
    return {
        "id": number,
        "key": key,
        "folder": key.rpartition("/")[0],
        "source": source_of(number),
        "source_stamp": f"sha256:{version}",
        "source_listing": listing_stamp(number),
        "version": version,
        "original_key": archive_key(REJECTED if refused else ORIGINALS, key, version),
        "output_name": key.rpartition(".")[0],
        "status": "rejected" if refused else "done",
        "chain": rejected if refused else chains["publish"],
        "error_stage": ORIGINAL if refused else None,
        "error_code": "truncated" if refused else None,
        "error_message": "The file ends before the picture does." if refused else None,
        "format": "jpeg",
        "width": 3000,
        "height": 4000,
        "bytes": 2_000_000 + number,
        "batch_id": (number - 1) // BATCH + 1,
        "updated_at": _WHEN,
    }


def _member(number: int) -> Values:
    version = _version(number)
    return {
        "batch_id": (number - 1) // BATCH + 1,
        "photo_id": number,
        "state": "taken",
        "stamp": f"sha256:{version}",
        "listing_stamp": listing_stamp(number),
        "version": version,
    }


def _results(number: int, chains: dict[str, str]) -> Iterator[Values]:
    key, version, refused = photo_key(number), _version(number), _is_rejected(number)
    for stage, chain in chains.items():
        if refused and stage != ORIGINAL:
            return
        name = fingerprint(version, chain)
        if stage == ORIGINAL:
            written = archive_key(REJECTED if refused else ORIGINALS, key, version)
        elif stage == "publish":
            written = published_key(key.rpartition(".")[0], ".png")
        else:
            written = stage_key("matte" if stage == "enhance" else stage, key, name)
        is_off = stage not in _DETAILS
        yield {
            "photo_id": number,
            "stage": stage,
            "status": "failed" if refused else "off" if is_off else "done",
            "version": version,
            "chain": chain,
            "fingerprint": name,
            "attempts": 1,
            "object_key": written,
            "bytes": 12_848_515,
            "seconds": None if is_off else 3.965933663999749,
            "model": "u2netp" if stage in ("shadow", "matte") else None,
            "device": None if is_off else "cpu",
            "fallback": None,
            "error_code": "truncated" if refused else None,
            "error_message": "The file ends before the picture does." if refused else None,
            "details": _DETAILS.get(stage),
            "updated_at": _WHEN,
        }


def _insert(connection: Connection, table: type[Table], rows: Iterable[Values]) -> None:
    columns = [column.name for column in table.__table__.columns]
    if connection.dialect.name == "postgresql":
        _copy(connection, table.__tablename__, columns, rows)
    else:
        connection.execute(insert(table), list(rows))


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(json.dumps(v) if isinstance(v, dict) else v for v in (row[name] for name in columns))
    buffer.seek(0)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH CSV", buffer)


assert set(_DETAILS) | {"enhance"} == {ORIGINAL, *STAGE_FOLDERS}
