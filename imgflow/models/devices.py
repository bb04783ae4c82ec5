"""What a library that computes could run on here, found without loading it: what `auto` goes by."""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from pathlib import Path
from typing import Literal

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
    return (_nvidia() and not hidden) or (library == "torch" and _metal())


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
def _nvidia() -> bool:
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def _metal() -> bool:
    return (platform.system(), platform.machine()) == ("Darwin", "arm64")
