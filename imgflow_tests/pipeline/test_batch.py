"""The life of a batch: taken in, worked on, recorded, repeated."""

import hashlib
import io
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from PIL import Image

from imgflow.errors import UsageError
from imgflow.photos.encode import encode_png
from imgflow.photos.intermediate import read_intermediate
from imgflow.photos.picture import Picture
from imgflow.pipeline.links import published_link
from imgflow.pipeline.run_stage import run_stage
from imgflow.recipe import Recipe
from imgflow_tests.pipeline.conftest import Shop, photo_bytes
from imgflow_tests.pipeline.reports import results, statuses
from imgflow_tests.stages.scenes import box, scene


def test_a_dropped_photo_comes_out_cut_out_and_leaves_the_inbox(shop: Shop):
    data = photo_bytes()
    shop.drop("bikes/front.jpg", data)
    (batch,) = shop.look()
    reports = shop.run(batch)
    assert {stage: statuses(report)["bikes/front.jpg"] for stage, report in reports.items()} == {
        "original": "done",
        "denoise": "done",
        "shadow": "done",
        "matte": "done",
        "enhance": "off",
        "publish": "done",
    }
    assert shop.objects("inbox/") == []
    (original,) = shop.objects("originals/")
    assert shop.workspace.store.get(original) == data
    cutout = Image.open(io.BytesIO(shop.workspace.store.get("published/bikes/front.png")))
    assert (cutout.mode, cutout.size) == ("RGBA", (96, 72))
    alpha = np.asarray(cutout)[..., 3]
    assert alpha[36, 48] == 255
    assert alpha[2, 2] == 0
    photo = shop.photo("bikes/front.jpg")
    assert (photo.status, photo.width, photo.height, photo.format) == ("done", 96, 72, "jpeg")
    assert photo.version == hashlib.sha256(data).hexdigest()
    assert shop.batch(batch).state == "done"


