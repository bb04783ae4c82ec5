"""Fixtures of the command line's tests."""

import pytest

from imgflow.models.store import ModelStore


@pytest.fixture
def models(u2netp: ModelStore, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv("IMGFLOW_MODELS_DIR", str(u2netp.root))
    return u2netp
