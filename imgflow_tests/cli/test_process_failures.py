"""`imgflow process`: what goes wrong, and what scripts see of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgflow.stages.base import StageOutput
from imgflow_tests.cli.calls import RECORD, imgflow, process, small_photo


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "matte.bend=1"], "matte has no option 'bend'"),
        (["--set", "matte.band=1"], "--set matte.band=1: "),
        (["--set", "mat.band=1"], "there is no stage 'mat'"),
        (["--set", "matte"], "must look like stage.option=value"),
        (["--set", "matte.model=nosuch"], "nosuch"),
        (["--steps", "denoise,blur"], "--steps denoise,blur"),
        (["--recipe", "nosuch.yaml"], "nosuch.yaml"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_bad_usage_is_told_in_one_sentence(options: list[str], told: str, tmp_path: Path):
    photo = small_photo(tmp_path / "a.jpg")
    result = imgflow("process", photo, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert result.stdout == ""


def test_what_was_asked_for_and_does_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFLOW_MAXPIXELS", "1")
    photo = small_photo(tmp_path / "a.jpg")
    result = imgflow("process", photo, "--out", tmp_path / "out", "--steps", "denoise", "--set", "enhance.scale=2")
    assert result.exit_code == 0
    assert "--set enhance.scale=2: has no effect, since enhance is not among the steps" in result.stderr
    assert "IMGFLOW_MAXPIXELS: is no setting; did you mean IMGFLOW_MAX_PIXELS?" in result.stderr


def test_what_is_doubtful_is_told_with_the_file_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import imgflow.stages.denoise.stage as stage

    monkeypatch.setattr(stage, "denoise", lambda picture, *_: StageOutput(picture, {"doubt": "all is grey"}))
    photo = small_photo(tmp_path / "a.jpg")
    result = imgflow("process", photo, "--out", tmp_path / "out", "--steps", "denoise")
    assert f"{photo}: denoise: all is grey; look at {tmp_path / 'out/a.png'}\n" in result.stderr


def test_a_photo_that_is_not_there_is_bad_usage(tmp_path: Path):
    assert imgflow("process", tmp_path / "no.jpg", "--out", tmp_path).exit_code == 2
    assert imgflow("process", "--out", tmp_path).exit_code == 2
    assert imgflow("process", small_photo(tmp_path / "a.jpg")).exit_code == 2


def test_a_bad_recipe_is_told_by_file_line_and_field(tmp_path: Path):
    photo, recipe = small_photo(tmp_path / "a.jpg"), tmp_path / "r.yaml"
    recipe.write_text("steps: [matte]\nmatte:\n  band: wide\n")
    result = imgflow("process", photo, "--out", tmp_path / "out", "--recipe", recipe)
    assert result.exit_code == 2
    assert f"{recipe}:3: matte.band: " in result.stderr


def test_an_out_that_cannot_be_written_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photo = small_photo(tmp_path / "a.jpg")
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr("imgflow.pipeline.single.decode", None)
    result = imgflow("process", photo, "--out", tmp_path / "file/out")
    assert result.exit_code == 2
    assert f"{tmp_path / 'file/out'}: cannot be written" in result.stderr


def test_a_bad_setting_is_told_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFLOW_MAX_PIXELS", "many")
    result = imgflow("process", small_photo(tmp_path / "a.jpg"), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "IMGFLOW_MAX_PIXELS" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"), [(ZeroDivisionError("by zero"), "internal"), (MemoryError(), "out_of_memory")]
)
def test_an_unexpected_error_on_one_photo_does_not_stop_the_others(
    error: Exception, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import imgflow.stages.denoise.stage as stage

    for name in "abc":
        small_photo(tmp_path / f"in/{name}.png")
    calls = iter(range(3))
    denoise = stage.denoise

    def sometimes(*arguments: Any) -> Any:
        if next(calls) == 1:
            raise error
        return denoise(*arguments)

    monkeypatch.setattr(stage, "denoise", sometimes)
    records = process(tmp_path / "in", "--out", tmp_path / "out", code=1)
    assert [record["status"] for record in records] == ["done", "failed", "done"]
    assert set(records[1]) == RECORD
    assert records[1]["error"]["code"] == code
    if code == "internal":
        assert "(ZeroDivisionError: by zero)" in records[1]["error"]["message"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]


def test_a_failed_photo_shows_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("imgflow.pipeline.single.encode", fail)
    (record,) = process(small_photo(tmp_path / "a.png"), "--out", tmp_path / "out", code=1)
    assert [step["name"] for step in record["steps"]] == ["denoise"]


def test_weights_that_cannot_be_had_are_trouble_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from imgflow.models.pulling import pull
    from imgflow.models.pulling.sources import SourceError

    def away(*_: object) -> None:
        raise SourceError("no network")

    monkeypatch.setattr(pull, "fetch", away)
    result = imgflow("process", small_photo(tmp_path / "a.jpg"), "--out", tmp_path / "out", "--steps", "matte")
    assert result.exit_code == 1
    assert "imgflow models pull u2netp" in result.stderr


# -- as a program ----------------------------------------------------------------------------------------------------


def program(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "imgflow.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_the_program_tells_scripts_by_its_exit_code_and_streams(tmp_path: Path):
    small_photo(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("<html>404</html>")
    # A terminal without Unicode, and without colours, must not hurt.
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    run = program("process", tmp_path / "in", "--out", tmp_path / "öut", "--steps", "", env=environment)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 1
    assert out.count("\n") == 1
    assert out.startswith(str(tmp_path))
    assert "not_an_image" in err
    assert "Traceback" not in out + err
    assert [path.name for path in (tmp_path / "öut").iterdir()] == ["a.png"]


def test_ctrl_c_ends_cleanly_with_nothing_half_written(tmp_path: Path):
    for number in range(400):
        small_photo(tmp_path / f"in/{number:03}.png", number)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, shells have it ignored
    run = program("process", tmp_path / "in", "--out", tmp_path / "out", "--json", "--steps", "denoise")
    signal.signal(signal.SIGINT, before)
    assert run.stdout
    first = json.loads(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130, err
    assert err.splitlines() == ["Stopped."]
    told = [first, *map(json.loads, out.splitlines())]
    written = sorted((tmp_path / "out").iterdir())
    # Some may be written that nobody was told of any more.
    assert {record["output"] for record in told} <= set(map(str, written))
    assert len(written) < 400
    for path in written:
        assert path.suffix == ".png"
        with Image.open(path) as image:
            image.load()
