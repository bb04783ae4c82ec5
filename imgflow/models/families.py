"""The families of models, and the code that loads each."""

import importlib
from collections.abc import Callable
from pathlib import Path

from imgflow.models.base import LoadedModel
from imgflow.models.model import Model
from imgflow.models.runtime import Runtime

LOADERS: dict[str, str] = {
    "birefnet": "imgflow.models.pytorch.birefnet.segmenter",
    "inspyrenet": "imgflow.models.pytorch.inspyrenet",
    "u2net_onnx": "imgflow.models.onnx.segmenter",
    "spandrel": "imgflow.models.pytorch.spandrel_restorer",
    "super_image": "imgflow.models.pytorch.super_image",
    "vitmatte": "imgflow.models.pytorch.vitmatte",
}
"""By family (see registry.py): the module whose `load(model, folder, runtime)` loads it.

Args of `load`: the model's description; the folder in which its files are present and verified; how it is to run.
Raises: ModelUnavailableError (the files cannot be loaded), DeviceUnavailableError (`runtime.strict`, and the device is
not there), DeviceMemoryError (it does not fit).
"""


def load_model(model: Model, folder: Path, runtime: Runtime) -> LoadedModel:
    """Loads a model whose files are present and verified; raises as `LOADERS` says."""
    load: Callable[[Model, Path, Runtime], LoadedModel] = importlib.import_module(LOADERS[model.family]).load
    return load(model, folder, runtime)
