"""Opening the catalog database: engine, schema version, transactions."""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from imgflow.errors import CatalogUnavailableError, SettingsError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number works as long as every imgflow uses the same one.
_POSTGRES_LOCK = 0x696D67666C6F77

_AWAY = (OperationalError, InterfaceError, DatabaseError)


class Catalog:
    """A catalog database, at today's schema.

    Safe to share between threads. SQLite by default; PostgreSQL by URL.
    """

    def __init__(self, url: str) -> None:
        """Connect, and bring the schema to this imgflow's version.

        Args:
            url: SQLAlchemy URL. Plain `postgresql://` means psycopg2, the driver of the `cluster` extra.

        Raises:
            SettingsError: the URL cannot be read.
            CatalogUnavailableError: the database does not answer, or a newer imgflow has changed its schema.
        """
        self.engine = _engine(url)
        with self._translating():
            _migrate(self.engine)

    @contextlib.contextmanager
    def begin(self) -> Generator[Session]:
        """One transaction that may write: committed at the end, rolled back when an exception passes.

        Raises:
            CatalogUnavailableError: the database went away.
        """
        with self._translating(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def read(self) -> Generator[Session]:
        """One transaction that only reads: on SQLite it waits for no writer and holds none up.

        Raises:
            CatalogUnavailableError: the database went away.
        """
        reader = self.engine.execution_options(imgflow_read=True)
        with self._translating(), Session(reader, expire_on_commit=False) as session, session.begin():
            yield session

    def describe(self) -> str:
        """The URL, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _translating(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            # Integrity and programming errors are imgflow's own mistakes and keep their traceback.
            if not error.connection_invalidated and type(error) not in (
                OperationalError,
                InterfaceError,
                DatabaseError,
            ):
                raise
            raise CatalogUnavailableError(
                f"the catalog {self.describe()} does not answer ({str(error.orig).strip()}); "
                "check IMGFLOW_CATALOG_URL, that the database runs, and its disk"
            ) from error


def _engine(location: str) -> Engine:
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise SettingsError("IMGFLOW_CATALOG_URL: not a database URL, such as postgresql://user@host/name") from error
    if url.drivername in ("postgresql", "postgres"):
        # SQLAlchemy 2.1 would take psycopg 3; dagster-postgres, in the same process, needs psycopg2.
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        _use_wal(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": 60})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _use_wal(path: Path) -> None:
    """Let readers and writers work side by side. SQLite does not wait when two processes change the mode at once."""
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=60)
    # A file that is no database is told at the first use, with its address.
    with lock, contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own implicit transactions begin too late (at the first write) to keep read-then-write together.
    connection.isolation_level = None
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    reading = connection.get_execution_options().get("imgflow_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.begin() as connection:
        # SQLite's BEGIN IMMEDIATE already keeps others out; PostgreSQL needs a lock of its own.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise CatalogUnavailableError(
                f"the catalog {engine.url.render_as_string()} has schema {current}, which this imgflow does not know; "
                "install the newer imgflow that made it"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
