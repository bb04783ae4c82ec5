"""Catalogs of growing size: does a tick, a refresh or a status query take longer when there is more that is done?

The catalogs and the Dagster instances are filled by SQL; everything that is timed is imgflow's own code, each time in
a process of its own. PostgreSQL is a real server from a package, with its default settings.
"""

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgflow_tests.benchmarks.frame import Measured, Options, Row, measure, peak_memory
from imgflow_tests.catalog.postgresql import PostgreSQL

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
NEW = 100
WAITING = 10_000
ALL_STALE_UP_TO = 100_000

TICK_SECONDS = 2.0
REFRESH_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """A home with a catalog database."""

    database: str
    home: Path
    url: str

    def do(self, action: str, photos: int, **settings: Any) -> tuple[Measured, dict[str, Any]]:
        """One action of `catalog_probe` in a process of its own."""
        values = {"home": self.home, "catalog_url": self.url, "settle_seconds": 0, **settings}
        env = {f"IMGFLOW_{name.upper()}": str(value) for name, value in values.items()}
        command = [sys.executable, "-m", "imgflow_tests.benchmarks.catalog_probe", action, str(photos)]
        run = measure(command, env | {"DAGSTER_HOME": str(self.home / "dagster")})
        return run, json.loads(run.output.splitlines()[-1])

    def size(self) -> int:
        """Bytes of the catalog."""
        if self.database == "SQLite":
            return sum(file.stat().st_size for file in self.home.glob("catalog.db*"))
        import psycopg2

        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return cursor.fetchone()[0]

    def drop(self, folder: str, count: int) -> None:
        """Put so many small files into the inbox."""
        place = self.home / "store" / "inbox" / folder
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (place / f"{number:05d}.jpg").write_text(f"{folder} {number}")

    def clear_inbox(self) -> None:
        """Take everything out of it again."""
        for file in (self.home / "store" / "inbox").rglob("*.jpg"):
            file.unlink()


def rows(options: Options) -> Iterator[Row]:
    """Every action on every database at every size."""
    smallest: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory(prefix="imgflow-scale-") as folder, _databases(Path(folder)) as places:
        for place in places:
            place.do("undo", 0)  # makes the tables
            empty = place.size()
            for photos in QUICK_SIZES if options.quick else SIZES:
                options.note(f"scale: filling {place.database} up to {photos:,} photos")
                place.do("fill_up", photos)
                yield _size(place, photos, empty)
                for name, limit, runs, found in _actions(place, photos, options):
                    seconds = statistics.median(each["seconds"] for each in found)
                    first = smallest.setdefault((place.database, name), seconds)
                    figures = {"times_smallest": seconds / first}
                    figures |= {key: value for key, value in found[-1].items() if key not in ("seconds", "told")}
                    name = f"{place.database}, {photos:,} photos: {name}"
                    yield Row(name, seconds, limit, peak_memory(runs), figures=figures)


@contextlib.contextmanager
def _databases(folder: Path) -> Iterator[list[Place]]:
    with contextlib.ExitStack() as stack:
        places = [Place("SQLite", folder / "sqlite", f"sqlite:///{folder / 'sqlite' / 'catalog.db'}")]
        if PostgreSQL.programs() is not None:
            server = PostgreSQL()
            stack.callback(server.close)
            places.append(Place("PostgreSQL", folder / "postgresql", server.start().new_database()))
        for place in places:
            (place.home / "dagster").mkdir(parents=True)
            (place.home / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
            (place.home / "webp.yaml").write_text("publish: {format: webp}\n")
        yield places


Action = tuple[str, float | None, list[Measured], list[dict[str, Any]]]


def _actions(place: Place, photos: int, options: Options) -> Iterator[Action]:
    """Each with its name, the most seconds it may take, and its runs."""

    def repeated(name: str, limit: float | None, action: str, *, undo: bool = False, **settings: Any) -> Action:
        options.note(f"scale: {place.database}, {photos:,} photos: {name}")
        done: list[tuple[Measured, dict[str, Any]]] = []
        # What changes the catalog takes long to undo.
        for _ in range(1 if undo else options.repetitions):
            done.append(place.do(action, photos, **settings))
        if undo:
            place.do("undo", photos)
        return name, limit, [run for run, _ in done], [found for _, found in done]

    yield repeated("tick, nothing new", TICK_SECONDS, "tick")
    yield _tick_beside_waiting(place, photos, options, 0)
    yield _tick_beside_waiting(place, photos, options, WAITING // 10 if options.quick else WAITING)
    yield repeated("refresh, nothing stale", REFRESH_SECONDS, "refresh")
    yield repeated("refresh, nothing stale, half of all listed in a prefix", REFRESH_SECONDS, "refresh_prefix")
    yield repeated("refresh, 1 % failed", None, "refresh_failed", undo=True)
    if photos <= ALL_STALE_UP_TO:
        yield repeated("refresh, everything stale", None, "refresh", undo=True, recipe=place.home / "webp.yaml")
    yield repeated("all about one batch", None, "batch_status")
    yield repeated("photos by status", None, "counts")


def _tick_beside_waiting(place: Place, photos: int, options: Options, waiting: int) -> Action:
    """New photos come while others wait in the inbox."""
    name = f"tick, {NEW} new" + (f" beside {waiting:,} that wait" if waiting else "")
    options.note(f"scale: {place.database}, {photos:,} photos: {name}")
    if waiting:
        place.drop("earlier", waiting)
        place.do("tick", photos, drop_photos_per_tick=waiting)
    done: list[tuple[Measured, dict[str, Any]]] = []
    for number in range(options.repetitions):
        place.drop(f"new-{number}", NEW)
        done.append(place.do("tick", photos))
    place.clear_inbox()
    place.do("undo", photos)
    return name, TICK_SECONDS, [run for run, _ in done], [found for _, found in done]


def _size(place: Place, photos: int, empty: int) -> Row:
    runs = sum(file.stat().st_size for file in (place.home / "dagster").rglob("*.db*") if file.is_file())
    figures = {
        "catalog_bytes_per_photo": round((place.size() - empty) / photos),
        "dagster_runs_and_partitions_bytes_per_photo": round(runs / photos),
    }
    return Row(f"{place.database}, {photos:,} photos: size", figures=figures)
