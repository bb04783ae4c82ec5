import dataclasses
import re

import pytest

from imgflow.errors import UsageError
from imgflow.models.loader import LOADERS
from imgflow.models.registry import MODELS, UrlSource, WheelSource, find_model, weights_hash


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_row_is_complete(name: str) -> None:
    model = MODELS[name]
    assert model.name == name
    assert model.family in LOADERS
    assert model.licence and model.homepage.startswith("https://")
    for file in model.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert any(isinstance(source, WheelSource) for source in file.sources)
        assert all(source.url.startswith("https://") for source in file.sources if isinstance(source, UrlSource))


def test_an_unknown_name_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no model 'nonsense'.*u2netp"):
        find_model("nonsense")


def test_the_weights_hash_follows_the_weights_alone() -> None:
    model = MODELS["u2netp"]
    (file,) = model.files
    assert weights_hash("u2netp") == model.weights_hash
    assert dataclasses.replace(model, licence="other").weights_hash == model.weights_hash
    other = dataclasses.replace(model, files=(dataclasses.replace(file, sha256="0" * 64),))
    assert other.weights_hash != model.weights_hash
