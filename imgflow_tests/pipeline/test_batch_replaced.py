"""Photos that are replaced or dropped again while their batch is under way."""

import hashlib
import io

import numpy as np
from PIL import Image

from imgflow.recipe import STAGES
from imgflow_tests.pipeline.conftest import Shop, photo_bytes
from imgflow_tests.pipeline.reports import results, statuses


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
