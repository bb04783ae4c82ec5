"""A folder as a store, and what is in it."""

from pathlib import Path

import pytest

from imgflow.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")
