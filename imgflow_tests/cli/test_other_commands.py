"""`imgflow models`, `doctor` and `inspect`."""

import json
from pathlib import Path

import pytest

from imgflow import __version__
from imgflow.models.store import ModelStore
from imgflow_tests.cli.calls import imgflow, process, small_photo


def test_models_are_listed(models: ModelStore):
    rows = {row["name"]: row for row in json.loads(imgflow("models", "list", "--json").stdout)}
    assert rows["u2netp"]["present"] is True
    assert rows["u2netp"]["commercial"] is True
    assert Path(rows["u2netp"]["folder"]) == models.folder("u2netp")
    table = imgflow("models", "list")
    assert table.exit_code == 0
    assert "u2netp" in table.stdout


def test_models_are_verified(models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    result = imgflow("models", "verify")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("u2netp.onnx: ok")
    damaged = tmp_path / "models/u2netp/u2netp.onnx"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(bytes(100))
    monkeypatch.setenv("IMGFLOW_MODELS_DIR", str(tmp_path / "models"))
    result = imgflow("models", "verify", "u2netp")
    assert result.exit_code == 1
    assert result.stdout.rstrip().endswith("u2netp.onnx: wrong")


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_model_is_bad_usage(command: str):
    result = imgflow("models", command, "nosuch")
    assert result.exit_code == 2
    assert "nosuch" in result.stderr


def test_the_doctor_tells_by_its_exit_code(models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    result = imgflow("doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert {"store", "catalog", "models", "devices", "dagster", "recipes"} <= set(findings)
    assert all(set(finding) == {"check", "status", "text", "remedy"} for finding in findings.values())
    assert findings["models"]["status"] in ("ok", "warn")
    assert result.exit_code == 0, findings
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("IMGFLOW_STORE", str(tmp_path / "file"))
    monkeypatch.setenv("IMGFLOW_CATALOG_URL", f"sqlite:///{tmp_path / 'file' / 'catalog.db'}")
    result = imgflow("doctor", "--json")
    assert result.exit_code == 1
    failed = {finding["check"] for finding in json.loads(result.stdout) if finding["status"] == "fail"}
    assert failed == {"store", "catalog"}
    assert "FAIL" in imgflow("doctor").stdout


def test_inspect_tells_what_made_a_file(tmp_path: Path):
    process(small_photo(tmp_path / "a.png"), "--out", tmp_path / "out", "--set", "publish.format=webp")
    result, broken = tmp_path / "out" / "a.webp", tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    told = imgflow("inspect", result, tmp_path / "a.png", broken)
    assert told.exit_code == 1
    for text in (f"imgflow {__version__}", "format=webp", "no stamp of imgflow"):
        assert text in told.stdout
    assert "not_an_image" in told.stderr
    as_json = imgflow("inspect", "--json", result)
    assert as_json.exit_code == 0
    stages = json.loads(as_json.stdout)["stamp"]["stages"]
    assert [stage["stage"] for stage in stages] == ["denoise", "publish"]
    assert stages[1]["parameters"]["format"] == "webp"
