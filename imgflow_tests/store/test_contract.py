"""What every store does, in a folder and on a real S3 server."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from imgflow.errors import BadKeyError, ObjectNotFoundError
from imgflow.store.base import Store
from imgflow.store.local import LocalStore
from imgflow.store.s3 import S3Store

GOOD_KEYS = [
    "a",
    "inbox/bicycles/trek-820/front.jpg",
    "with spaces/and (brackets) & more.jpg",
    " leading and trailing ",
    "Fahrräder/vélo.jpg",
    "自転車/写真.jpg",
    "emoji 🚲.png",
    "%41+?#='\"<>;:@$,!*~^`|{}[].jpg",
    "..dots/...jpg",
    "-rf",
    ".hidden/.file",
    "n" * 255,
    "/".join(["d" * 200] * 5)[:990],
]

BAD_KEYS = [
    ("", "empty"),
    ("/etc/passwd", "begins with a slash"),
    ("a/", "ends with a slash"),
    ("a//b", "empty folder name"),
    ("../up", "`..`"),
    ("a/../../up", "`..`"),
    ("a/..", "`..`"),
    ("./a", "`.`"),
    ("a/./b", "`.`"),
    ("a\\b", "backslash"),
    ("..\\up", "backslash"),
    ("nul\0", "control"),
    ("line\nbreak", "control"),
    ("del\x7f", "control"),
    ("latin-1 \udce4", "UTF-8"),
    ("n" * 256, "255 bytes"),
    ("ä" * 128, "255 bytes"),
    ("/".join(["d" * 200] * 6), "1024 bytes"),
    (".imgflow-put-1", ".imgflow-"),
    ("a/.imgflow-held-1/b", ".imgflow-"),
]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return LocalStore(tmp_path / "store")
    s3 = request.getfixturevalue("s3")
    return S3Store(s3.client, s3.bucket, "shop/one")


def test_what_is_put_can_be_got(store: Store) -> None:
    data = bytes(range(256)) * 1000
    store.put("a/b.bin", data, "image/png")
    assert store.get("a/b.bin") == data
    found = store.stat("a/b.bin")
    assert found is not None
    assert (found.key, found.size) == ("a/b.bin", len(data))
    assert found.modified.tzinfo is not None
    assert abs(found.modified - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert store.exists("a/b.bin")


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert [found.size for found in store.list()] == [0]


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_a_good_key_is_kept_as_given(store: Store, key: str) -> None:
    store.put(key, key.encode())
    assert store.get(key) == key.encode()
    assert [found.key for found in store.list()] == [key]
    assert store.delete(key)
    assert not store.exists(key)


@pytest.mark.parametrize(("key", "why"), BAD_KEYS)
def test_a_bad_key_is_refused_with_its_reason(store: Store, key: str, why: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put(key, b"x"),
        lambda: store.get(key),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.url(key, 60),
    ]
    for call in calls:
        with pytest.raises(BadKeyError, match=why):
            call()


def test_two_spellings_of_one_letter_are_two_keys(store: Store) -> None:
    composed, decomposed = "\u00e4.jpg", "a\u0308.jpg"
    store.put(composed, b"composed")
    store.put(decomposed, b"decomposed")
    if store.get(composed) != b"composed":
        pytest.skip("this file system knows only one spelling")
    assert store.get(decomposed) == b"decomposed"
    assert {found.key for found in store.list()} == {composed, decomposed}


def test_missing_objects(store: Store) -> None:
    store.put("here", b"x")
    assert store.stat("gone") is None
    assert not store.exists("gone/deeper")
    assert not store.delete("gone")
    with pytest.raises(ObjectNotFoundError, match="'gone'"):
        store.get("gone")


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert list(store.list()) == []
    assert list(store.list("inbox")) == []


def test_list_is_recursive_sorted_and_keeps_to_its_folder(store: Store) -> None:
    keys = ["inbox/a/1.jpg", "inbox/a/2.jpg", "inbox/b.jpg", "inbox/c/d/e/f.jpg", "inbox2/x.jpg", "zoo"]
    for key in reversed(keys):
        store.put(key, key.encode())
    assert [found.key for found in store.list()] == keys
    assert [found.key for found in store.list("inbox")] == keys[:4]
    assert [found.key for found in store.list("inbox/")] == keys[:4]
    assert [found.key for found in store.list("inbox/c/d")] == keys[3:4]
    assert list(store.list("inbox/b.jpg")) == []


def test_list_and_stat_agree(store: Store) -> None:
    store.put("a/b", b"12345")
    assert list(store.list()) == [store.stat("a/b")]


def test_the_stamp_changes_with_the_object(store: Store) -> None:
    store.put("a", b"one")
    one = store.stat("a")
    assert one == store.stat("a")
    store.put("a", b"two")
    two = store.stat("a")
    assert one and two and one.stamp != two.stamp


def test_the_content_stamp_follows_the_content_alone(store: Store) -> None:
    store.put("a", b"same")
    store.put("b/c", b"same")
    store.put("d", b"other")
    stamps = [store.content_stamp(info) for info in store.list()]
    assert stamps[0] == stamps[1] != stamps[2]


def test_delete_only_if_unchanged(store: Store) -> None:
    store.put("a", b"first")
    seen = store.stat("a")
    store.put("a", b"second")
    assert not store.delete("a", only_if=seen)
    assert store.get("a") == b"second"
    assert store.delete("a", only_if=store.stat("a"))
    assert not store.delete("a", only_if=seen)
    assert list(store.list()) == []


def test_twenty_writers_of_one_key_leave_one_whole_object(store: Store) -> None:
    candidates = [bytes([n]) * 200_000 for n in range(20)]
    start, seen = threading.Barrier(21), set[bytes]()
    store.put("a/contested", candidates[0])

    def write(data: bytes) -> None:
        start.wait()
        store.put("a/contested", data)

    writers = [threading.Thread(target=write, args=(data,)) for data in candidates]
    for writer in writers:
        writer.start()
    start.wait()
    while any(writer.is_alive() for writer in writers):
        seen.add(store.get("a/contested"))
    for writer in writers:
        writer.join()
    seen.add(store.get("a/contested"))
    assert seen <= set(candidates)
    assert [found.size for found in store.list()] == [200_000]


def test_a_delete_among_writers_never_takes_a_newer_object(store: Store) -> None:
    """Each round: a reader sees an object, a writer may replace it, the reader deletes what it saw."""
    for round_number in range(15):
        store.put("inbox/a", b"old %d" % round_number)
        seen = store.stat("inbox/a")
        start = threading.Barrier(2)

        def replace(number: int = round_number, start: threading.Barrier = start) -> None:
            start.wait()
            store.put("inbox/a", b"new %d" % number)

        writer = threading.Thread(target=replace)
        writer.start()
        start.wait()
        store.delete("inbox/a", only_if=seen)
        writer.join()
        assert store.get("inbox/a") == b"new %d" % round_number


def test_describe_and_check(store: Store) -> None:
    store.put("a", b"x")
    store.check()
    assert ("folder /" in store.describe()) or ("s3://" in store.describe())
