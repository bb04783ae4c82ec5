"""BiRefNet and its variants as segmenters."""

from pathlib import Path

import torch  # noqa: TID253 (imported only when such a model is loaded)

from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.birefnet.weights import build, recognise
from imgflow.models.pytorch.placement import place
from imgflow.models.pytorch.published import read_state, weights_file
from imgflow.models.pytorch.segmenter import InputSize, TorchSegmenter
from imgflow.models.runtime import Runtime


def load(model: Model, folder: Path, runtime: Runtime) -> TorchSegmenter:
    """As `imgflow.models.families.LOADERS` says.

    The model's options, all of which can be left out:
        backbone: swin_t, swin_s, swin_b or swin_l; found in the weights.
        patch_order: wg_hg_c or c_hg_wg, see weights.py; without it one is assumed, and `fallback` tells so.
        size: (width, height) of the input where it is not a square of `input_size`.
        dynamic: true for variants trained on many sizes (see `InputSize`).
    """
    placement = place(model.name, runtime, ("fp32", "bf16", "fp16"))
    path = weights_file(model, folder, "model.safetensors")
    state = read_state(path)
    layout = recognise(state, model.options, path.parent)
    with memory_errors(model.name, placement.device):
        network = build(state, layout, placement.dtype, str(path))
        network = network.to(placement.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    width, height = model.options.get("size") or (model.input_size or 1024,) * 2
    size = InputSize(width, height, bool(model.options.get("dynamic")))
    return TorchSegmenter(model, network, placement, size, runtime, assumed=layout.assumed)
