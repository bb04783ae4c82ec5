"""Upscalers in the layout of the super-image project: a folder with config.json and one file of weights a scale.

super-image itself is not needed: it asks for an OpenCV wheel that overwrites ours, and is no longer maintained. Its
weights are plain state dicts, which the networks beside this file take as they are.
"""

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from imgflow.errors import DeviceMemoryError, ModelUnavailableError
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.placement import place
from imgflow.models.pytorch.tiling import TiledRestorer, Tiling
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    from torch import nn


class Kind(NamedTuple):
    """One of super-image's networks.

    Attributes:
        network: module and class, beside this file.
        settings: the fields of config.json that the network takes.
        pad: receptive radius rounded up, pixels.
        precisions: what it bears without visible loss.
    """

    network: str
    settings: tuple[str, ...]
    pad: int
    precisions: tuple[str, ...]


NETWORKS: dict[str, Kind] = {
    # 1 + 2 * 16 blocks + 1 + tail: 36 pixels; the large model has 32 blocks.
    "EDSR": Kind("edsr.Edsr", ("n_resblocks", "n_feats", "res_scale"), 40, ("fp32", "bf16", "fp16")),
    "A2N": Kind("a2n.A2n", ("nf", "unf", "nb"), 40, ("fp32", "bf16", "fp16")),
}
"""By `model_type` in config.json."""

WEIGHTS = re.compile(r"pytorch_model_(\d)x\.pt")

SCALES = (2, 3, 4)

TILE = {"cpu": 1024, "cuda": 2048, "mps": 1024}
"""Side of a tile, pixels. On the CPU that is about 1 GB of activations."""


def load(model: Model, folder: Path, runtime: Runtime) -> TiledRestorer:
    """As `imgflow.models.families.LOADERS` says.

    `model.scale` names the file of weights, `pytorch_model_<scale>x.pt`; 0 is for a folder which holds only one.
    `model.options["weights"]` gives it another name.
    """
    config = _read_config(model.name, folder / "config.json")
    kind = NETWORKS.get(str(config.get("model_type")).upper())
    if kind is None:
        raise ModelUnavailableError(
            f"{model.name}: config.json is of {config.get('model_type')!r}; of super-image's networks "
            f"{' and '.join(NETWORKS)} can be loaded."
        )
    placement = place(model.name, runtime, kind.precisions)
    weights, scale = _weights(model, folder)
    network = _read(model.name, kind, config, weights, scale)
    import torch

    with memory_errors(model.name, placement.device):
        network = network.eval().to(placement.device, placement.dtype).to(memory_format=torch.channels_last)
    return TiledRestorer(model, network, placement, Tiling(TILE[placement.device], kind.pad), scale)


def _read_config(name: str, path: Path) -> dict[str, Any]:
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{name}: {path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelUnavailableError(f"{name}: {path} holds no settings.")
    return cast(dict[str, Any], config)


def _weights(model: Model, folder: Path) -> tuple[Path, int]:
    """The file of weights, and the scale that it is for."""
    found = {int(match[1]): path for path in folder.glob("*.pt") if (match := WEIGHTS.fullmatch(path.name))}
    scale = next(iter(found)) if model.scale == 0 and len(found) == 1 else model.scale
    path = folder / str(model.options.get("weights", f"pytorch_model_{scale}x.pt"))
    if scale not in SCALES or not path.is_file():
        raise ModelUnavailableError(
            f"{model.name}: {folder} has no weights for scale {scale or 'unknown'}; "
            f"there are some for {', '.join(map(str, sorted(found))) or 'none'}."
        )
    return path, scale


def _read(name: str, kind: Kind, config: dict[str, Any], weights: Path, scale: int) -> "nn.Module":
    import torch

    module, attribute = kind.network.split(".")
    build = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    try:
        with memory_errors(name, "cpu"):
            # weights_only: a file of weights is data, a pickle that does anything else is refused.
            state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
            # Some were saved from inside nn.DataParallel.
            state = {key.removeprefix("module."): value for key, value in state.items()}
            network: nn.Module = build(scale, **{key: config[key] for key in kind.settings if key in config})
            # EDSR's files also have the shift by the training set's mean, which super-image does not apply.
            network.load_state_dict({key: value for key, value in state.items() if "_mean." not in key})
    except DeviceMemoryError:
        raise
    except Exception as error:  # a damaged or malicious file can fail in any way
        raise ModelUnavailableError(f"{name}: {weights} cannot be loaded: {error}") from error
    return network
