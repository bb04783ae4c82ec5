"""Photos dropped come out published, without anyone's hand: a real daemon on a folder and on a real S3 server."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetKey

from imgflow.catalog.tables import Photo
from imgflow.photos.decode import decode
from imgflow_tests.conftest import S3
from imgflow_tests.daemon.installation import ASSETS, Installation

pytestmark = pytest.mark.server

Install = Callable[..., Installation]
SmallPhotos = Callable[[int], dict[str, bytes]]


class GrowingFile:
    """Somebody copies a photo into the inbox over a slow line."""

    def __init__(self, installation: Installation, key: str, data: bytes) -> None:
        self.file = Path(installation.settings.store_location) / "inbox" / key
        self.data, self.written = data, 0
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.grow()

    def grow(self) -> None:
        # By a byte: it must not be whole before the test says so, however slow the machine is.
        assert self.written < len(self.data) - 1
        self._write(self.data[self.written : self.written + 1])

    def finish(self) -> None:
        self._write(self.data[self.written :])

    def _write(self, piece: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(piece)
        self.written += len(piece)


class GrowingUpload:
    """Somebody uploads a photo to the bucket in parts."""

    def __init__(self, s3: S3, key: str, data: bytes) -> None:
        self.s3, self.data = s3, data
        self.name = {"Bucket": s3.bucket, "Key": f"catalog/inbox/{key}"}
        self.upload = s3.client.create_multipart_upload(**self.name)["UploadId"]
        self.part: dict[str, Any] | None = None

    def grow(self) -> None:
        answer = self.s3.client.upload_part(**self.name, UploadId=self.upload, PartNumber=1, Body=self.data)
        self.part = {"ETag": answer["ETag"], "PartNumber": 1}

    def finish(self) -> None:
        self.grow()
        parts = {"Parts": [self.part]}
        self.s3.client.complete_multipart_upload(**self.name, UploadId=self.upload, MultipartUpload=parts)


@contextmanager
def steadily(growing: GrowingFile | GrowingUpload) -> Iterator[None]:
    """It grows all the time, and is finished in the end."""
    enough = threading.Event()

    def grow() -> None:
        while not enough.wait(0.2):
            growing.grow()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
        growing.finish()


@pytest.mark.long(30)
def test_on_a_folder(install: Install, small_photos: SmallPhotos):
    installation = install(settle_seconds=3)
    drop_and_check(installation, small_photos(6), lambda *photo: GrowingFile(installation, *photo))


@pytest.mark.long(30)
def test_on_s3(install: Install, small_photos: SmallPhotos, s3: S3):
    installation = install(
        store=f"s3://{s3.bucket}/catalog",
        s3_endpoint_url=s3.endpoint,
        s3_region="us-east-1",
        s3_access_key_id=s3.access_key,
        s3_secret_access_key=s3.secret_key,
    )
    try:
        drop_and_check(installation, small_photos(6), lambda *photo: GrowingUpload(s3, *photo))
    finally:
        installation.stop()
        for info in installation.workspace.store.list():
            installation.workspace.store.delete(info.key)


def drop_and_check(
    installation: Installation,
    photos: dict[str, bytes],
    start_growing: Callable[[str, bytes], GrowingFile | GrowingUpload],
) -> None:
    *good, broken, slow = photos
    replaced = good[-1]
    second_version = photos[good[0]]
    for key in good:
        installation.drop(key, photos[key])
    installation.drop(broken, photos[broken][: len(photos[broken]) // 2])
    with steadily(start_growing(slow, photos[slow])):
        installation.start_daemon()
        installation.wait_for_end(5)
        assert slow not in installation.standing().photos
    installation.drop(replaced, second_version)
    installation.wait_for_end(6)
    second_hash = hashlib.sha256(second_version).hexdigest()
    installation.wait(lambda: version_of(installation, replaced) == second_hash, 60, "the second version")
    standing = installation.wait_for_end(6)

    assert {key: status for key, status in standing.photos.items() if status != "done"} == {broken: "rejected"}
    assert standing.codes[broken] == "truncated"
    assert installation.objects("inbox") == []
    published = {f"{key.rpartition('.')[0]}.png": key for key in [*good, slow]}
    assert installation.objects("published") == sorted(published)
    for name, key in published.items():
        data = second_version if key == replaced else photos[key]
        before, after = decode(data).picture, decode(installation.workspace.store.get(f"published/{name}")).picture
        assert (after.width, after.height) == (before.width, before.height)
        assert after.alpha is not None
    reason, kept = reversed(installation.objects("rejected"))
    assert (
        kept.endswith(Path(broken).suffix) and broken in installation.workspace.store.get(f"rejected/{reason}").decode()
    )

    check_dagster(installation, broken, replaced, set(photos))


def check_dagster(installation: Installation, broken: str, replaced: str, keys: set[str]) -> None:
    """The same outcome is what the instance shows: nothing done twice, every batch materialised, the failure named."""
    times = installation.times_done()
    for asset in ASSETS[1:]:
        if asset != "enhanced":
            wanted = {key: 1 + (key == replaced) for key in keys - {broken}}
            assert {key: times[asset, key] for key in wanted} == wanted, asset
    batches = installation.instance.get_dynamic_partitions("batches")
    for asset in ASSETS:
        assert installation.instance.get_materialized_partitions(AssetKey(asset)) == set(batches)
    evaluations = installation.instance.event_log_storage.get_asset_check_execution_history(
        AssetCheckKey(AssetKey("originals"), "every_photo"), limit=10
    )
    failed = [e.event.dagster_event.asset_check_evaluation_data for e in evaluations if e.status.value == "FAILED"]
    assert [broken in (evaluation.description or "") for evaluation in failed] == [True]


def version_of(installation: Installation, key: str) -> str | None:
    """The hash of the version that is published."""
    rows = [row for row in installation.results() if row.stage == "publish" and row.status == "done"]
    photos = {row.photo_id: row.version for row in rows}
    with installation.workspace.catalog.read() as session:
        photo = session.query(Photo).filter_by(key=key).one()
    return photos.get(photo.id)
