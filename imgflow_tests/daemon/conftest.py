"""Installations with a real daemon, and small real photos for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from imgflow.models.store import ModelStore
from imgflow.samples import SCENES
from imgflow.samples.files import encoded, render
from imgflow_tests.daemon.installation import Installation, installed


@pytest.fixture
def install(tmp_path: Path, u2netp: ModelStore) -> Iterator[Callable[..., Installation]]:
    """Call it with settings; all that it starts is stopped when the test ends."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(installed(tmp_path / "home", u2netp.root, **settings))


@pytest.fixture(scope="session")
def small_photos() -> Callable[[int], dict[str, Any]]:
    """The first so many small photos of a product series, by key: every one another file."""

    def photos(count: int) -> dict[str, bytes]:
        names = [name for name in SCENES if "bicycle" not in name]
        chosen = [(names[i % len(names)], i // len(names)) for i in range(count)]
        return {
            f"series-{seed}/{name}{Path(SCENES[name].file).suffix}": encoded(
                render(name, megapixels=0.06, seed=seed), SCENES[name]
            )
            for name, seed in chosen
        }

    return photos
