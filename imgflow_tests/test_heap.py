import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from imgflow.heap import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones((4000, 9000), np.uint8)  # as large as a photo of 12 megapixels: glibc never keeps that by itself
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

_IMPORTED = """
import gc, sys
from imgflow.heap import importing_much
with importing_much():
    assert not gc.isenabled()
    import imgflow.cli, imgflow.pipeline.files, imgflow.pipeline.from_settings, imgflow.pipeline.single
assert gc.isenabled() and gc.get_freeze_count() > 1000
print([name for name in ("sqlalchemy", "alembic", "dagster", "cv2", "numba", "onnxruntime") if name in sys.modules])
"""


def _run(code: str, *arguments: str) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    ).stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="an option of glibc")
def test_freed_memory_is_used_again():
    given_back, kept = int(_run(_FAULTS, "give back")[0]), int(_run(_FAULTS, "keep")[0])
    assert kept < given_back / 5


def test_the_command_line_starts_without_database_and_picture_libraries():
    assert _run(_IMPORTED) == ["[]"]
