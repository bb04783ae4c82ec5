"""The stamp in a published file tells how each stage really worked, by whichever way the photo went."""

from pathlib import Path

from imgflow.photos.encode import encode
from imgflow.photos.limits import Limits
from imgflow.photos.picture import Picture
from imgflow.photos.stamp import Stamp, StampedStage, read_stamp
from imgflow.pipeline.files import Job
from imgflow.pipeline.single import process_files
from imgflow.recipe import PublishConfig, Recipe
from imgflow_tests.photos.hard_files import scene
from imgflow_tests.pipeline.conftest import Shop, TestModels, photo_bytes

WITHOUT_CLEANING = Recipe().with_overrides("matte", {"clean": 0.0})


def published(shop: Shop) -> Stamp:
    stamp = read_stamp(shop.workspace.store.get("published/a/x.png"))
    assert stamp
    return stamp


def stages(stamp: Stamp) -> dict[str, StampedStage]:
    return {stage.stage: stage for stage in stamp.stages}


def test_both_ways_tell_the_same(shop: Shop, tmp_path: Path):
    shop.drop("a/x.jpg")
    (batch,) = shop.look()
    shop.run(batch, recipe=WITHOUT_CLEANING)
    (tmp_path / "x.jpg").write_bytes(photo_bytes())
    job = Job(tmp_path / "x.jpg", tmp_path / "x.png", WITHOUT_CLEANING)
    (processed,) = process_files([job], Limits(), TestModels(), 1e9)  # type: ignore[arg-type]
    assert processed.error is None
    stamp = read_stamp(job.target.read_bytes())
    assert stamp == published(shop)
    assert list(stages(published(shop))) == ["denoise", "shadow", "matte", "publish"]
    matte = stages(published(shop))["matte"]
    assert matte.parameters["clean"] == 0
    assert matte.models == {"u2netp": "weights of u2netp"}


def test_changes_made_in_the_launchpad_are_told(shop: Shop):
    shop.drop("a/x.jpg")
    (batch,) = shop.look()
    shop.take_in(batch)
    for stage in ("denoise", "shadow", "matte", "enhance", "publish"):
        shop.stage(batch, stage, recipe=WITHOUT_CLEANING if stage == "matte" else Recipe())
    assert stages(published(shop))["matte"].parameters["clean"] == 0


def test_what_was_made_anew_since_is_not_claimed(shop: Shop):
    shop.drop("a/x.jpg")
    (batch,) = shop.look()
    shop.run(batch)
    as_published = published(shop)
    shop.stage(batch, "shadow", recipe=Recipe().with_overrides("shadow", {"strength": 0.1}))
    shop.stage(batch, "publish", force=True)
    told = stages(published(shop))
    assert told["denoise"] == stages(as_published)["denoise"]
    assert told["shadow"].parameters["strength"] == 0.1
    assert told["matte"] == StampedStage("matte", ""), "it was made from another shadow stage's result"
    assert published(shop).recipe != as_published.recipe
    shop.stage(batch, "shadow")
    shop.stage(batch, "publish", force=True)
    assert published(shop) == as_published


def test_a_photo_of_ours_dropped_in_again_is_like_any_other(shop: Shop):
    photo = Picture(scene(96, 72))
    old = Stamp([StampedStage("matte", "1", {"clean": 0.5})], "0.0.1")
    shop.drop("a/x.jpg", encode(photo, PublishConfig(), None, old))
    (batch,) = shop.look()
    shop.run(batch)
    assert stages(published(shop))["matte"].parameters["clean"] == 0.02
    assert shop.photo("a/x.jpg").status == "done"
