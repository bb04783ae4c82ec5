"""What the page shows."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgflow.compare import page as page_module
from imgflow.compare.page import pictures_folder
from imgflow_tests.cli.calls import imgflow
from imgflow_tests.compare.pictures import Scripts, disc, from_data_uri, read_page, save


def test_a_page_stands_on_its_own_and_shows_the_very_pixels(folders: tuple[Path, Path], tmp_path: Path):
    out = tmp_path / "pages/page.html"
    result = imgflow("compare", *folders, "--out", out, "--background", "magenta")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]
    data, pictures = read_page(out)
    assert data["folder"] == ""
    assert data["titles"] == [str(folder) for folder in folders]
    names = [ground["name"] for ground in data["grounds"]]
    assert names == ["magenta", "white", "black", "green", "checkerboard"]
    assert (data["only_a"], data["only_b"]) == ([str(folders[0] / "old.png")], [str(folders[1] / "new.png")])
    assert f"{folders[0] / 'old.png'}: has no partner" in result.stderr
    much = next(pair for pair in data["pairs"] if pair["name"] == "cups/much.png")
    for side, radius in (("a", 30), ("b", 38)):
        shown, truth = from_data_uri(pictures[much[side]["full"]]), disc(radius)
        assert np.array_equal(shown[..., 3], truth[..., 3])
        assert np.array_equal(shown[truth[..., 3] > 0], truth[truth[..., 3] > 0])


def test_a_name_cannot_break_out_of_the_page(tmp_path: Path):
    evil = "<script>alert(1)<" + "∕script><!--&'\".png"
    for side, radius in (("a", 30), ("b", 31)):
        save(tmp_path / side / evil, disc(radius))
    imgflow("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "page.html")
    data, _ = read_page(tmp_path / "page.html")
    assert data["pairs"][0]["name"] == evil
    assert "<script>alert" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    code = Scripts((tmp_path / "page.html").read_text(encoding="utf-8")).scripts["code"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_many_or_large_pictures_lie_beside_the_page(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_module, "MOST_INLINE", 1000)
    monkeypatch.setattr(page_module, "PREVIEW_SIDE", 60)
    save(folders[0] / "same.png", disc(30)[..., :3])
    out = folders[0] / "my page.html"  # in one of the folders: its pictures are not compared the next time
    for _ in range(2):
        assert imgflow("compare", *folders, "--out", out).exit_code == 0
        data, pictures = read_page(out)
        assert pictures == {}
        assert data["folder"] == "my%20page_files/"
        assert len(data["pairs"]) == 3
        for pair in data["pairs"]:
            for side in (pair["a"], pair["b"]):
                with Image.open(pictures_folder(out) / side["preview"]) as preview:
                    assert preview.size == (60, 45)
                with Image.open(pictures_folder(out) / side["full"]) as full:
                    assert full.size == (120, 90)
        assert len(list(pictures_folder(out).iterdir())) == 12
    monkeypatch.setattr(page_module, "MOST_INLINE", 10_000_000)
    assert imgflow("compare", *folders, "--out", out).exit_code == 0
    assert not pictures_folder(out).exists()
    assert not [path for path in folders[0].iterdir() if path.name.startswith(".")]


def test_a_folder_of_somebody_elses_is_never_deleted(folders: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files/thesis.txt").write_text("years of work")
    result = imgflow("compare", *folders, "--out", tmp_path / "page.html")
    assert result.exit_code == 2
    assert "in the way" in result.stderr
    assert (tmp_path / "page_files/thesis.txt").read_text() == "years of work"
