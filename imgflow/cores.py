"""How many processor cores this process may use, and how the picture libraries are told.

Each of OpenCV, numba, OpenMP (PyTorch, SciPy's BLAS) and ONNX Runtime starts as many threads as the *machine* has
cores. In a container with 4 of 64 cores that is 64 threads for 4 cores, several times over.
"""

import functools
import math
import os
from pathlib import Path

import psutil

LIBRARIES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
"""The variables from which the libraries take their number of threads, once, when they are imported."""

ALONE = ("OPENBLAS_NUM_THREADS",)
"""The same of NumPy's BLAS, which gets one thread: matrices are small here, and its others would spin while they wait
(2 % of all processor time of a folder)."""


@functools.cache
def usable_cores() -> int:
    """Cores this process may use: those it is pinned to, no more than its container's share of time, nor than
    `OMP_NUM_THREADS`."""
    process = psutil.Process()
    pinned = len(process.cpu_affinity() or ()) if hasattr(process, "cpu_affinity") else 0
    told = os.environ.get("OMP_NUM_THREADS", "")
    limits = [pinned or os.cpu_count() or 1, _container_cores()] + ([int(told)] if told.isdecimal() else [])
    return max(1, min(limits))


@functools.cache
def compute_cores() -> int:
    """Threads for a library that computes without pause: no more than there are physical cores."""
    return min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())


def thread_variables(threads: int = 0) -> dict[str, str]:
    """The environment in which the libraries use so many threads (0: those that are usable).

    What the user has set himself stays.
    """
    numbers = dict.fromkeys(LIBRARIES, threads or usable_cores()) | dict.fromkeys(ALONE, 1)
    return {name: str(number) for name, number in numbers.items() if name not in os.environ}


def _container_cores(root: Path = Path("/sys/fs/cgroup")) -> int:
    """The container's share of processor time in whole cores, rounded up; very many without one."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return 1 << 16
    return math.ceil(int(quota) / int(period)) if quota not in ("max", "-1") else 1 << 16
