"""Names that are made of photos' keys."""

import pytest

from imgflow.catalog.photo_keys import shortened
from imgflow.store.keys import check_key


def test_short_names_stay_as_they_are():
    assert shortened("shoes/", "front", ".png") == "shoes/front.png"


@pytest.mark.parametrize("name", ["x" * 300, "ü" * 200, "靴" * 100])
@pytest.mark.parametrize("parent", ["", "shoes/", "/".join(["f" * 200] * 4) + "/"])
def test_every_store_can_hold_what_is_shortened_and_the_ending_is_kept(parent: str, name: str):
    key = shortened(parent, name, ".3fa9c1d2.png")
    assert check_key(f"published/{key}") == f"published/{key}"
    assert key.startswith(parent + name[:2])
    assert key.endswith(".3fa9c1d2.png")
