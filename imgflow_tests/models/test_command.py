"""`imgflow models`: what people and scripts see."""

import dataclasses
import io
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from imgflow.cli import main
from imgflow.doctor import examine
from imgflow.downloads import Downloads
from imgflow.execution.workers import Standing, Workers
from imgflow.models import registry
from imgflow.models.model import LocalSource, Model, ModelFile, UrlSource
from imgflow.models.registry import MODELS
from imgflow.models.store import ModelStore
from imgflow.settings import load_settings
from imgflow_tests.models.conftest import WEIGHTS
from imgflow_tests.models.web import FileServer

Register = Callable[..., Model]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelStore:
    """The store that the command uses."""
    monkeypatch.setenv("IMGFLOW_MODELS_DIR", str(tmp_path / "models"))
    return ModelStore(tmp_path / "models")


def imgflow(*arguments: object, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_pull_list_verify_rm(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))

    def row() -> dict[str, object]:
        rows = json.loads(imgflow("models", "list", "--json").stdout)
        return next(row for row in rows if row["name"] == "tiny")

    assert not row()["present"]
    pulled = imgflow("models", "pull", "tiny")
    assert pulled.stdout == f"tiny is in {store.root / 'tiny'}\n"
    assert f"fetching tiny.onnx ({len(WEIGHTS):,} bytes) from {web.url('/tiny.onnx')}" in pulled.stderr
    assert row() == {
        "name": "tiny",
        "purpose": "segment",
        "licence": "MIT",
        "commercial": True,
        "size": len(WEIGHTS),
        "present": True,
        "folder": str(store.root / "tiny"),
        "loaded": [],
    }
    assert imgflow("models", "verify", "tiny").stdout.endswith("tiny.onnx: ok\n")
    (store.root / "tiny/tiny.onnx").write_bytes(b"?" * len(WEIGHTS))
    assert imgflow("models", "verify", code=1).stdout.endswith("tiny.onnx: wrong\n")
    assert "removed" in imgflow("models", "rm", "tiny").stdout
    assert "is not in" in imgflow("models", "rm", "tiny").stdout
    assert not row()["present"]
    assert imgflow("models", "rm", "nosuch", code=2).stderr.startswith("Error: There is no model 'nosuch'")


def test_the_table_marks_what_may_not_be_used_commercially(store: ModelStore) -> None:
    rows = [line.split() for line in imgflow("models", "list").stdout.splitlines() if " segment " in line]
    commercial = {row[0]: row[-2] for row in rows}
    assert commercial["bria-rmbg"] == "no" and commercial["u2netp"] == "yes"
    assert commercial == {name: "yes" if MODELS[name].commercial else "no" for name in commercial}


def test_a_pull_tells_what_may_not_be_used_commercially(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    free = register(UrlSource(web.url("/tiny.onnx")))
    assert "commercially" not in imgflow("models", "pull", "tiny").stderr
    registry.MODELS["tiny"] = dataclasses.replace(free, commercial=False, licence="CC-BY-NC-4.0")
    assert "tiny may not be used commercially: its licence is CC-BY-NC-4.0" in imgflow("models", "pull", "tiny").stderr


def test_the_list_tells_which_workers_hold_a_model(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def standings(_workers: Workers) -> list[Standing]:
        return [
            Standing("gpu-0", 1, "gpu", ["u2net on cuda", "/my models/a on b.onnx on cuda"], 1, 1, "idle"),
            Standing("cpu-0", 2, "cpu", ["u2net on cpu"], 1, 1, "idle"),
        ]

    monkeypatch.setattr(Workers, "standings", standings)
    rows = {row["name"]: row for row in json.loads(imgflow("models", "list", "--json").stdout)}
    assert rows["u2net"]["loaded"] == ["gpu-0 on cuda", "cpu-0 on cpu"]
    assert rows["u2netp"]["loaded"] == []

    def broken(_workers: Workers) -> list[Standing]:
        raise OSError("no")

    monkeypatch.setattr(Workers, "standings", broken)
    imgflow("models", "list")


def test_offline_it_says_what_to_put_where(register: Register, store: ModelStore) -> None:
    (file,) = register(UrlSource("http://127.0.0.1:1/tiny.onnx")).files
    told = imgflow("models", "pull", "tiny", code=1).stderr
    assert f"Put it at {store.root / 'tiny/tiny.onnx'} yourself" in told
    assert file.sha256 in told
    assert "Traceback" not in told


def test_the_bar_follows_the_source_that_has_the_file(tmp_path: Path) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    file, other = ModelFile("config.json", "a" * 64, 100), ModelFile("config.json", "b" * 64, 200)
    with Downloads(terminal) as downloads:
        downloads(file, LocalSource(tmp_path / "1"), 40, 100)
        downloads(file, LocalSource(tmp_path / "2"), 10, 100)
        downloads(file, LocalSource(tmp_path / "2"), 100, 100)
        downloads(other, LocalSource(tmp_path / "2"), 50, 0)
        assert downloads._progress
        assert [(task.completed, task.total) for task in downloads._progress.tasks] == [(100, 100), (50, None)]


def test_the_doctor_looks_at_the_models_that_the_recipes_name(
    store: ModelStore, u2netp: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finding() -> tuple[str, str, str]:
        found = next(finding for finding in examine(load_settings()) if finding.check == "models")
        return found.status, found.text, found.remedy

    assert finding()[0] == "warn"
    assert finding()[2] == "imgflow models pull u2netp"
    (store.root / "u2netp").mkdir(parents=True)
    path = store.root / "u2netp/u2netp.onnx"
    path.write_bytes((u2netp.folder("u2netp") / "u2netp.onnx").read_bytes())
    assert finding()[0] == "ok"
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("matte: {model: isnet-general-use}\n")
    monkeypatch.setenv("IMGFLOW_RECIPE", str(recipe))
    assert finding()[0] == "warn"
    assert re.search("not here yet: isnet-general-use", finding()[1])
    recipe.write_text(f"matte: {{model: {path}}}\n")
    assert finding()[0] == "ok"
    recipe.write_text("matte: {model: nosuch}\n")
    assert finding()[0] == "fail"
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (time.time() + 5,) * 2)
    status, text, _ = finding()
    assert (status, text) == ("fail", f"damaged: {path}")
