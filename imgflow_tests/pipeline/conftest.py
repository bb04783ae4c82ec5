"""A workspace on a local folder and SQLite, with a segmenter that needs no weights."""

import io
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgflow.catalog.batches import find_batch, requests_after
from imgflow.catalog.database import Catalog
from imgflow.catalog.tables import Photo
from imgflow.models.loader import Choice
from imgflow.models.registry import find_model
from imgflow.pipeline.drop import look_into_inbox
from imgflow.pipeline.originals import take_in_batch
from imgflow.pipeline.report import BatchReport
from imgflow.pipeline.stage_batch import StageBatch
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES, Chain
from imgflow.settings import Settings
from imgflow.store.local import LocalStore

LOG = logging.getLogger("imgflow.tests")


class DarkIsProduct:
    """A segmenter for test photos: whatever is darker than the light ground."""

    input_size = 4096

    name = "u2netp"
    device = "cpu"
    precision = "fp32"
    fallback = None
    weights_hash = "weights of u2netp"

    def __init__(self, wrap: Callable[[Any], Any]) -> None:
        self._answer = wrap(self._find)

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._answer(rgb)

    def _find(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.clip((200 - rgb.mean(axis=2)) / 60, 0, 1).astype(np.float32)


class TestModels:
    """In place of `Models`: no weights."""

    __test__ = False

    def __init__(self) -> None:
        self.wrap: Callable[[Any], Any] = lambda segmenter: segmenter

    def choose(self, chain: Chain) -> Choice:
        name = chain.names[0]
        if name in chain.methods:
            return Choice(name, None, None)
        assert chain.purpose == "segment"
        return Choice(name, DarkIsProduct(self.wrap), None)  # type: ignore[arg-type]

    def check(self, chains: Iterable[Chain]) -> None:
        assert all(chain.names for chain in chains)

    def prepare(self, chains: Iterable[Chain]) -> None:
        assert all(chain.names for chain in chains)

    def weights_hash(self, chain: Chain) -> str | None:
        return None if chain.names[0] in chain.methods else find_model(chain.names[0]).weights_hash


def photo_bytes(seed: int = 0, fmt: str = "JPEG", size: tuple[int, int] = (96, 72)) -> bytes:
    """A dark blob on light ground; each seed gives another file."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    inside = ((x - width / 2) / (width / 3)) ** 2 + ((y - height / 2) / (height / 3)) ** 2 < 1
    rgb = np.where(inside[..., None], (40 + seed % 40, 70, 90), (235, 233, 228)).astype(np.uint8)
    rgb[0, 0] = seed % 256
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, fmt, quality=95) if fmt == "JPEG" else Image.fromarray(rgb).save(buffer, fmt)
    return buffer.getvalue()


@dataclass
class Shop:
    """The workspace, with what a shop would do to it."""

    workspace: Workspace

    def drop(self, key: str, data: bytes | None = None) -> None:
        self.workspace.store.put(f"inbox/{key}", photo_bytes() if data is None else data)

    def look(self) -> list[str]:
        """One look into the inbox; returns the keys of batches that wait for their first run."""
        look_into_inbox(self.workspace)
        with self.workspace.catalog.read() as session:
            return [request.batch_key for request in requests_after(session, 0, 1000)]

    def take_in(self, batch_key: str, force: bool = False) -> BatchReport:
        return take_in_batch(self.workspace, self.batch(batch_key), force=force, only=frozenset(), log=LOG)

    def stage(self, batch_key: str, stage: Any, **options: Any) -> BatchReport:
        batch = self.batch(batch_key)
        recipe = options.pop("recipe", None) or self.workspace.recipe_for(batch.folder)
        return StageBatch(self.workspace, batch, stage, recipe, LOG, **options).run()

    def run(self, batch_key: str, **options: Any) -> dict[str, BatchReport]:
        """All of a batch, as a Dagster run would; returns the reports by stage."""
        reports = {"original": self.take_in(batch_key)}
        return reports | {stage: self.stage(batch_key, stage, **options) for stage in STAGES}

    def batch(self, key: str) -> Any:
        with self.workspace.catalog.read() as session:
            batch = find_batch(session, key)
        assert batch is not None
        return batch

    def photo(self, key: str) -> Photo:
        with self.workspace.catalog.read() as session:
            return session.query(Photo).filter_by(key=key).one()

    def objects(self, prefix: str = "") -> list[str]:
        return [info.key for info in self.workspace.store.list(prefix)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def make_shop(tmp_path: Path, **settings: Any) -> Shop:
    values = {"home": tmp_path, "settle_seconds": 0, **settings}
    chosen = Settings(**values)
    return Shop(
        Workspace(
            settings=chosen,
            store=LocalStore(Path(chosen.store_location)),
            catalog=Catalog(chosen.catalog_location),
            models=TestModels(),  # type: ignore[arg-type]
            prefix=LocalStore(Path(chosen.catalog_prefix)) if chosen.catalog_prefix else None,
        )
    )
