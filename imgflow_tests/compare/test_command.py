"""`imgflow compare` as a person or a script uses it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from imgflow_tests.cli.calls import imgflow
from imgflow_tests.compare.pictures import compared, disc, from_data_uri, read_page, save


def test_json_has_a_record_for_each_pair(folders: tuple[Path, Path]):
    records = compared(*folders)
    by_name = {record["name"]: record for record in records}
    assert [record["status"] for record in records] == ["compared"] * 3
    assert by_name["same.png"]["figures"]["differing"] == 0
    little, much = (by_name[f"cups/{name}.png"]["figures"] for name in ("little", "much"))
    assert 0 < little["delta_e"] < much["delta_e"]
    truth = np.pi * (38**2 - 30**2) / 1000
    assert much["alpha_sad"] == pytest.approx(truth, rel=0.02)
    grown = by_name["cups/much.png"]
    share = grown["b"]["alpha_coverage"] - grown["a"]["alpha_coverage"]
    assert share == pytest.approx(1000 * truth / (120 * 90), rel=0.02)


def test_pictures_are_upright_and_in_srgb_before_they_are_compared(tmp_path: Path):
    upright = disc(30)[..., :3]
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(upright))
    a, b = save(tmp_path / "a.png", upright), save(tmp_path / "b.png", turned, exif=exif)
    assert compared(a, b)[0]["figures"]["differing"] == 0


def test_the_stamp_of_a_file_is_told(tmp_path: Path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "imgflow 1.2, recipe 3fa9c1d2")
    a = save(tmp_path / "a.png", disc(30), pnginfo=info)
    exif = Image.Exif()
    exif[0x0131] = "imgflow 1.3"
    b = save(tmp_path / "b.webp", disc(31), exif=exif)
    camera = Image.Exif()
    camera[0x0131] = "Camera 7"
    c = save(tmp_path / "c.jpg", disc(31)[..., :3], exif=camera)
    assert [compared(a, other)[0]["b"]["stamp"] for other in (b, c)] == ["imgflow 1.3", ""]
    assert compared(a, b)[0]["a"]["stamp"] == "imgflow 1.2, recipe 3fa9c1d2"


def test_what_cannot_be_read_is_named_and_stops_nobody(folders: tuple[Path, Path], tmp_path: Path):
    broken = folders[1] / "same.webp"
    broken.write_bytes(broken.read_bytes()[:100])
    result = imgflow("compare", *folders, "--out", tmp_path / "page.html")
    assert result.exit_code == 1
    assert f"{broken}: truncated: " in result.stderr
    data, _ = read_page(tmp_path / "page.html")
    assert len(data["pairs"]) == 2
    assert data["failed"][0]["error"]["path"] == str(broken)
    records = compared(*folders, code=1)
    assert [record["status"] for record in records] == ["compared", "compared", "failed"]
    assert records[2]["error"]["code"] == "truncated"


def test_nothing_is_written_when_nothing_could_be_compared(tmp_path: Path):
    a = save(tmp_path / "a.png", disc(30))
    (tmp_path / "b.png").write_bytes(b"")
    out = tmp_path / "page.html"
    out.write_text("older")
    result = imgflow("compare", a, tmp_path / "b.png", "--out", out)
    assert result.exit_code == 1
    assert "nothing could be compared" in result.stderr
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "page.html"]


def test_mistakes_are_told_before_any_work(folders: tuple[Path, Path], tmp_path: Path):
    a, b = folders
    file = a / "same.png"
    (tmp_path / "empty").mkdir()
    page = tmp_path / "page.html"
    for arguments, said in (
        ((a, file, "--out", page), "is a folder and"),
        ((a, a, "--out", page), "compared with itself"),
        ((a, tmp_path / "empty", "--out", page), "nothing to compare"),
        ((a, "--out", page), "and --set"),
        ((a, b, "--set", "matte.refine=none", "--out", page), "and --set"),
        ((a, b), "--out FILE.html"),
        ((a, b, "--out", tmp_path / "page.pdf"), "must end in"),
        ((a, b, "--out", tmp_path), "must end in"),
        ((file, b / "new.png", "--out", file), "would be overwritten"),
        ((a, b, "--out", page, "--background", "blurple"), "--background blurple"),
        ((a, b, "--out", tmp_path / "s.png", "--background", "#12"), "--background #12"),
        ((a, "--set", "matte.refine", "--out", page), "stage.option=value"),
        ((a / "nothing.png", b, "--out", page), "does not exist"),
        ((a, b, "--out", file / "page.html"), "cannot be written"),
    ):
        result = imgflow("compare", *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert said in result.stderr, (arguments, result.stderr)
    assert not page.exists()


def test_settings_are_compared_with_the_photos_own_recipe(tmp_path: Path):
    photos = tmp_path / "photos"
    noise = np.random.default_rng(1).normal(0, 12, (90, 120, 3))
    noisy = np.clip(disc(30)[..., :3] + noise, 0, 255).astype(np.uint8)
    save(photos / "sub/one.png", noisy)
    (photos / "sub/recipe.yaml").write_text("steps: [denoise]\ndenoise: {method: bilateral, strength: 0}\n")
    save(photos / "sub/two.jpg", disc(30)[..., :3]).write_bytes(b"broken")
    out = tmp_path / "page.html"
    result = imgflow("compare", photos, "--set", "denoise.strength=1", "--out", out, "--json")
    assert result.exit_code == 1
    assert f"{photos / 'sub/two.jpg'}: " in result.stderr
    (record,) = map(json.loads, result.stdout.splitlines())
    assert record["name"] == "sub/one.png"
    assert record["a"]["path"].endswith("one.png, own recipe")
    assert record["b"]["path"].endswith("one.png, denoise.strength=1")
    assert record["figures"]["delta_e"] > 1
    data, pictures = read_page(out)
    assert np.array_equal(from_data_uri(pictures[data["pairs"][0]["a"]["full"]])[..., :3], noisy)


def test_changes_without_effect_are_refused(tmp_path: Path):
    photo = save(tmp_path / "a.png", disc(30)[..., :3])
    result = imgflow("compare", photo, "--set", "enhance.scale=2", "--json")
    assert result.exit_code == 2
    assert "--set enhance.scale=2: has no effect" in result.stderr
