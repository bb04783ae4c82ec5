"""The benchmarks' own instruments."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from imgflow_tests.benchmarks import __main__ as command
from imgflow_tests.benchmarks import accuracy
from imgflow_tests.benchmarks.frame import Measured, Options, Row, interleaved, measure, median_seconds, peak_memory


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_is_measured_alone():
    small, large = measure(python("print('x')")), measure(python("x = bytearray(150_000_000); print(len(x))"))
    assert (small.output, large.output) == ("x\n", "150000000\n")
    assert 140e6 < large.memory - small.memory < 170e6
    slow = measure(python("import time; time.sleep(0.3)"))
    assert slow.seconds >= 0.3
    assert slow.cpu_seconds < 0.3 < measure(python("while __import__('time').process_time() < 0.4: pass")).cpu_seconds


def test_a_command_that_fails_is_told_with_its_last_words():
    with pytest.raises(RuntimeError, match=r"exit code 3 (.|\n)*no such thing"):
        measure(python("import sys; print('no such thing', file=sys.stderr); sys.exit(3)"))


def test_variants_take_turns():
    order: list[str] = []

    def variant(name: str, seconds: float) -> Measured:
        order.append(name)
        return Measured(seconds, seconds, int(seconds), "")

    seconds = iter([1, 2, 3, 40, 50, 60])
    runs = interleaved({name: lambda name=name: variant(name, next(seconds)) for name in "ab"}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (median_seconds(runs["a"]), peak_memory(runs["b"])) == (40, 60)


def test_the_report_holds_all_rows_and_names_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def rows(options: Options) -> list[Row]:
        assert (options.quick, options.repetitions) == (True, 1)
        return [Row("a walk", 3.0, 2.0, 5_000_000, None, {"iou": 0.9})]

    monkeypatch.setattr("imgflow_tests.benchmarks.folder.rows", rows)
    file = tmp_path / "bench.json"
    result = CliRunner().invoke(command.main, ["folder", "--quick", "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert "a walk" in result.output
    report = json.loads(file.read_text())
    assert report["benchmarks"]["folder"][0]["ratio"] == 1.5
    assert report["machine"]["cores"] >= 1
    assert "/" not in json.dumps(report["machine"]).replace("/proc", "")


def test_accuracy_is_that_of_the_cutout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    alpha = np.zeros((100, 100), np.uint8)
    alpha[:, :50] = 255
    alpha[:, 50] = 51
    half = alpha.copy()
    half[:50] = 0
    for folder, pixels in (("truth", alpha), ("same", alpha), ("half", half)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.dstack([alpha, alpha, alpha, pixels])).save(tmp_path / folder / "mug.png")
    Image.fromarray(alpha).save(tmp_path / "truth" / "mug.shadow.png")
    told = {}
    for folder in ("same", "half"):
        monkeypatch.setattr("sys.argv", ["accuracy", str(tmp_path / folder), str(tmp_path / "truth")])
        accuracy.main()
        told[folder] = json.loads(capsys.readouterr().out)
    assert told["same"] == {"photos": 1, "sad": 0, "iou": 1, "edge": 0, "edge_delta_e": 0}
    # 50 rows have lost 50 opaque pixels and one of 0.2; two and one of them are among the 5 pixels of the edge.
    assert told["half"]["sad"] == pytest.approx(2.51) and told["half"]["iou"] == 0.5
    assert told["half"]["edge"] == pytest.approx(0.5 * 2.2 / 5, abs=1e-3)
    assert told["half"]["edge_delta_e"] > 1
