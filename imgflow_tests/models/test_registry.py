"""The table of models."""

import dataclasses
import re

import pytest

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models.families import LOADERS
from imgflow.models.model import HubSource, Model, ModelFile, UrlSource, WheelSource
from imgflow.models.registry import MODELS, find_model


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_row_is_complete(name: str) -> None:
    model = MODELS[name]
    assert model.name == name
    assert model.family in LOADERS
    assert model.licence and model.homepage.startswith("https://")
    assert model.purpose != "segment" or model.input_size > 0
    for file in model.files:
        assert file.sources
        assert all(source.url.startswith("https://") for source in file.sources if isinstance(source, UrlSource))
        # Where no hash is known the lock file pins a commit: only a hub has commits.
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256) or isinstance(file.sources[0], HubSource)


def test_no_two_models_are_the_same_file() -> None:
    hashes = [model.files[0].sha256 for model in MODELS.values() if model.files[0].sha256]
    assert len(hashes) == len(set(hashes))


def test_the_default_needs_no_release_server() -> None:
    (file,) = MODELS["u2netp"].files
    assert any(isinstance(source, WheelSource) for source in file.sources)


def test_what_may_not_be_used_commercially_is_never_chosen() -> None:
    bria = MODELS["bria-rmbg"]
    assert not bria.commercial
    eager = dataclasses.replace(bria, rank=1000)
    assert eager.rank_on(has_gpu=True) == eager.rank_on(has_gpu=False) == 0


@pytest.mark.parametrize(
    "name", ["birefnet.py", "code/__init__.PY", "lib.so", "../escape.bin", "/etc/passwd", "a\\..\\b", ""]
)
def test_code_and_other_folders_are_no_files_of_a_model(name: str) -> None:
    with pytest.raises(ValueError, match=r"is code|is not the name"):
        ModelFile(name)


def test_what_nothing_pins_has_no_hash_yet() -> None:
    model = Model("new", "segment", "birefnet", "MIT", True, "", (ModelFile("model.safetensors"),))
    with pytest.raises(ModelUnavailableError, match="imgflow models pull new"):
        _ = model.weights_hash


def test_an_unknown_name_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no model 'nonsense'.*u2netp"):
        find_model("nonsense")
    with pytest.raises(
        UsageError, match=r"no model 'nonsense' to upscale\. Known models to upscale: (?!.*u2netp).*edsr"
    ):
        find_model("nonsense", "upscale")


def test_the_weights_hash_follows_the_weights_alone() -> None:
    model = MODELS["u2netp"]
    (file,) = model.files
    assert find_model("u2netp").weights_hash == model.weights_hash
    assert dataclasses.replace(model, licence="other").weights_hash == model.weights_hash
    other = dataclasses.replace(model, files=(dataclasses.replace(file, sha256="0" * 64),))
    assert other.weights_hash != model.weights_hash
