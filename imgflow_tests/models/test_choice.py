"""Which of several models or methods a stage works with, and that it says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models.loader import Models
from imgflow.models.model import Model
from imgflow.models.registry import MODELS
from imgflow.models.store import ModelStore
from imgflow.recipe import Chain
from imgflow_tests.models.conftest import WEIGHTS


@pytest.fixture
def store(register: Callable[..., Model], tmp_path: Path) -> ModelStore:
    """A store without `tiny`, which could be had from nowhere."""
    register()
    return ModelStore(tmp_path / "models")


def put(store: ModelStore) -> None:
    store.folder("tiny").mkdir(parents=True)
    (store.folder("tiny") / "tiny.onnx").write_bytes(WEIGHTS)


def test_the_first_that_can_be_had_is_used_and_told(store: ModelStore, monkeypatch: pytest.MonkeyPatch):
    models = Models(store)
    chain = Chain(("tiny", "classical"), "segment", ("classical",))
    choice = models.choose(chain)
    assert (choice.name, choice.model) == ("classical", None)
    assert choice.fallback and choice.fallback.startswith("tiny was wanted, but: The model tiny is not there")
    assert models.weights_hash(chain) is None
    put(store)
    assert models.choose(chain).model is None, "it is asked for anew only after a while"
    monkeypatch.setattr("imgflow.models.loader.RETRY_SECONDS", 0.0)
    choice = models.choose(chain)
    assert (choice.name, choice.fallback) == ("tiny", None) and choice.model is not None
    assert models.weights_hash(chain) == choice.model.weights_hash == MODELS["tiny"].weights_hash


def test_a_method_before_a_model_needs_no_model(store: ModelStore):
    chain = Chain(("classical", "tiny"), "segment", ("classical",))
    assert Models(store).choose(chain).fallback is None
    Models(store).prepare([chain])
    assert not store.root.exists()


def test_none_of_them(store: ModelStore):
    with pytest.raises(ModelUnavailableError, match="The model tiny is not there"):
        Models(store).choose(Chain(("tiny",), "segment"))
    Models(store).prepare([Chain(("tiny",), "segment")])  # left to `choose` to tell


def test_names_are_checked_without_loading(store: ModelStore):
    models = Models(store)
    models.check([Chain(("auto", "tiny"), "segment"), Chain(("auto",), "upscale")])
    with pytest.raises(UsageError, match=r"no model 'much'.*methods are closed_form, none"):
        models.check([Chain(("much",), "matte", ("closed_form", "none"))])
    with pytest.raises(UsageError, match="tiny is one to segment, not to denoise"):
        models.check([Chain(("tiny",), "denoise")])
    assert models.held() == []


def test_what_is_here_is_loaded_ahead_and_nothing_is_fetched(store: ModelStore):
    models = Models(store)
    chains = [Chain(("classical", "tiny"), "segment", ("classical",)), Chain(("tiny",), "segment")]
    models.load_present(chains)
    assert models.held() == []
    assert not store.root.exists()
    put(store)
    models.load_present(chains[:1])
    assert models.held() == []
    models.load_present(chains)
    assert models.held() == [("tiny", "cpu")]
