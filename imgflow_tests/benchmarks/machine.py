"""Which machine the figures come from; neither its name nor its paths."""

import importlib.metadata
import os
import platform
import sqlite3
from pathlib import Path
from typing import Any

_PACKAGES = ("imgflow", "dagster", "numpy", "opencv-python-headless", "onnxruntime", "pymatting", "sqlalchemy")


def machine() -> dict[str, Any]:
    """Cores, CPU, memory, system and versions."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version for name in _PACKAGES if (version := _version(name))},
        },
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
