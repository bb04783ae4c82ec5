"""A prefix of an S3 bucket as a store."""

import base64
import contextlib
import hashlib
import logging
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from imgflow.errors import ObjectNotFoundError, SettingsError
from imgflow.store.base import ObjectInfo, Store
from imgflow.store.keys import check_folder, check_key, objection, shown
from imgflow.store.s3_failures import code_of, s3_error

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

MISSING = ("NoSuchKey", "404", "NotFound")
CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
NO_CONDITIONS = ("NotImplemented", "501")


class S3Location(NamedTuple):
    """Where a store is: bucket, and prefix without slashes at its ends (may be empty)."""

    bucket: str
    prefix: str


def split_s3_location(location: str) -> S3Location:
    """Takes `s3://bucket/some/prefix` apart.

    Raises:
        SettingsError: it is something else, or has no bucket.
        BadKeyError: no object can have such a prefix.
    """
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not bucket:
        raise SettingsError(f"{location!r} is no address of a bucket: it is written s3://bucket/prefix.")
    return S3Location(bucket, check_folder(prefix.strip("/")))


class _Address(TypedDict):
    Bucket: str
    Key: str


class S3Store(Store):
    """Objects of one bucket below a prefix.

    Args:
        client: a ready boto3 S3 client: it brings address, region, credentials, time limits and retries.
        bucket: must exist.
        prefix: folder that holds everything of this store; empty: the whole bucket.
        encryption: server-side encryption asked for each object ("AES256"); empty: the bucket's own default.
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", encryption: str = "") -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = f"{check_folder(prefix)}/" if prefix else ""
        self.encryption = encryption
        self._bucket_seen = False
        self._warned: set[str] = set()

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Sends the bytes with their SHA-256, which the server verifies. See `Store.put`."""
        options: dict[str, Any] = {"ServerSideEncryption": self.encryption} if self.encryption else {}
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        content_type = content_type or "application/octet-stream"
        with self._doing("write", key):
            self.client.put_object(
                **self._at(key), Body=data, ContentType=content_type, ChecksumSHA256=checksum, **options
            )

    def get(self, key: str) -> bytes:
        """See `Store.get`."""
        with self._doing("read", key):
            return self.client.get_object(**self._at(key))["Body"].read()

    def stat(self, key: str) -> ObjectInfo | None:
        """See `Store.stat`."""
        try:
            with self._doing("look for", key):
                head = self.client.head_object(**self._at(key))
        except ObjectNotFoundError:
            self._require_bucket()
            return None
        return ObjectInfo(key, head["ContentLength"], _stamp(head["ETag"], head["ContentLength"]), head["LastModified"])

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """One request for every 1,000 objects. See `Store.list`."""
        folder = check_folder(prefix)
        below = self.prefix + (f"{folder}/" if folder else "")
        with self._doing("list", folder):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below):
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self.prefix)  # type: ignore[reportTypedDictNotRequiredAccess]
                    if key.endswith("/"):
                        continue  # an empty object that stands for a folder in S3 consoles
                    if why := objection(self.prefix + key):
                        self._warn(key, why)
                        continue
                    size, etag = found["Size"], found["ETag"]  # type: ignore[reportTypedDictNotRequiredAccess]
                    yield ObjectInfo(key, size, _stamp(etag, size), found["LastModified"])  # type: ignore[reportTypedDictNotRequiredAccess]

    def delete(self, key: str, only_if: ObjectInfo | None = None) -> bool:
        """See `Store.delete`.

        With `only_if` the condition goes with the request (If-Match), so that nothing can come between. Servers that
        do not know conditional deletes leave a gap of one round trip.
        """
        found = self.stat(key)
        if found is None or (only_if is not None and found.stamp != only_if.stamp):
            return False
        with self._doing("delete", key):
            if only_if is None:
                self.client.delete_object(**self._at(key))
                return True
            try:
                self.client.delete_object(**self._at(key), IfMatch=_etag(only_if))
            except ClientError as error:
                if code_of(error) in CHANGED + MISSING:
                    return False
                if code_of(error) not in NO_CONDITIONS:
                    raise
                self.client.delete_object(**self._at(key))
            return True

    def content_stamp(self, info: ObjectInfo) -> str:
        """The ETag, which is derived from the content (and, for large uploads, from how they were cut into parts)."""
        return f"etag:{_etag(info)}"

    def is_settled(self, info: ObjectInfo, seconds: float) -> bool:
        """True: an object appears when it is whole."""
        return True

    def url(self, key: str, seconds: int) -> str:
        """A presigned link to read the object, good for `seconds` (S3 allows up to seven days)."""
        with self._doing("make a link to", key):
            return self.client.generate_presigned_url("get_object", Params={**self._at(key)}, ExpiresIn=seconds)

    def check(self) -> None:
        """See `Store.check`."""
        with self._doing("open", ""):
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)

    def describe(self) -> str:
        """`s3://bucket/prefix at https://host`."""
        address = urlsplit(self.client.meta.endpoint_url)
        host = address.netloc.rpartition("@")[2]
        return f"s3://{self.bucket}/{self.prefix.rstrip('/')} at {address.scheme}://{host}"

    def _at(self, key: str) -> _Address:
        check_key(self.prefix + check_key(key))
        return {"Bucket": self.bucket, "Key": self.prefix + key}

    @contextlib.contextmanager
    def _doing(self, action: str, key: str) -> Generator[None, None, None]:
        """Turns errors of one request into `ObjectNotFoundError`, `StoreUnavailableError` or `BadKeyError`."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if code_of(error) in MISSING:
                raise ObjectNotFoundError(f"There is no object {shown(key)} in {self.describe()}.") from error
            raise s3_error(error, self.describe(), action, key) from error

    def _require_bucket(self) -> None:
        """Tells a missing object from a missing bucket: the answer to a HEAD request is the same for both."""
        if not self._bucket_seen:
            self.check()
            self._bucket_seen = True

    def _warn(self, key: str, why: str) -> None:
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            log.warning("%s is left out of %s: %s", shown(key), self.describe(), why)


def _stamp(etag: str, size: int) -> str:
    return f"{etag.strip(chr(34))}-{size}"


def _etag(info: ObjectInfo) -> str:
    return info.stamp.rpartition("-")[0]
