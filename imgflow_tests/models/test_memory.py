"""Models make room for each other, and work in smaller pieces before they give up."""

import gc
import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.errors import DeviceMemoryError, PhotoError
from imgflow.models import families, registry
from imgflow.models.base import Segmenter
from imgflow.models.loader import Models, held_models
from imgflow.models.model import Model, ModelFile
from imgflow.models.store import ModelStore
from imgflow.recipe import Chain


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch, store: ModelStore) -> Callable[[str, int], None]:
    """Makes a hungry model of that size known, with its weights in the store."""
    monkeypatch.setitem(families.LOADERS, "hungry", "imgflow_tests.models.hungry")

    def add(name: str, size: int) -> None:
        weights = (name.encode() * size)[:size]
        file = ModelFile(f"{name}.bin", hashlib.sha256(weights).hexdigest(), size, ())
        model = Model(name, "segment", "hungry", "MIT", True, "", (file,), 320)
        monkeypatch.setitem(registry.MODELS, name, model)
        (store.root / name).mkdir(parents=True)
        (store.root / name / file.name).write_bytes(weights)

    return add


def use(models: Models, name: str) -> Segmenter:
    return models.choose(Chain((name,), "segment")).model  # type: ignore[return-value]


def names(models: Models) -> list[str]:
    return [name for name, _device in models.held()]


def photo(height: int) -> NDArray[np.uint8]:
    return np.zeros((height, 3, 3), np.uint8)


def test_the_one_used_longest_ago_goes_first(add: Callable[[str, int], None], store: ModelStore) -> None:
    for name, size in (("a", 30), ("b", 30), ("c", 35), ("d", 80)):
        add(name, size)
    models = Models(store, budget=90)
    use(models, "a")
    use(models, "b")
    use(models, "a")
    use(models, "c")
    assert names(models) == ["a", "c"]
    assert ("c", "cpu") in held_models()
    use(models, "d")
    assert names(models) == ["d"]


def test_a_model_above_the_budget_is_loaded_alone(add: Callable[[str, int], None], store: ModelStore) -> None:
    add("a", 10)
    add("b", 95)
    models = Models(store, budget=50)
    use(models, "a")
    assert use(models, "b")(photo(5)).shape == (5, 3)
    assert names(models) == ["b"]


def test_a_load_that_does_not_fit_is_tried_again_without_the_others(
    add: Callable[[str, int], None], store: ModelStore
) -> None:
    add("a", 60)
    add("b", 60)
    models = Models(store, budget=10_000)  # more than there is
    use(models, "a")
    use(models, "b")
    assert names(models) == ["b"]
    add("c", 101)
    with pytest.raises(DeviceMemoryError, match="101 bytes wanted, 100 there"):
        use(models, "c")


def test_a_photo_gets_the_others_room_then_smaller_pieces_then_fails(
    add: Callable[[str, int], None], store: ModelStore
) -> None:
    add("a", 40)
    add("b", 40)
    models = Models(store, budget=10_000)
    use(models, "a")
    b = use(models, "b")
    gc.collect()
    assert b(photo(50)).shape == (50, 3)  # 20 bytes left beside a
    assert names(models) == ["b"] and b.fallback is None
    assert b(photo(200)).shape == (200, 3)  # 60 bytes left alone
    assert b.fallback == "in 4 pieces"
    with pytest.raises(PhotoError) as failure:
        b(photo(1000))
    assert failure.value.code == "out_of_memory"
