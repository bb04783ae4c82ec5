"""The life of a batch: taken in, worked on, recorded, repeated, interrupted."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from PIL import Image

from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Result
from imgflow.errors import PhotoError, StoreUnavailableError, UsageError
from imgflow.photos.decode import decode
from imgflow.photos.encode import encode_png
from imgflow.photos.intermediate import read_intermediate
from imgflow.photos.picture import Picture
from imgflow.pipeline.links import published_link
from imgflow.pipeline.run_stage import run_stage
from imgflow.recipe import STAGES, Recipe
from imgflow_tests.pipeline.conftest import Shop, photo_bytes
from imgflow_tests.stages.scenes import box, scene


def statuses(report: Any) -> dict[str, str]:
    return {outcome.key: outcome.status for outcome in report.outcomes}


def results(shop: Shop, key: str) -> dict[str, Result]:
    with shop.workspace.catalog.read() as session:
        return {
            stage: row for (_, stage), row in results_of(session, [shop.photo(key).id], ["original", *STAGES]).items()
        }


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


def test_a_newer_version_takes_over_and_the_older_batch_leaves_it_alone(shop: Shop):
    shop.drop("a.jpg", photo_bytes(1))
    first = shop.look()[0]
    shop.take_in(first)
    shop.stage(first, "denoise")
    shop.drop("a.jpg", photo_bytes(2))
    second = shop.look()[-1]
    assert second != first
    shop.run(second)
    late = {stage: statuses(shop.stage(first, stage))["a.jpg"] for stage in STAGES}
    assert set(late.values()) == {"replaced"}
    assert shop.photo("a.jpg").version == hashlib.sha256(photo_bytes(2)).hexdigest()
    assert results(shop, "a.jpg")["publish"].version == hashlib.sha256(photo_bytes(2)).hexdigest()
    # Both originals are kept: nothing is ever lost.
    assert len(shop.objects("originals/")) == 2


def test_a_photo_replaced_before_its_batch_ran_is_left_to_the_next_batch(shop: Shop):
    shop.drop("a.jpg", photo_bytes(1))
    (first,) = shop.look()
    shop.drop("a.jpg", photo_bytes(2))
    assert statuses(shop.take_in(first)) == {"a.jpg": "replaced"}
    assert shop.objects("inbox/") == ["inbox/a.jpg"]
    second = shop.look()[-1]
    assert statuses(shop.run(second)["publish"]) == {"a.jpg": "done"}


def test_a_replacement_that_arrives_in_the_middle_of_a_stage_is_not_overwritten(shop: Shop):
    shop.drop("a.jpg", photo_bytes(1))
    (first,) = shop.look()
    shop.take_in(first)
    for stage in ("denoise", "shadow", "matte", "enhance"):
        shop.stage(first, stage)
    store = shop.workspace.store
    get = store.get

    def replaced_meanwhile(key: str) -> bytes:
        store.get = get  # type: ignore[method-assign]
        shop.drop("a.jpg", photo_bytes(2))
        shop.run(shop.look()[-1])
        return get(key)

    store.get = replaced_meanwhile  # type: ignore[method-assign]
    assert statuses(shop.stage(first, "publish")) == {"a.jpg": "replaced"}
    assert results(shop, "a.jpg")["publish"].version == hashlib.sha256(photo_bytes(2)).hexdigest()
    published = np.asarray(Image.open(io.BytesIO(store.get("published/a.png"))))
    assert abs(int(published[36, 48, 0]) - 42) <= 2  # the second photo's colour


def test_the_same_file_dropped_again_only_empties_the_inbox(shop: Shop):
    shop.drop("a.jpg")
    shop.run(shop.look()[0])
    shop.drop("a.jpg")
    again = shop.run(shop.look()[-1])
    assert {statuses(report)["a.jpg"] for stage, report in again.items() if stage != "original"} == {"unchanged", "off"}
    assert shop.objects("inbox/") == []


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


def test_the_error_table_has_a_sentence_and_a_remedy_for_each_code():
    error = PhotoError("truncated", "12 of 48 KB")
    assert error.message == (
        "The file ends before the picture does. (12 of 48 KB) The transfer was cut short: copy or upload it again."
    )


def test_very_long_and_strange_names_come_out(shop: Shop, tmp_path: Path):
    names = ["mit Leerzeichen und Ümläut/日本 語.jpg", "x" * 200 + ".jpg", "a.b.c.jpg", "no extension", "100%#?&+.jpg"]
    for number, name in enumerate(names):
        shop.drop(name, photo_bytes(number))
    for batch in shop.look():
        shop.run(batch)
    assert len(shop.objects("published/")) == len(names)
    assert shop.objects("inbox/") == []


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
