"""What dies or goes away in the middle of a batch."""

import os
from typing import Any

import pytest

from imgflow.errors import StoreUnavailableError
from imgflow.photos.decode import decode
from imgflow_tests.pipeline.conftest import Shop, photo_bytes
from imgflow_tests.pipeline.reports import statuses


def test_a_crash_after_emptying_the_inbox_loses_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    store = shop.workspace.store
    delete = store.delete

    def die(key: str, only_if: Any = None) -> bool:
        delete(key, only_if)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "delete", die)
    with pytest.raises(KeyboardInterrupt):
        shop.take_in(batch)
    monkeypatch.undo()
    assert statuses(shop.run(batch)["publish"]) == {"a.jpg": "done"}


def test_a_process_that_dies_twice_on_a_photo_marks_it_crashed_and_goes_on(shop: Shop):
    for name in ("a.jpg", "b.jpg"):
        shop.drop(name, photo_bytes(1 if name == "a.jpg" else 39))
    (batch,) = shop.look()
    shop.take_in(batch)
    shop.stage(batch, "denoise")
    shop.stage(batch, "shadow")

    def deadly(segmenter: Any) -> Any:
        def call(rgb: Any) -> Any:
            if rgb[36, 48, 0] < 60:  # photo a
                os._exit(9)
            return segmenter(rgb)

        return call

    shop.workspace.models.wrap = deadly  # type: ignore[attr-defined]
    for _ in range(2):
        child = os.fork()
        if not child:
            shop.stage(batch, "matte")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    report = shop.stage(batch, "matte")
    assert {outcome.key: outcome.code for outcome in report.outcomes} == {"a.jpg": "crashed", "b.jpg": None}
    # The same batch's next restart leaves it alone; a person who runs the closed batch again tries it anew.
    assert {o.key: o.status for o in shop.stage(batch, "matte").outcomes} == {"a.jpg": "failed", "b.jpg": "unchanged"}
    shop.stage(batch, "enhance")
    shop.stage(batch, "publish")
    assert shop.batch(batch).state == "done"
    shop.workspace.models.wrap = lambda segmenter: segmenter  # type: ignore[attr-defined]
    assert {report.counts.get("failed", 0) for report in shop.run(batch).values()} == {0}
    assert shop.photo("a.jpg").status == "done"


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, StoreUnavailableError("gone")])
def test_cancelling_a_run_or_trouble_elsewhere_is_not_held_against_the_photo(shop: Shop, trouble: Any):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.take_in(batch)
    shop.stage(batch, "denoise")
    shop.stage(batch, "shadow")

    def troubled(_segmenter: Any) -> Any:
        raise trouble

    shop.workspace.models.wrap = troubled  # type: ignore[attr-defined]
    for _ in range(4):
        with pytest.raises((KeyboardInterrupt, StoreUnavailableError)):
            shop.stage(batch, "matte")
    shop.workspace.models.wrap = lambda segmenter: segmenter  # type: ignore[attr-defined]
    assert statuses(shop.stage(batch, "matte")) == {"a.jpg": "done"}


def test_our_own_mistake_on_one_photo_is_recorded_and_the_others_go_on(shop: Shop):
    for number, name in enumerate(("a.jpg", "b.jpg")):
        shop.drop(name, photo_bytes(1 + number))
    (batch,) = shop.look()
    for_a: list[int] = []

    def broken(segmenter: Any) -> Any:
        def call(rgb: Any) -> Any:
            for_a.append(1)
            if len(for_a) == 1:
                raise ZeroDivisionError("by mistake")
            return segmenter(rgb)

        return call

    shop.workspace.models.wrap = broken  # type: ignore[attr-defined]
    reports = shop.run(batch)
    assert {outcome.key: outcome.code for outcome in reports["shadow"].outcomes} == {"a.jpg": "internal", "b.jpg": None}
    assert "ZeroDivisionError: by mistake" in (reports["shadow"].failures[0].message or "")


def test_a_store_that_goes_away_is_no_photos_fault(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.take_in(batch)

    def away(*_: Any) -> None:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as broken, pytest.raises(StoreUnavailableError):
        broken.setattr(shop.workspace.store, "put", away)
        shop.stage(batch, "denoise")
    assert shop.photo("a.jpg").status == "waiting"
    assert statuses(shop.stage(batch, "denoise")) == {"a.jpg": "done"}


def test_a_vanished_input_is_told(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.take_in(batch)
    shop.stage(batch, "denoise")
    for key in shop.objects("denoised/"):
        shop.workspace.store.delete(key)
    assert [outcome.code for outcome in shop.stage(batch, "shadow").outcomes] == ["missing_input"]


def test_an_original_taken_away_by_hand_is_named_and_heals(shop: Shop):
    data = photo_bytes(3)
    shop.drop("a.jpg", data)
    (batch,) = shop.look()
    shop.take_in(batch)
    (original,) = shop.objects("originals/")
    shop.workspace.store.delete(original)
    reports = shop.run(batch)
    assert [outcome.code for outcome in reports["original"].outcomes] == ["missing_input"]
    assert statuses(reports["publish"]) == {"a.jpg": "skipped"}
    photo = shop.photo("a.jpg")
    assert (photo.status, photo.error_stage, photo.error_code) == ("failed", "original", "missing_input")
    shop.workspace.store.put(original, data)
    assert statuses(shop.run(batch)["publish"]) == {"a.jpg": "done"}
    assert shop.photo("a.jpg").error_code is None


def test_a_file_on_which_the_decoder_dies_twice_is_crashed_and_the_others_are_taken_in(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    deadly = photo_bytes(1)
    shop.drop("a.jpg", photo_bytes(2))
    shop.drop("b.jpg", deadly)
    shop.drop("c.jpg", photo_bytes(3))
    (batch,) = shop.look()

    def decode_or_die(data: bytes, limits: Any) -> Any:
        if data == deadly:
            os._exit(9)
        return decode(data, limits)

    monkeypatch.setattr("imgflow.pipeline.originals.decode", decode_or_die)
    for _ in range(2):
        child = os.fork()
        if not child:
            shop.take_in(batch)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    report = shop.take_in(batch)
    assert {o.key: o.code for o in report.outcomes} == {"a.jpg": None, "b.jpg": "crashed", "c.jpg": None}
    assert shop.photo("b.jpg").status == "failed"
    assert shop.objects("inbox/") == []
    # Nothing is lost: the file is archived, and can be tried anew with another version of imgflow.
    assert shop.workspace.store.get(shop.photo("b.jpg").original_key or "") == deadly
    monkeypatch.undo()
    assert statuses(shop.run(batch)["publish"]) == {"a.jpg": "done", "b.jpg": "done", "c.jpg": "done"}
