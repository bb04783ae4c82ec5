"""ONNX Runtime tells nobody that imgflow is used."""

import os
import subprocess
import sys
from pathlib import Path


def test_no_identifier_of_the_machine_is_made(tmp_path: Path):
    # ONNX Runtime itself is quiet where it finds `CI`.
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", "import imgflow, onnxruntime; onnxruntime.SessionOptions()"],
        env=kept | own,
        check=True,
        timeout=60,
    )
    assert list(tmp_path.rglob("*")) == []