def test_a_second_run_does_nothing_unless_forced(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.run(batch)
    before = {key: shop.workspace.store.stat(key) for key in shop.objects()}
    again = shop.run(batch)
    assert {statuses(report)["a.jpg"] for report in again.values()} == {"unchanged", "off"}
    assert {key: shop.workspace.store.stat(key) for key in shop.objects()} == before
    assert statuses(shop.stage(batch, "matte", force=True)) == {"a.jpg": "done"}


def test_only_what_is_missing_is_made_again(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.run(batch)
    (matted,) = shop.objects("matted/")
    shop.workspace.store.delete(matted)
    again = {stage: statuses(report)["a.jpg"] for stage, report in shop.run(batch).items()}
    assert again == {
        "original": "unchanged",
        "denoise": "unchanged",
        "shadow": "unchanged",
        "matte": "done",
        "enhance": "off",
        "publish": "unchanged",
    }
    assert shop.objects("matted/") == [matted]


def test_changed_parameters_make_the_later_stages_stale_and_old_objects_go(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.run(batch)
    before = shop.objects("matted/")
    recipe = Recipe().with_overrides("matte", {"refine": "none"})
    assert statuses(shop.stage(batch, "denoise", recipe=recipe)) == {"a.jpg": "unchanged"}
    assert statuses(shop.stage(batch, "matte", recipe=recipe)) == {"a.jpg": "done"}
    after = shop.objects("matted/")
    assert len(after) == 1
    assert after != before
    assert statuses(shop.stage(batch, "enhance", recipe=recipe)) == {"a.jpg": "off"}
    assert statuses(shop.stage(batch, "publish", recipe=recipe)) == {"a.jpg": "done"}


def test_another_format_takes_the_place_of_the_former_published_file(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    shop.run(batch)
    recipe = Recipe().with_overrides("publish", {"format": "webp"})
    shop.stage(batch, "publish", recipe=recipe)
    assert shop.objects("published/") == ["published/a.webp"]


def test_only_the_named_photos_are_worked_on(shop: Shop):
    for name in ("a.jpg", "b.jpg"):
        shop.drop(name)
    (batch,) = shop.look()
    shop.take_in(batch)
    assert statuses(shop.stage(batch, "denoise", only=frozenset({"b.jpg"}))) == {"a.jpg": "skipped", "b.jpg": "done"}


def test_one_bad_photo_never_stops_the_others(shop: Shop):
    shop.drop("good.jpg")
    shop.drop("cut.jpg", photo_bytes(size=(640, 480))[:4000])
    shop.drop("page.png", b"<html>404</html>")
    shop.drop("empty.jpg", b"")
    (batch,) = shop.look()
    reports = shop.run(batch)
    codes = {outcome.key: outcome.code for outcome in reports["original"].outcomes}
    assert codes == {"cut.jpg": "truncated", "empty.jpg": "empty_file", "good.jpg": None, "page.png": "not_an_image"}
    assert statuses(reports["publish"])["good.jpg"] == "done"
    assert {outcome.key for outcome in reports["publish"].failures} == {"cut.jpg", "empty.jpg", "page.png"}
    assert shop.batch(batch).state == "done"


def test_a_refused_photo_is_kept_with_its_reason_beside_it(shop: Shop):
    shop.drop("shoes/page.png", b"<html>404</html>")
    (batch,) = shop.look()
    shop.run(batch)
    kept, reason = shop.objects("rejected/")
    assert shop.workspace.store.get(kept) == b"<html>404</html>"
    assert b"not_an_image" in shop.workspace.store.get(reason)
    assert shop.objects("inbox/") == []
    assert shop.photo("shoes/page.png").status == "rejected"


def test_a_photo_without_a_product_is_refused_by_the_matte_and_kept(shop: Shop):
    light = np.full((64, 64, 3), 230, np.uint8)
    light[::2] = 238
    buffer = io.BytesIO()
    Image.fromarray(light).save(buffer, "PNG")
    shop.drop("nothing.png", buffer.getvalue())
    (batch,) = shop.look()
    reports = shop.run(batch)
    assert [outcome.code for outcome in reports["matte"].outcomes] == ["no_foreground"]
    assert statuses(reports["publish"]) == {"nothing.png": "skipped"}
    assert len(shop.objects("rejected/")) == 2
    assert shop.batch(batch).state == "done"


def test_a_recipe_beside_the_photos_is_theirs(shop: Shop):
    shop.drop("shoes/recipe.yaml", b"steps: [matte]\npublish: {format: webp}\n")
    shop.drop("shoes/winter/boot.jpg")
    shop.drop("bikes/a.jpg")
    batches = shop.look()
    for batch in batches:
        shop.run(batch)
    assert shop.objects("published/") == ["published/bikes/a.png", "published/shoes/winter/boot.webp"]
    assert shop.objects("inbox/") == ["inbox/shoes/recipe.yaml"]
    assert results(shop, "shoes/winter/boot.jpg")["denoise"].status == "off"


def test_two_formats_of_one_stem_do_not_overwrite_each_other(shop: Shop):
    shop.drop("same.jpg")
    shop.drop("same.png", photo_bytes(3, "PNG"))
    for batch in shop.look():
        shop.run(batch)
    assert shop.objects("published/") == ["published/same.png", "published/same.png.png"]


def test_all_stages_off_still_gives_rgba(shop: Shop):
    shop.drop("recipe.yaml", b"steps: []\n")
    shop.drop("a.jpg")
    shop.run(shop.look()[0])
    cutout = Image.open(io.BytesIO(shop.workspace.store.get("published/a.png")))
    assert cutout.mode == "RGBA"
    assert cutout.getextrema()[3] == (255, 255)


def test_very_long_and_strange_names_come_out(shop: Shop, tmp_path: Path):
    names = ["mit Leerzeichen und Ümläut/日本 語.jpg", "x" * 200 + ".jpg", "a.b.c.jpg", "no extension", "100%#?&+.jpg"]
    for number, name in enumerate(names):
        shop.drop(name, photo_bytes(number))
    for batch in shop.look():
        shop.run(batch)
    assert len(shop.objects("published/")) == len(names)
    assert shop.objects("inbox/") == []


def test_a_link_leads_to_the_published_file(shop: Shop):
    shop.drop("a.jpg")
    (batch,) = shop.look()
    with pytest.raises(UsageError, match="no result; it is waiting"):
        published_link(shop.workspace, "a.jpg")
    shop.run(batch)
    path = Path(url2pathname(urlsplit(published_link(shop.workspace, "a.jpg")).path))
    assert path.read_bytes() == shop.workspace.store.get("published/a.png")
    with pytest.raises(UsageError, match="no such photo"):
        published_link(shop.workspace, "b.jpg")


def test_the_matte_gets_the_photo_with_its_shadow_too(shop: Shop):
    drawn = scene(box(240, 320), product=(30, 40, 60), ground=(250, 250, 250), shadow=0.15)
    shop.drop("a.png", encode_png(Picture(drawn.rgb)))
    (batch,) = shop.look()
    shop.run(batch)
    picture = Picture(drawn.rgb)
    for stage in ("denoise", "shadow", "matte"):
        config = shop.workspace.recipe_for("").config(stage)
        picture, step = run_stage(stage, config, picture, shop.workspace.models)
        assert stage != "shadow" or step.details["method"] == "background_gain"
    (matted,) = shop.objects("matted/")
    assert np.array_equal(read_intermediate(shop.workspace.store.get(matted)).rgba, picture.rgba)
