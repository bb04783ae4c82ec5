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
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError
from sqlalchemy.orm import Session

from imgflow.errors import CatalogUnavailableError, SettingsError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any two numbers work as long as every imgflow uses the same ones.
_MIGRATION_LOCK = 0x696D67666C6F77
_WRITER_LOCK = _MIGRATION_LOCK + 1

# Integrity and programming errors are subclasses of these; they are imgflow's own mistakes and keep their traceback.
_AWAY = (OperationalError, InterfaceError, DatabaseError)
_PERMISSION_DENIED = "42501"

_CONNECT_SECONDS = 10


class Catalog:
    """A catalog database, at today's schema.

    Safe to share between threads. SQLite by default; PostgreSQL by URL.
    """

    def __init__(self, url: str) -> None:
        """Connect, and bring the schema to this imgflow's version.

        Args:
            url: SQLAlchemy URL. Plain `postgresql://` means psycopg2, the driver of the `cluster` extra.

        Raises:
            SettingsError: the URL cannot be read, or its driver is not installed.
            CatalogUnavailableError: the database does not answer, its file cannot be made, or a newer imgflow has
                changed its schema.
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
        except NoFreeConnectionError as error:
            raise self._unavailable(str(error)) from error
        except DBAPIError as error:
            denied = getattr(error.orig, "pgcode", None) == _PERMISSION_DENIED
            if not (error.connection_invalidated or denied or type(error) in _AWAY):
                raise
            raise self._unavailable(" ".join(str(error.orig).split())) from error

    def _unavailable(self, reason: str) -> CatalogUnavailableError:
        return CatalogUnavailableError(
            f"the catalog {self.describe()} does not answer ({reason}); "
            "check IMGFLOW_CATALOG_URL, that the database runs, its user's rights, and its disk"
        )


def take_turn(session: Session) -> None:
    """Be the only writer of batches and run requests until the transaction ends.

    Two that register the same photos then come one after the other, and the ids of run requests show up in their order,
    which the sensor's cursor relies on. SQLite has only one writer anyhow.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})


def _engine(location: str) -> Engine:
    try:
        url = make_url(location)
        if url.drivername in ("postgresql", "postgres"):
            # SQLAlchemy 2.1 would take psycopg 3; dagster-postgres, in the same process, needs psycopg2.
            url = url.set(drivername="postgresql+psycopg2")
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url)
        patience = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
        return create_engine(url, pool_pre_ping=True, connect_args=patience)
    except ArgumentError as error:
        raise SettingsError("IMGFLOW_CATALOG_URL: not a database URL, such as postgresql://user@host/name") from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IMGFLOW_CATALOG_URL: its driver {error.name} is not installed: pip install 'imgflow[cluster]'"
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _use_wal(path)
        except OSError as error:
            raise CatalogUnavailableError(
                f"the catalog {path} cannot be opened ({error.strerror or error}); "
                "check IMGFLOW_HOME or IMGFLOW_CATALOG_URL, and the rights of that folder"
            ) from error
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
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
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
