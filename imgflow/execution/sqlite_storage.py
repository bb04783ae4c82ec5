"""Dagster's storage in SQLite files, with connections that stay open.

Dagster's own opens and closes a connection, and compiles its SQL anew, for every event and every look at the events.
Closing the last one folds SQLite's write-ahead log into the file, with two waits for the disk. Here an event costs a
third of the processor time and a fraction of the waiting. Files and places stay the same, so either can take over from
the other.
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

_MOST_RUNS = 16
"""Runs whose events' files are kept open."""


class KeptSqliteStorage(DagsterSqliteStorage):
    """Runs, events, schedules as `DagsterSqliteStorage` has them, in the folder `base_dir`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = _KeptEventLog(str(Path(base_dir, "history", "runs")))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig
    ) -> "KeptSqliteStorage":
        """As Dagster's instance makes it."""
        return cls(config_value["base_dir"], inst_data)


class _KeptEventLog(SqliteEventLogStorage):
    def __init__(self, base_dir: str) -> None:
        self._kept: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Generator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        if shard in self._kept:
            self._kept.move_to_end(shard)
            return self._kept[shard]
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,  # one connection, whichever thread has the lock
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _relax)
        self._initdb(engine, for_index_shard=shard == INDEX_SHARD_NAME)
        self._kept[shard] = engine
        while len(self._kept) > _MOST_RUNS:
            self._kept.pop(next(name for name in self._kept if name != INDEX_SHARD_NAME)).dispose()
        return engine

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """As Dagster's, but events are seen when they are in the write-ahead log, where they now stay for a while."""
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
        watchdog = _LogWatchdog(self, run_id, callback, cursor)
        self._watchers[run_id][callback] = (watchdog, self._obs.schedule(watchdog, self._base_dir, recursive=True))

    def dispose(self) -> None:
        """Stop watching, close the files."""
        super().dispose()
        with self._db_lock:
            while self._kept:
                self._kept.popitem()[1].dispose()


class _LogWatchdog(SqliteEventLogStorageWatchdog):
    @property
    def patterns(self) -> list[str]:
        return [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        self._process_log()


def _relax(connection: Any, _record: Any) -> None:
    # With a write-ahead log this never harms the file, whatever dies. A power cut may take the last events with it,
    # and the run whose they are has then died, too.
    connection.execute("PRAGMA synchronous = NORMAL")
