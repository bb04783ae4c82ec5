"""Two folders to compare."""

from pathlib import Path

import pytest

from imgflow_tests.compare.pictures import disc, save


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three pairs which differ not at all, a little and much, and a file on each side without partner."""
    a, b = tmp_path / "before", tmp_path / "after"
    for name, radius in (("same", 30), ("cups/little", 30.5), ("cups/much", 38)):
        save(a / f"{name}.png", disc(30))
        save(b / f"{name}.webp", disc(radius), lossless=True, exact=True)
    save(a / "old.png", disc(20))
    save(b / "new.png", disc(20))
    return a, b
