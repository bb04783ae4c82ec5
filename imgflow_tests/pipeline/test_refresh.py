"""The nightly refresh: what is missing, failed or stale, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from imgflow.errors import ObjectDeniedError
from imgflow.pipeline.refresh import plan_refresh
from imgflow.store.base import ObjectInfo
from imgflow.store.local import LocalStore
from imgflow_tests.pipeline.conftest import Shop, make_shop, photo_bytes


def finish(shop: Shop, **options: Any) -> None:
    """Run every batch that is open."""
    for key in shop.look():
        if shop.batch(key).state == "open":
            shop.run(key, **options)


def test_nothing_is_planned_when_all_is_as_today(shop: Shop):
    shop.drop("bikes/a.jpg")
    shop.drop("page.jpg", b"<html>")
    finish(shop)
    refresh = plan_refresh(shop.workspace)
    assert (refresh.stale, refresh.batches, refresh.problems) == (0, 0, [])


def test_another_recipe_makes_results_stale_and_the_batch_brings_them_up_to_date(tmp_path: Path):
    shop = make_shop(tmp_path)
    for number in range(3):
        shop.drop(f"bikes/{number}.jpg", photo_bytes(number))
    shop.drop("shoes/a.jpg")
    finish(shop)
    recipe = tmp_path / "shop.yaml"
    recipe.write_text("publish: {format: webp}\n")
    shop = make_shop(tmp_path, recipe=recipe, batch_size=2)
    refresh = plan_refresh(shop.workspace)
    assert (refresh.stale, refresh.batches) == (4, 3)
    assert plan_refresh(shop.workspace).stale == 0  # they wait in open batches now
    finish(shop)
    assert [key.rpartition(".")[2] for key in shop.objects("published/")] == ["webp"] * 4
    assert plan_refresh(shop.workspace).stale == 0


def test_only_the_folder_whose_recipe_changed_is_stale(shop: Shop):
    shop.drop("bikes/a.jpg")
    shop.drop("shoes/a.jpg")
    shop.drop("shoes/kids/a.jpg")
    finish(shop)
    shop.drop("shoes/recipe.yaml", b"steps: [matte]\n")
    shop.drop("shoes/kids/recipe.yaml", b"{}\n")  # the default again
    assert plan_refresh(shop.workspace).stale == 1


def test_a_broken_recipe_stops_the_refresh_of_its_own_folder_only(shop: Shop):
    shop.drop("bikes/a.jpg")
    shop.drop("shoes/a.jpg")
    finish(shop)
    shop.drop("recipe.yaml", b"steps: [matte]\n")
    shop.drop("shoes/recipe.yaml", b"steps: [blur]\n")
    refresh = plan_refresh(shop.workspace)
    assert refresh.stale == 1
    assert "inbox/shoes/recipe.yaml:1: steps.0" in refresh.problems[0]


def test_failed_photos_are_tried_again_and_rejected_ones_only_when_something_changed(tmp_path: Path):
    shop = make_shop(tmp_path, max_pixels=5000)
    shop.drop("big.jpg")
    shop.drop("good.jpg", photo_bytes(5, size=(64, 48)))

    class Broken:
        device, fallback = "cpu", None

        def __call__(self, _rgb: Any) -> Any:
            raise ZeroDivisionError

    shop.workspace.models.wrap = lambda _: Broken()  # type: ignore[attr-defined]
    finish(shop)
    assert (shop.photo("big.jpg").error_code, shop.photo("good.jpg").error_code) == ("too_many_pixels", "internal")
    assert plan_refresh(shop.workspace).stale == 1  # good.jpg
    shop.workspace.models.wrap = lambda segmenter: segmenter  # type: ignore[attr-defined]
    finish(shop)
    assert shop.photo("good.jpg").status == "done"
    assert plan_refresh(shop.workspace).stale == 0
    # Larger photos are allowed now.
    shop = make_shop(tmp_path)
    assert plan_refresh(shop.workspace).stale == 1
    finish(shop)
    assert shop.photo("big.jpg").status == "done"
    assert shop.objects("rejected/") == []
    assert plan_refresh(shop.workspace).stale == 0


def test_a_read_only_prefix_is_taken_in_and_left_as_it_is(tmp_path: Path):
    source = tmp_path / "catalog"
    shop = make_shop(tmp_path, catalog_prefix=str(source))
    prefix: Any = shop.workspace.prefix
    for number in range(3):
        prefix.put(f"lamps/{number}.jpg", photo_bytes(number))
    prefix.put("lamps/notes.txt.part", b"x")
    refresh = plan_refresh(shop.workspace)
    assert (refresh.listed, refresh.arrived, refresh.batches) == (3, 3, 1)
    assert plan_refresh(shop.workspace).arrived == 0
    finish(shop)
    assert len(shop.objects("published/lamps/")) == 3
    assert len(list(prefix.list("lamps/"))) == 4
    prefix.put("lamps/1.jpg", photo_bytes(9))
    refresh = plan_refresh(shop.workspace)
    assert (refresh.listed, refresh.arrived, refresh.stale) == (3, 1, 0)
    finish(shop)
    assert plan_refresh(shop.workspace).arrived == 0


def test_what_may_not_be_read_in_the_prefix_keeps_nobody_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    shop = make_shop(tmp_path, catalog_prefix=str(tmp_path / "catalog"))
    prefix: Any = shop.workspace.prefix
    for number in range(3):
        prefix.put(f"lamps/{number}.jpg", photo_bytes(number))
    stamp = LocalStore.content_stamp

    def refuse(store: LocalStore, info: ObjectInfo) -> str:
        if info.key == "lamps/1.jpg":
            raise ObjectDeniedError("lamps/1.jpg: permission is denied")
        return stamp(store, info)

    monkeypatch.setattr(LocalStore, "content_stamp", refuse)
    assert plan_refresh(shop.workspace).arrived == 2
    assert "lamps/1.jpg: permission is denied" in caplog.text


def test_the_same_key_in_inbox_and_prefix_is_two_photos(tmp_path: Path):
    shop = make_shop(tmp_path, catalog_prefix=str(tmp_path / "catalog"))
    prefix: Any = shop.workspace.prefix
    prefix.put("a.jpg", photo_bytes(1))
    shop.drop("a.jpg", photo_bytes(2))
    plan_refresh(shop.workspace)
    finish(shop)
    assert shop.objects("published/") == ["published/a.jpg.png", "published/a.png"]


@pytest.mark.parametrize("folder", ["a_b", "a%b"])
def test_folder_names_with_wildcards_match_only_themselves(shop: Shop, folder: str):
    shop.drop(f"{folder}/x.jpg")
    shop.drop("aXb/sub/x.jpg")
    finish(shop)
    shop.drop(f"{folder}/recipe.yaml", b"steps: [matte]\n")
    assert plan_refresh(shop.workspace).stale == 1
