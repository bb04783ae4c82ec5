"""`imgflow process`: what comes out."""

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgflow.models.store import ModelStore
from imgflow.samples import SCENES, render, write_photos
from imgflow_tests.cli.calls import RECORD, imgflow, process, small_photo

SAMPLES = ["mug", "plush"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rendered photos, in their sub-folders."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, SAMPLES, megapixels=0.15)
    return folder


def test_photos_of_a_folder_are_cut_out_and_told(photos: Path, tmp_path: Path, models: ModelStore):
    result = imgflow("process", photos, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    records = {record["input"]: record for record in map(json.loads, result.stdout.splitlines())}
    assert set(records) == {str(photos / SCENES[name].file) for name in SAMPLES}
    for name in SAMPLES:
        record = records[str(photos / SCENES[name].file)]
        assert set(record) == RECORD
        target = (tmp_path / "out" / SCENES[name].file).with_suffix(".png")
        assert (record["status"], record["error"], record["output"]) == ("done", None, str(target))
        assert [step["name"] for step in record["steps"]] == ["denoise", "shadow", "matte", "publish"]
        assert record["steps"][2]["model"] == "u2netp"
        assert record["steps"][2]["device"] == "cpu"
        assert record["seconds"] >= sum(step["seconds"] for step in record["steps"]) > 0
        with Image.open(target) as cutout:
            assert cutout.mode == "RGBA"
            alpha = np.asarray(cutout)[..., 3] > 127
        truth = render(name, megapixels=0.15).alpha > 0.5
        assert (alpha & truth).sum() / (alpha | truth).sum() > 0.95


def test_a_run_for_people_names_each_result(tmp_path: Path):
    photo = small_photo(tmp_path / "in/a.jpg")
    result = imgflow("process", photo, "--out", tmp_path / "out", "--steps", "")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{tmp_path / 'out/a.png'}  ")
    assert result.stderr == ""


def test_a_bad_file_among_good_ones_stops_nobody(tmp_path: Path):
    small_photo(tmp_path / "in/a.png")
    whole = small_photo(tmp_path / "in/b.png").read_bytes()
    (tmp_path / "in/b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in/c.jpg").write_bytes(b"")
    small_photo(tmp_path / "in/d.png")
    (tmp_path / "in/notes.txt").write_text("colours by Kim")
    result = imgflow("process", tmp_path / "in", "--out", tmp_path / "out", "--steps", "denoise")
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "d.png"]
    assert f"{tmp_path / 'in/b.png'}: truncated: " in result.stderr
    assert f"{tmp_path / 'in/c.jpg'}: empty_file: " in result.stderr
    assert f"{tmp_path / 'in/notes.txt'}: not a photo, left out" in result.stderr
    assert "2 of 4 photos failed" in result.stderr


def test_same_stems_do_not_overwrite_each_other(tmp_path: Path):
    small_photo(tmp_path / "in/a.jpg", 1)
    small_photo(tmp_path / "in/a.png", 2)
    outputs = [record["output"] for record in process(tmp_path / "in", "--out", tmp_path / "out")]
    assert outputs == [str(tmp_path / "out/a.jpg.png"), str(tmp_path / "out/a.png.png")]
    assert all(Path(output).is_file() for output in outputs)


def test_each_photo_is_written_in_the_format_of_its_own_recipe(tmp_path: Path):
    small_photo(tmp_path / "in/a.jpg")
    small_photo(tmp_path / "in/web/b.jpg")
    (tmp_path / "in/web/recipe.yaml").write_text("publish: {format: webp}\n")
    outputs = [Path(record["output"]) for record in process(tmp_path / "in", "--out", tmp_path / "out")]
    assert outputs == [tmp_path / "out/a.png", tmp_path / "out/web/b.webp"]
    formats = []
    for output in outputs:
        with Image.open(output) as image:
            formats.append(image.format)
    assert formats == ["PNG", "WEBP"]


def test_a_second_run_replaces_and_a_failure_leaves_the_older_result_with_a_word(tmp_path: Path):
    photo = small_photo(tmp_path / "in/a.png", 1)
    process(photo, "--out", tmp_path / "out")
    first = (tmp_path / "out/a.png").read_bytes()
    small_photo(photo, 2)
    process(photo, "--out", tmp_path / "out")
    second = (tmp_path / "out/a.png").read_bytes()
    assert second != first
    photo.write_bytes(b"")
    (record,) = process(photo, "--out", tmp_path / "out", code=1)
    assert record["output"] is None
    assert f"{tmp_path / 'out/a.png'} is still the result of an earlier run" in record["error"]["message"]
    assert (tmp_path / "out/a.png").read_bytes() == second


def test_strange_file_names_come_out(tmp_path: Path):
    names = ["two words [red] #1.png", "Jürgen – 靴.png"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"caf\xe9.png"))
    for name in names:
        small_photo(tmp_path / "in" / name)
    assert {Path(r["output"]).name for r in process(tmp_path / "in", "--out", tmp_path / "out")} == set(names)
    plain = imgflow("process", tmp_path / "in", "--out", tmp_path / "out", "--steps", "")
    assert plain.exit_code == 0
    assert "two words [red] #1.png" in plain.stdout


def test_an_empty_folder_is_no_error_but_told(tmp_path: Path):
    (tmp_path / "in").mkdir()
    result = imgflow("process", tmp_path / "in", "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no photos found" in result.stderr


NASTY = Path(__file__).parents[3] / "shared" / "nasty"
# -- a collection of third-party files that broke other programs, where it is at hand ---------------------------------

ROWS = (
    list(csv.DictReader((NASTY / "MANIFEST.tsv").read_text("utf-8").splitlines(), delimiter="\t"))
    if NASTY.is_dir()
    else []
)
# One pixel is too small by rule; HEIC is refused only by programs that cannot read it.
OTHERWISE = {"color/prophoto.png": "REJECT", "format/with-alpha-512x512.heic": "ACCEPT"}


@pytest.mark.skipif(not ROWS, reason="the collection is not at hand")
def test_the_nasty_collection_comes_out_as_its_list_says(tmp_path: Path, models: ModelStore):
    result = imgflow("process", NASTY, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1
    records = {Path(r["input"]).relative_to(NASTY).as_posix(): r for r in map(json.loads, result.stdout.splitlines())}
    assert set(records) == {row["file"] for row in ROWS}
    became = {"done": "ACCEPT", "failed": "REJECT"}
    expected = {row["file"]: OTHERWISE.get(row["file"], row["expect"]) for row in ROWS}
    wrong = {
        file: record["error"]
        for file, record in records.items()
        if expected[file] not in ("EITHER", became[record["status"]])
    }
    assert wrong == {}
    assert "internal" not in {record["error"]["code"] for record in records.values() if record["error"]}
    outputs = [Path(record["output"]) for record in records.values() if record["output"]]
    assert len(set(outputs)) == len(outputs)
    for output in outputs:
        with Image.open(output) as image:
            assert image.mode == "RGBA"
            assert image.getchannel("A").getextrema()[1] > 0
