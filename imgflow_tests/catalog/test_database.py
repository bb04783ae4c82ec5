"""Opening, migrating, and losing the database."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

from imgflow.catalog import database
from imgflow.catalog.database import Catalog
from imgflow.catalog.tables import Photo, Table
from imgflow.errors import CatalogUnavailableError, SettingsError


def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'catalog.db'}"


def test_the_migrations_give_exactly_the_tables(catalog: Catalog):
    with catalog.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_an_older_catalog_is_brought_to_this_version_with_its_photos(catalog: Catalog, catalog_url: str):
    add_one(catalog, "a")
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with catalog.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    catalog.close()
    upgraded = Catalog(catalog_url)
    with upgraded.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []
    with upgraded.read() as session:
        assert list(session.scalars(select(Photo.key))) == ["a"]
    upgraded.close()


def test_a_catalog_of_a_newer_imgflow_is_not_touched(catalog: Catalog, catalog_url: str):
    with catalog.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogUnavailableError, match="9999"):
        Catalog(catalog_url)


def test_many_processes_may_open_a_new_catalog_at_once(catalog_url: str):
    code = f"from imgflow.catalog.database import Catalog; Catalog({catalog_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error.decode()


def test_writers_wait_for_each_other_and_readers_for_nobody(tmp_path: Path):
    catalog = Catalog(url(tmp_path))
    add_one(catalog, "0")

    def write(number: int) -> None:
        for step in range(20):
            add_one(catalog, f"{number}-{step}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    with catalog.begin() as holder:
        holder.execute(text("UPDATE photos SET folder = 'x'"))
        with catalog.read() as reader:
            assert reader.scalar(select(Photo.folder)) == ""
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    with catalog.read() as session:
        assert len(list(session.scalars(select(Photo.id)))) == 81


def add_one(catalog: Catalog, key: str) -> None:
    with catalog.begin() as session:
        session.add(Photo(key=key, folder="", source="inbox", output_name=key))


def test_a_database_that_is_away_is_told_with_its_address_and_no_password():
    with pytest.raises(CatalogUnavailableError) as error:
        Catalog("postgresql://shop:hunter2@127.0.0.1:1/imgflow")
    assert "127.0.0.1:1/imgflow" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_full_or_unwritable_disk_is_told(tmp_path: Path):
    (tmp_path / "catalog.db").write_text("this is no database, but long enough to be looked at as one" * 20)
    with pytest.raises(CatalogUnavailableError, match="does not answer"):
        Catalog(f"sqlite:///{tmp_path / 'catalog.db'}")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CatalogUnavailableError, match=r"cannot be opened .*IMGFLOW_HOME"):
        Catalog(f"sqlite:///{tmp_path / 'file' / 'catalog.db'}")


@pytest.mark.parametrize("url", ["not a url", "nosuchdatabase://host/name"])
def test_a_url_that_is_none_is_a_settings_mistake(url: str):
    with pytest.raises(SettingsError, match="IMGFLOW_CATALOG_URL"):
        Catalog(url)


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(SettingsError, match=r"psycopg2 .*pip install 'imgflow\[cluster\]'"):
        Catalog("postgresql://host/name")
