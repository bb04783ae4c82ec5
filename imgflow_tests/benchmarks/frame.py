"""What all benchmarks share: commands measured in processes of their own, and rows for the table."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The kernel counts in bytes on macOS, in KiB elsewhere.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024

# A process begins with the peak of the one that started it on its account. This one is small, whatever has called it.
_LAUNCHER = """
import os, sys, time
begin = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - begin
with open(sys.argv[1], "w") as file:
    cpu_seconds = usage.ru_utime + usage.ru_stime
    print(os.waitstatus_to_exitcode(status), seconds, cpu_seconds, usage.ru_maxrss, file=file)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One command that has run.

    Attributes:
        seconds: wall time, from start to exit.
        cpu_seconds: of the process and its children, on all cores together.
        memory: peak resident memory of the process (of the largest one, if it has children), bytes.
        output: what it printed on stdout.
    """

    seconds: float
    cpu_seconds: float
    memory: int
    output: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's table.

    Attributes:
        name: what was measured.
        ours: seconds of imgflow.
        reference: seconds of what it is compared with, or the most that it may take; None where there is nothing.
        memory: peak resident memory of imgflow, bytes.
        reference_memory: the same of the reference.
        figures: other figures of merit by name, with their unit in the name.
    """

    name: str
    ours: float | None = None
    reference: float | None = None
    memory: int | None = None
    reference_memory: int | None = None
    figures: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours over the reference: below 1 is better than it."""
        return self.ours / self.reference if self.ours is not None and self.reference else None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "ours": self.ours,
            "reference": self.reference,
            "ratio": self.ratio,
            "memory": self.memory,
            "reference_memory": self.reference_memory,
            "figures": dict(self.figures),
        }


@dataclass(frozen=True, slots=True)
class Options:
    """How thoroughly to measure.

    Attributes:
        quick: fewer and smaller inputs.
        repetitions: times each variant is run.
        note: tells the person who waits what is going on.
    """

    quick: bool
    repetitions: int
    note: Callable[[str], None]


Benchmark = Callable[[Options], Iterator[Row]]


def measure(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run a command and wait for it.

    Args:
        env: added to this process's environment.

    Raises:
        RuntimeError: an exit code other than 0; with the end of what it printed.
    """
    with tempfile.NamedTemporaryFile("r") as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, told.name, *map(str, command)]
        subprocess.run(launcher, stdout=out, stderr=err, env={**os.environ, **(env or {})}, check=False)
        for stream in (out, err):
            stream.seek(0)
        report = told.read().split()
        if len(report) != 4 or report[0] != "0":
            tail = err.read().decode(errors="replace")[-3000:]
            raise RuntimeError(f"exit code {report[0] if report else None} of {' '.join(map(str, command))}\n{tail}")
        memory = int(report[3]) * _RSS_UNIT
        return Measured(float(report[1]), float(report[2]), memory, out.read().decode(errors="replace"))


def interleaved(variants: Mapping[str, Callable[[], Measured]], repetitions: int) -> dict[str, list[Measured]]:
    """Each variant in turn, again and again, so that whatever else the machine does falls on all of them."""
    runs: dict[str, list[Measured]] = {name: [] for name in variants}
    for number in range(repetitions):
        # Back and forth: no variant always comes right after the same other one.
        for name in list(variants) if number % 2 == 0 else list(reversed(variants)):
            runs[name].append(variants[name]())
    return runs


def median_seconds(runs: Sequence[Measured]) -> float:
    """Median wall time."""
    return statistics.median(run.seconds for run in runs)


def median_cpu_seconds(runs: Sequence[Measured]) -> float:
    """Median CPU time: on a busy machine it says more than the wall time."""
    return statistics.median(run.cpu_seconds for run in runs)


def peak_memory(runs: Sequence[Measured]) -> int:
    """The largest peak."""
    return max(run.memory for run in runs)
