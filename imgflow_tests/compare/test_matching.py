"""Which picture is compared with which."""

from pathlib import Path

import pytest

from imgflow.compare.matching import match


def test_files_are_matched_by_path_without_extension(folders: tuple[Path, Path]):
    (folders[0] / "notes.txt").write_text("no picture")
    (folders[0] / ".hidden.png").write_bytes(b"")
    matched = match(*folders)
    assert [pair.name for pair in matched.pairs] == ["cups/little.png", "cups/much.png", "same.png"]
    assert matched.pairs[0].b == folders[1] / "cups/little.webp"
    assert (matched.only_a, matched.only_b) == ([folders[0] / "old.png"], [folders[1] / "new.png"])


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (["a.jpg", "a.png"], ["a.jpg", "a.png"], {"a.jpg": "a.jpg", "a.png": "a.png"}),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"], {"a.jpg": "a.jpg.png", "a.png": "a.png.png"}),
        (["a.jpg.png"], ["a.jpg"], {"a.jpg.png": "a.jpg"}),
        (["a.b.jpg", "a.c.jpg"], ["a.c.png"], {"a.c.jpg": "a.c.png"}),
        (["a.jpg", "a.png", "b.jpg"], ["a.webp", "b.png"], {"b.jpg": "b.png"}),
        (["x/a.jpg", "a.jpg"], ["a.png"], {"a.jpg": "a.png"}),
    ],
)
def test_partners_are_never_guessed(tmp_path: Path, left: list[str], right: list[str], pairs: dict[str, str]):
    for side, names in (("l", left), ("r", right)):
        for name in names:
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).touch()
    matched = match(tmp_path / "l", tmp_path / "r")
    assert {pair.name: pair.b.name for pair in matched.pairs} == pairs
    assert len(matched.only_a) == len(left) - len(pairs)
    assert len(matched.only_b) == len(right) - len(pairs)
