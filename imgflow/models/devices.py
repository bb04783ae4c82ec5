"""What a library that computes could run on here, found without loading it: what `auto` goes by."""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import psutil

Library = Literal["onnxruntime", "torch"]


def library_of(family: str) -> Library:
    """What runs the models of a family."""
    return "onnxruntime" if family.endswith("_onnx") else "torch"


@functools.cache
def is_installed(library: Library) -> bool:
    """Whether models that need it can be loaded at all."""
    return importlib.util.find_spec(library) is not None


def has_gpu(device: str, library: Library) -> bool:
    """Whether models of that library run on something faster than a CPU.

    Args:
        device: auto, cpu, cuda, tensorrt, mps; `auto` looks.
        library: its wheel must have been built for the GPU, too.
    """
    if device == "cpu" or not _is_built_for_gpus(library):
        return False
    if device != "auto":
        return library == "torch" or device != "mps"  # Core ML runs these networks only in part
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = visible is not None and visible.split(",")[0].strip() in ("", "-1")
    return (bool(nvidia("index")) and not hidden) or (library == "torch" and _metal())


@functools.cache
def _is_built_for_gpus(library: Library) -> bool:
    if library == "torch":
        try:
            return not importlib.metadata.version("torch").endswith("+cpu")
        except importlib.metadata.PackageNotFoundError:
            return False
    spec = importlib.util.find_spec("onnxruntime")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    return any(True for folder in folders for _ in folder.glob("capi/*onnxruntime_providers_cuda*"))


@functools.cache
def device_memory(device: str) -> int:
    """Bytes: of the first visible GPU if models may run there, else of the machine."""
    told = nvidia("memory.total") if device in ("auto", "cuda", "tensorrt") else []
    mebibytes = told[0].split()[0] if told else ""  # of some devices the driver does not know it
    return int(mebibytes) * 1024**2 if mebibytes.isdecimal() else psutil.virtual_memory().total


@functools.cache
def nvidia(field: str) -> Sequence[str]:
    """What the NVIDIA driver tells of each GPU, as `nvidia-smi --query-gpu`; nothing where there is none."""
    query = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return told.stdout.splitlines() if told.returncode == 0 else []


def _metal() -> bool:
    return (platform.system(), platform.machine()) == ("Darwin", "arm64")
