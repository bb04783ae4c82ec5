"""Denoisers and upscalers in any of the architectures that spandrel knows: NAFNet, Real-ESRGAN and some forty others.

spandrel recognises the architecture by the names and shapes of the weights. It reads pickles through an unpickler that
builds nothing but tensors.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imgflow.errors import DeviceMemoryError, ModelUnavailableError
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.placement import place
from imgflow.models.pytorch.tiling import Network, TiledRestorer, Tiling, in_pieces
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    import spandrel
    import torch
    from torch import nn

PURPOSES = {"denoise": "Restoration", "upscale": "SR"}
"""The registry's purpose, and what spandrel calls it."""


class Context(NamedTuple):
    """How an architecture is tiled.

    Attributes:
        pad: pixels of context on each side.
        tile: side of a tile on the CPU, pixels: 2 to 3 GB of activations in fp32. A GPU gets twice that.
        align: multiple on which tiles begin, besides the one that spandrel's descriptor asks for.
        fill: multiple up to which a picture is mirrored, besides that one.
    """

    pad: int
    tile: int = 512
    align: int = 1
    fill: int = 1


CONTEXT: dict[str, Context] = {
    # Left alone it fills up to 16 with black. Radius 325 on paper; a small one, trained for this, needs 32 pixels for
    # 0.1 of 255, and 48 for 0.01.
    "NAFNet": Context(pad=48, tile=768, align=16, fill=16),
    # Radius 351 on paper. With the real x4plus weights, the worst pixel of a tile is off by 72 levels of 255 with
    # 10 pixels of context (what Real-ESRGAN's own tiles have), by 12 with 32, by 2.1 with 48, by 0.4 with 64.
    "ESRGAN": Context(pad=64, tile=768),
    # 16 or 32 convolutions and two more, each of radius 1: exact.
    "Compact": Context(pad=34, tile=1024),
}
"""By spandrel's name of the architecture."""

UNKNOWN = Context(pad=64, align=64)
"""For the others. 64 is a multiple of nearly all attention windows in use."""

GPU_FACTOR = 2

SUFFIXES = (".pth", ".ckpt", ".safetensors")
"""Kinds of files that hold nothing but weights. (A .pt may be TorchScript, which is a program.)"""


def load(model: Model, folder: Path, runtime: Runtime) -> TiledRestorer:
    """As `imgflow.models.families.LOADERS` says. The scale and the precisions that it bears are spandrel's to know."""
    place(model.name, runtime)  # tells when PyTorch is missing, before spandrel stumbles over it
    descriptor = _read(model, folder / model.files[0].name)
    bears = {"fp16": descriptor.supports_half, "bf16": descriptor.supports_bfloat16}
    placement = place(model.name, runtime, ("fp32", *(name for name, does in bears.items() if does)))
    import torch

    with memory_errors(model.name, placement.device):
        module = descriptor.model.eval().to(placement.device, placement.dtype).to(memory_format=torch.channels_last)
    return TiledRestorer(
        model, module, placement, _tiling(descriptor, placement.device), descriptor.scale, _network(descriptor)
    )


def _read(model: Model, path: Path) -> "spandrel.ImageModelDescriptor[nn.Module]":
    import spandrel

    if path.suffix.lower() not in SUFFIXES:
        raise ModelUnavailableError(f"{model.name}: {path.name} is not one of {', '.join(SUFFIXES)}.")
    try:
        with memory_errors(model.name, "cpu"):
            descriptor = spandrel.ModelLoader().load_from_file(path)
    except DeviceMemoryError:
        raise
    except spandrel.UnsupportedModelError as error:
        raise ModelUnavailableError(f"{model.name}: {path} is of no architecture that spandrel knows.") from error
    except Exception as error:  # a damaged or malicious file can fail in any way
        raise ModelUnavailableError(f"{model.name}: {path} cannot be loaded: {error}") from error
    if PURPOSES.get(model.purpose) != descriptor.purpose:
        raise ModelUnavailableError(
            f"{model.name}: the weights are {descriptor.architecture.name}, which spandrel knows as "
            f"{descriptor.purpose} at scale {descriptor.scale}: nothing to {model.purpose} with."
        )
    channels = (descriptor.input_channels, descriptor.output_channels)
    if not isinstance(descriptor, spandrel.ImageModelDescriptor) or channels != (3, 3):
        raise ModelUnavailableError(f"{model.name}: the weights take {channels[0]} channels and make {channels[1]}.")
    return descriptor


def _tiling(descriptor: "spandrel.ImageModelDescriptor[nn.Module]", device: str) -> Tiling:
    context = CONTEXT.get(descriptor.architecture.id, UNKNOWN)
    asked = descriptor.size_requirements.multiple_of
    align, fill = math.lcm(context.align, asked), math.lcm(context.fill, asked)
    # An ESRGAN that begins by folding 2 x 2 pixels into one sees everything at half the size.
    fold = getattr(descriptor.model, "shuffle_factor", None) or 1
    tile = context.tile * fold * (GPU_FACTOR if device == "cuda" else 1)
    return Tiling(-(-tile // align) * align, context.pad * fold, align, fill)


def _network(descriptor: "spandrel.ImageModelDescriptor[nn.Module]") -> Network:
    """How the network is called: an ESRGAN in two parts (see `tiling.in_pieces`), any other as spandrel does."""
    module: Any = descriptor.model
    if descriptor.architecture.id != "ESRGAN" or descriptor.scale == 1:
        return descriptor
    import torch

    # Features and residual blocks; then everything that enlarges.
    trunk, tail = module.model[:2], module.model[2:]
    fold = module.shuffle_factor or 1

    def network(x: "torch.Tensor") -> "torch.Tensor":
        return in_pieces(tail, descriptor.scale * fold, trunk(torch.pixel_unshuffle(x, fold)))

    return network
