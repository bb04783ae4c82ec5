"""The models' benchmark measures what it says, and a missing reference never stops it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from imgflow.models.store import ModelStore
from imgflow_tests.benchmarks import __main__ as command
from imgflow_tests.benchmarks import model_run, models, reference_environment
from imgflow_tests.benchmarks.frame import Measured, Options, Row
from imgflow_tests.benchmarks.model_cases import (
    CODE,
    PRECISIONS,
    TORCH,
    Case,
    Setting,
    Size,
    cases,
    code_of,
    description,
    reference_precision,
)
from imgflow_tests.benchmarks.model_inputs import WEIGHTS
from imgflow_tests.benchmarks.model_ways import WAYS, Loaded, Task

QUICK = Options(True, 1, lambda _: None)


def told(seconds: Sequence[float] = (1.0,), **more: Any) -> dict[str, Any]:
    facts = {"device": "cpu", "precision": "fp32", "fallback": None, "card": None, "device_memory": None}
    return {**facts, "software": "theirs 1.0", "load": 0.5, "seconds": seconds, "cpu_seconds": seconds, **more}


def measured(memory: int = 1_000_000, **facts: Any) -> Measured:
    return Measured(9.0, 9.0, memory, f"a library speaks\n{json.dumps(told(**facts))}\n")


def test_every_case_has_its_way_its_weights_and_its_description() -> None:
    for case in TORCH:
        assert case.way in WAYS and case.model in WEIGHTS
        assert description(case.model).name == case.model
        for size in (case.quick, case.cpu, case.gpu):
            assert 1 <= size.count <= len(models.PHOTOS)
        assert case.quick.megapixels <= case.cpu.megapixels <= case.gpu.megapixels
    # Both sides see the patches in the same order.
    assert description("birefnet").options["patch_order"] == "c_hg_wg"


def test_onnx_models_are_measured_where_they_are_present(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert cases(store, quick=False) == list(TORCH)
    assert "BiRefNet Swin-L at 1024" not in [case.name for case in cases(store, quick=True)]
    (tmp_path / "u2netp").mkdir()
    with (tmp_path / "u2netp" / "u2netp.onnx").open("wb") as file:
        file.truncate(description("u2netp").files[0].size)
    assert [case.model for case in cases(store, quick=True)][:1] == ["u2netp"]


def test_the_authors_code_is_only_that_of_the_named_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in TORCH if case.code == "BiRefNet_lite")
    monkeypatch.delenv(CODE, raising=False)
    with pytest.raises(RuntimeError, match=CODE):
        code_of(case)
    monkeypatch.setenv(CODE, str(tmp_path))
    with pytest.raises(RuntimeError, match="BiRefNet_lite"):
        code_of(case)
    (tmp_path / "BiRefNet_lite").mkdir()
    (tmp_path / "BiRefNet_lite" / "birefnet.py").touch()
    assert code_of(case) == tmp_path / "BiRefNet_lite"
    assert code_of(replace(case, code="")) is None
    assert CODE in CliRunner().invoke(command.main, ["--help"]).output


def test_the_reference_runs_in_half_precision_only_where_its_authors_do() -> None:
    birefnet, other = TORCH[0], TORCH[-1]
    assert [reference_precision(birefnet, "cuda", each) for each in PRECISIONS["cuda"]] == ["fp32", "fp16", "fp16"]
    assert [reference_precision(birefnet, "cpu", each) for each in PRECISIONS["cpu"]] == ["fp32", "fp32"]
    assert reference_precision(other, "cuda", "fp16") == "fp32"


def test_only_the_work_is_timed_and_its_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    for name in "cab":
        (tmp_path / "photos" / f"{name}.jpg").touch()
    seen: list[str] = []

    def run(photo: Path) -> Any:
        seen.append(photo.stem)
        return np.full((2, 3), 7 / 255, np.float32)

    monkeypatch.setitem(WAYS, "made up", lambda _: Loaded(run, "made up 1.0", "cpu", "bf16", "because"))
    task = Task("made up", "x", "", photos=str(tmp_path / "photos"), out=str(tmp_path / "out"), count=2)
    facts = model_run.timed(task)
    assert seen == ["a", "b"]
    assert len(facts["seconds"]) == len(facts["cpu_seconds"]) == 2 and facts["precision"] == "bf16"
    assert np.asarray(Image.open(tmp_path / "out" / "b.png")).tolist() == [[7, 7, 7]] * 2
    assert model_run.timed(replace(task, photos=""))["seconds"] == []
    assert len(seen) == 2


def test_runs_are_summed_up_over_photos_and_repetitions() -> None:
    runs = models.summed_up([measured(5, seconds=[9, 1, 2]), measured(7, seconds=[3, 4])])
    assert (runs.seconds, runs.cpu_seconds, runs.memory, runs.told["software"]) == (3, 3, 7, "theirs 1.0")


def test_a_row_tells_device_precision_ratio_and_fallback() -> None:
    ours = models.summed_up([measured(8, seconds=[2], card="A card", precision="fp16", device_memory=3_000_000)])
    theirs = models.summed_up([measured(9, seconds=[5], fallback="slower was wanted")])
    row = models.row("Net", Setting("cuda", "fp16"), Size(1, 12), ours, theirs, "theirs 1.0", 0.25)
    assert (row.name, row.ratio, row.memory, row.reference_memory) == ("Net, A card, fp16", 0.4, 8, 9)
    assert row.figures["times as fast"] == 2.5 and row.figures["GPU MB"] == 3 and row.figures["difference"] == 0.25
    assert row.figures["reference fallback"] == "slower was wanted" and "fallback" not in row.figures
    alone = models.row("Net", Setting("cuda", "fp16"), Size(1, 12), ours, None, "none: no network", None)
    assert (alone.ours, alone.reference, alone.ratio) == (2, None, None)
    assert alone.figures["reference"] == "none: no network"


def test_the_difference_is_that_of_alpha_or_of_colours(tmp_path: Path) -> None:
    shades = {"ours": 100, "theirs": 104}
    for side, shade in shades.items():
        (tmp_path / side).mkdir()
        Image.new("RGBA", (4, 4), (shade * 2, 0, 0, shade)).save(tmp_path / side / "mug.png")
    assert models.mean_difference(tmp_path / "ours", tmp_path / "theirs") == 4
    Image.new("RGB", (4, 4), (206, 0, 0)).save(tmp_path / "theirs" / "mug.png")
    assert models.mean_difference(tmp_path / "ours", tmp_path / "theirs") == 2
    Image.new("RGB", (4, 5)).save(tmp_path / "theirs" / "mug.png")
    with pytest.raises(RuntimeError, match="pixels"):
        models.mean_difference(tmp_path / "ours", tmp_path / "theirs")


class Machine:
    """Instead of processes: what each would tell. `broken` names the ways that fail, `missing` what falls back."""

    def __init__(self, *broken: str, device: str = "cpu", missing: Sequence[str] = ("bf16",)) -> None:
        self.broken = broken
        self.device, self.missing = device, missing
        self.tasks: list[Task] = []

    def measure(self, arguments: Sequence[str], env: dict[str, str] | None = None) -> Measured:
        if "model_run" not in arguments[2]:
            Path(arguments[5] if arguments[3] == "weights" else arguments[4]).mkdir(parents=True)
            return Measured(1, 1, 1, "")
        task = Task(**json.loads(arguments[3]))
        self.tasks.append(task)
        if task.way in self.broken:
            raise RuntimeError(f"exit code 1 of it\n\nImportError: {task.way} is broken\n")
        if task.photos:
            Path(task.out).mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2), 9).save(Path(task.out, "mug.png"))
        falls = {task.precision, task.device} & set(self.missing)
        return measured(
            seconds=[2.0 if task.way == "imgflow" else 3.0],
            device=self.device,
            card="A card" if self.device == "cuda" else None,
            precision=("fp32" if falls or task.precision == "auto" else task.precision)
            + (" compiled" if task.compile == "auto" else ""),
            fallback=f"{' '.join(falls)} was wanted" if falls else None,
        )


def rows_of(machine: Machine, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    monkeypatch.setattr(models, "measure", machine.measure)
    monkeypatch.setattr(models, "cases", lambda *_: [case])
    monkeypatch.setattr(ModelStore, "ensure", lambda *_: tmp_path)
    return list(models.rows(QUICK))


def test_a_case_is_run_in_each_precision_that_the_model_bears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    case = next(case for case in TORCH if case.way == "spandrel")
    (row,) = rows_of(machine, case, tmp_path, monkeypatch)  # bf16 falls back to fp32: no row of its own
    assert row.name == f"{case.name}, cpu, fp32"
    assert (row.ours, row.reference) == (2, 3) and row.figures["difference"] == 0
    assert [task.way for task in machine.tasks if task.photos] == ["imgflow", "spandrel"]
    one, other = (task for task in machine.tasks if task.photos)
    assert (one.photos, one.weights, one.device) == (other.photos, other.weights, other.device)


@pytest.mark.parametrize(
    ("way", "missing", "expected"),
    [
        ("transformers", [], ["fp32", "fp16", "fp32 compiled", "fp16 compiled"]),
        ("transformers", ["fp16"], ["fp32", "fp32 compiled"]),
        ("rembg", [], ["fp32", "with TensorRT, fp32", "with TensorRT, fp16"]),
        ("rembg", ["tensorrt"], ["fp32"]),
    ],
)
def test_on_a_gpu_all_that_can_be_had_is_measured(
    way: str, missing: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "code_of", lambda _: tmp_path)
    monkeypatch.setattr(models, "reference_environment", lambda *_: Path("python"))
    onnx = Case("u2netp", "u2netp", "rembg", (), Size(1, 1), Size(1, 1), Size(1, 1), in_file=True)
    case = next((case for case in TORCH if case.way == way), onnx)
    machine = Machine(device="cuda", missing=missing)
    rows = rows_of(machine, case, tmp_path, monkeypatch)
    told = [row.name.removeprefix(f"{case.name}, A card").removeprefix(",").strip() for row in rows]
    assert told == expected
    assert all(row.ratio == pytest.approx(2 / 3) for row in rows)
    if way == "transformers":  # whose authors document half precision
        halves = [row.figures["reference precision"] for row in rows if "fp16" in row.name]
        assert halves == ["fp16"] * len(halves)


def test_a_reference_that_fails_leaves_a_row_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in TORCH if case.way == "spandrel")
    (row,) = rows_of(Machine("spandrel"), case, tmp_path, monkeypatch)
    assert (row.ours, row.reference) == (2, None)
    assert row.figures["reference"] == "none: ImportError: spandrel is broken"
    (row,) = rows_of(Machine("imgflow"), case, tmp_path, monkeypatch)
    assert row.ours is None and row.figures["left out"] == "ImportError: imgflow is broken"


def test_a_reference_environment_sees_what_is_here_and_tells_what_pip_says(tmp_path: Path) -> None:
    python = reference_environment.reference_environment(tmp_path / "one", ["numpy"])  # here already: nothing to fetch
    code = "import sys, numpy, imgflow; print(sys.prefix)"
    assert models.measure([str(python), "-c", code]).output.strip() == str(tmp_path / "one")
    with pytest.raises(RuntimeError, match=r"cannot be installed: .*no-such-file"):
        reference_environment.reference_environment(tmp_path / "two", [str(tmp_path / "no-such-file.whl")])
