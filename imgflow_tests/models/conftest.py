import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgflow.models import registry
from imgflow.models.model import Model, ModelFile, Source
from imgflow.models.store import ModelStore
from imgflow_tests.models.tiny_onnx import tiny_onnx
from imgflow_tests.models.web import FileServer

WEIGHTS = tiny_onnx()


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Model]:
    """Makes the model `tiny` known, with the given sources."""

    def add(*sources: Source, weights: bytes = WEIGHTS) -> Model:
        model = Model(
            name="tiny",
            purpose="segment",
            family="u2net_onnx",
            licence="MIT",
            commercial=True,
            homepage="",
            input_size=320,
            files=(ModelFile("tiny.onnx", hashlib.sha256(weights).hexdigest(), len(weights), sources),),
        )
        monkeypatch.setitem(registry.MODELS, "tiny", model)
        return model

    return add


@pytest.fixture
def web() -> Iterator[FileServer]:
    with FileServer().running() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")
