"""The libraries use the cores that this process may use, not those of the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgflow import cores
from imgflow.cores import ALONE, LIBRARIES, thread_variables, usable_cores


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch):
    for name in (*LIBRARIES, *ALONE):
        monkeypatch.delenv(name, raising=False)
    usable_cores.cache_clear()
    yield
    usable_cores.cache_clear()


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, 1 << 16),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1 << 16),
        ({}, 1 << 16),
    ],
)
def test_a_container_has_its_share(tmp_path: Path, files: dict[str, str], expected: int):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores._container_cores(tmp_path) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned here")
def test_the_libraries_obey():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from imgflow.cores import thread_variables; os.environ.update(thread_variables())\n"
        "import cv2, numba; print(cv2.getNumThreads(), numba.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_blas_has_one_thread():
    assert thread_variables(3) == dict.fromkeys(LIBRARIES, "3") | dict.fromkeys(ALONE, "1")


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert usable_cores() == 1
    variables = thread_variables()
    assert "OMP_NUM_THREADS" not in variables and set(variables.values()) == {"1"}
    others = [name for name in LIBRARIES if name != "OMP_NUM_THREADS"]
    assert thread_variables(3) == dict.fromkeys(others, "3") | dict.fromkeys(ALONE, "1")
