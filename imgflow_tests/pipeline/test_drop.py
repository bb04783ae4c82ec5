"""Looking into the inbox."""

import itertools
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imgflow.catalog.arrivals import waiting
from imgflow.defs.sensors import _told as told
from imgflow.errors import ObjectDeniedError
from imgflow.pipeline import originals
from imgflow.pipeline.drop import LONGEST_LOOK, Look, look_into_inbox
from imgflow.store.base import ObjectInfo
from imgflow.store.local import LocalStore
from imgflow_tests.pipeline.conftest import Shop, make_shop, photo_bytes


def test_new_photos_are_registered_once(shop: Shop):
    shop.drop("bikes/a.jpg")
    shop.drop("b.jpg")
    first, second = look_into_inbox(shop.workspace), look_into_inbox(shop.workspace)
    assert (first.photos, first.batches) == (2, 2)
    assert (second.photos, second.batches, second.waiting) == (0, 0, 2)


def test_hidden_partial_and_recipe_files_are_ignored(shop: Shop):
    for name in (".a.jpg", "a.jpg.part", "b.crdownload", "x/.hidden/c.jpg", "Thumbs.db", "recipe.yaml"):
        shop.drop(name)
    assert look_into_inbox(shop.workspace).photos == 0


def test_a_replaced_photo_is_seen_by_its_content_even_when_size_and_time_are_the_same(shop: Shop):
    shop.drop("a.jpg", b"content one")
    shop.look()
    path = Path(shop.workspace.settings.store_location) / "inbox/a.jpg"
    times = path.stat()
    shop.drop("a.jpg", b"content two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert look_into_inbox(shop.workspace).photos == 1


def test_a_touched_photo_is_not_a_new_one(shop: Shop):
    shop.drop("a.jpg")
    shop.look()
    os.utime(Path(shop.workspace.settings.store_location) / "inbox/a.jpg", (1, 1))
    assert look_into_inbox(shop.workspace).photos == 0


def test_a_file_that_is_still_being_written_waits_until_it_is_whole(tmp_path: Path):
    shop = make_shop(tmp_path, settle_seconds=0.4)
    data = photo_bytes(size=(800, 600))
    path = Path(shop.workspace.settings.store_location) / "inbox/a.jpg"
    path.parent.mkdir(parents=True)
    stop = threading.Event()

    def write_slowly() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(data), 500):
                file.write(data[start : start + 500])
                stop.wait(0.05)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    seen_growing = False
    deadline = time.monotonic() + 30
    while True:
        growing = writer.is_alive()
        look = look_into_inbox(shop.workspace)
        if look.photos:
            break
        seen_growing |= look.growing == 1
        assert time.monotonic() < deadline
    writer.join()
    assert seen_growing
    assert not growing
    with shop.workspace.catalog.read() as session:
        stamp = waiting(session, "inbox", ["a.jpg"])["a.jpg"].stamp
    info = shop.workspace.store.stat("inbox/a.jpg")
    assert info is not None
    assert stamp == shop.workspace.store.content_stamp(info)


def test_a_file_that_may_not_be_read_stays_and_keeps_nobody_from_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        shop.drop(name)
    stamp = LocalStore.content_stamp

    def refuse(store: LocalStore, info: ObjectInfo) -> str:
        if info.key == "inbox/b.jpg":
            raise ObjectDeniedError("permission is denied")
        return stamp(store, info)

    with monkeypatch.context() as denied:
        denied.setattr(LocalStore, "content_stamp", refuse)
        look = look_into_inbox(shop.workspace)
        assert (look.photos, look.denied) == (2, ["b.jpg"])
        again = look_into_inbox(shop.workspace)
        assert "(1 that may not be read, such as b.jpg, 2 waiting for their run)" in told(again)
    assert look_into_inbox(shop.workspace).photos == 1


def test_a_look_takes_no_more_than_it_may_and_goes_on_at_the_next(tmp_path: Path):
    shop = make_shop(tmp_path, drop_photos_per_tick=2)
    for number in range(5):
        shop.drop(f"{number}.jpg")
    looks = [look_into_inbox(shop.workspace) for _ in range(4)]
    assert [look.photos for look in looks] == [2, 2, 1, 0]
    assert [look.more for look in looks] == [True, True, False, False]


def test_a_look_that_takes_too_long_ends_early_and_the_next_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    for number in range(3):
        shop.drop(f"{number}.jpg")
    moments = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(moments) * LONGEST_LOOK / 2)
    with monkeypatch.context() as slow:
        slow.setattr("imgflow.pipeline.drop.time", clock)
        first = look_into_inbox(shop.workspace)
    second = look_into_inbox(shop.workspace)
    assert (first.photos, first.more) == (2, True)
    assert (second.photos, second.waiting, second.more) == (1, 2, False)


def test_a_look_asks_the_catalog_piece_by_piece(tmp_path: Path):
    shop = make_shop(tmp_path, batch_size=500)
    inbox = Path(shop.workspace.settings.store_location) / "inbox"
    inbox.mkdir(parents=True)
    keys = [f"{number:04d}.jpg" for number in range(1200)]
    for key in keys:
        (inbox / key).write_text(key)
    assert look_into_inbox(shop.workspace).photos == 1200
    shop.drop(keys[700], b"another content")
    look = look_into_inbox(shop.workspace)
    assert (look.photos, look.batches, look.waiting) == (1, 1, 1200)


def test_a_photo_that_a_run_is_just_taking_away_is_not_a_new_one(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    looks: list[Look] = []
    delete = LocalStore.delete

    def look_first(store: LocalStore, key: str, only_if: ObjectInfo | None = None) -> None:
        looks.append(look_into_inbox(shop.workspace))
        delete(store, key, only_if)

    monkeypatch.setattr(LocalStore, "delete", look_first)
    shop.take_in(batch)
    assert [(look.photos, look.growing) for look in looks] == [(0, 0)]
    assert shop.objects("inbox") == []
    shop.drop("a.jpg", photo_bytes(seed=1))
    assert look_into_inbox(shop.workspace).photos == 1


def test_a_photo_that_a_dead_run_has_left_behind_is_taken_away_in_the_end(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")
    (batch,) = shop.look()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(LocalStore, "delete", die)
        shop.take_in(batch)
    assert look_into_inbox(shop.workspace).photos == 0
    shop.run(batch)
    assert shop.objects("inbox") == ["inbox/a.jpg"]
    *_, second = shop.look()
    assert second != batch
    shop.run(second)
    assert shop.objects("inbox") == []


def test_a_look_that_dies_before_its_commit_leaves_nothing_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("imgflow.catalog.arrivals.RunRequest", die)
        look_into_inbox(shop.workspace)
    assert look_into_inbox(shop.workspace).photos == 1


def test_a_slower_run_of_the_same_batch_does_not_take_a_photo_out_of_it(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    read = originals.members_of

    def another_run_is_faster(session: Any, batch_id: int) -> Any:
        members = read(session, batch_id)
        monkeypatch.setattr(originals, "members_of", read)
        shop.take_in(batch)
        return members

    monkeypatch.setattr(originals, "members_of", another_run_is_faster)
    shop.take_in(batch)
    assert shop.run(batch)["publish"].counts == {"done": 1}
