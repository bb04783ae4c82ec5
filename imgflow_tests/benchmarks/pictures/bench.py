"""What the parts share: ways run in processes of their own, and rows from what they told."""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import ModelUnavailableError
from imgflow.models.store import ModelStore
from imgflow.settings import load_settings
from imgflow_tests.benchmarks.frame import Measured, Options, Row, interleaved, measure, peak_memory
from imgflow_tests.benchmarks.pictures.ways import Task


@dataclass(frozen=True, slots=True)
class Ran:
    """What one way did.

    Attributes:
        out: folder of its results.
        seconds, cpu_seconds: for all inputs together, the median of the repetitions.
        memory: peak of the process, bytes.
    """

    out: Path
    seconds: float
    cpu_seconds: float
    memory: int

    def result(self, given: Path) -> NDArray[Any]:
        """Of one input; the bytes of a file as a flat array."""
        array = self.out / f"{given.stem}.npy"
        return np.load(array) if array.exists() else np.fromfile(self.out / f"{given.stem}.bin", np.uint8)


@dataclass(frozen=True, slots=True)
class Bench:
    """A place for inputs and results, and how thoroughly to measure.

    Attributes:
        scratch: removed in the end.
        options: of the benchmark.
        model: u2netp.onnx; None if it cannot be had.
    """

    scratch: Path
    options: Options
    model: Path | None

    def run(self, ways: Sequence[str], inputs: Sequence[Path], repetitions: int | None = None) -> dict[str, Ran]:
        """Each way on all inputs, in a process of its own; they take turns.

        Args:
            repetitions: those of the options without.
        """
        self.options.note(f"pictures: {len(inputs)} x {', '.join(ways)}")
        tasks = {
            way: Task(way, [str(file) for file in inputs], str(self._out(way)), str(self.model or "")) for way in ways
        }
        runs = interleaved(
            {way: partial(_run, task) for way, task in tasks.items()}, repetitions or self.options.repetitions
        )
        return {way: _ran(Path(tasks[way].out), measured) for way, measured in runs.items()}

    def _out(self, way: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{way.replace(' ', '-').replace(',', '')}-", dir=self.scratch))


@contextmanager
def bench(options: Options) -> Iterator[Bench]:
    """A bench whose scratch folder is gone afterwards."""
    try:
        model = ModelStore(load_settings().models_location).ensure("u2netp") / "u2netp.onnx"
    except ModelUnavailableError as error:
        options.note(f"pictures: what needs u2netp is left out: {error}")
        model = None
    with tempfile.TemporaryDirectory(prefix="imgflow-pictures-") as scratch:
        yield Bench(Path(scratch), options, model)


def timing(name: str, ours: Ran, reference: Ran | None, figures: Mapping[str, float | str] | None = None) -> Row:
    """A row of what two ways took for the same inputs, with their CPU seconds before the other figures."""
    told: dict[str, float | str] = {"CPU s": ours.cpu_seconds}
    if reference is None:
        return Row(name, ours.seconds, None, ours.memory, None, told | dict(figures or {}))
    told |= {"reference CPU s": reference.cpu_seconds, "CPU ratio": ours.cpu_seconds / reference.cpu_seconds}
    told |= dict(figures or {})
    return Row(name, ours.seconds, reference.seconds, ours.memory, reference.memory, told)


def mean(values: Sequence[float]) -> float:
    """Plain mean."""
    return float(np.mean(values))


def _run(task: Task) -> Measured:
    return measure([sys.executable, "-m", "imgflow_tests.benchmarks.pictures.run", json.dumps(asdict(task))])


def _ran(out: Path, runs: Sequence[Measured]) -> Ran:
    told = [json.loads(run.output.strip().splitlines()[-1]) for run in runs]
    seconds, cpu_seconds = (statistics.median(sum(one[key]) for one in told) for key in ("seconds", "cpu_seconds"))
    return Ran(out, seconds, cpu_seconds, peak_memory(runs))
