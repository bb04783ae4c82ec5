"""From the published state dict of BiRefNet to the network of network.py.

Patch order. Every level of the decoder sees the picture cut into patches that lie upon each other as channels. On
5 November 2024 (commit 5198d3f) the authors changed the order of these channels, in the code but not in the weights
that were already published, and no key or shape tells which one a file was trained with: a file that is run in the
wrong order still gives a mask, a worse one. Here the order belongs to the weights (`patch_order`), and the channels of
the first convolution are put into one order when they are loaded.

| patch_order | channels, slowest first | trained so |
|---|---|---|
| wg_hg_c | columns, rows, colours | before: BiRefNet (epoch 244), -matting (epoch 100), -portrait, -legacy, -DIS5K, |
|         |                        | -COD, -HRSOD, _lite, _lite-2K; RMBG-2.0 |
| c_hg_wg | colours, rows, columns | after: _HR, _HR-matting, _512x512, _dynamic, _dynamic-matting, _lite-matting |

(The code that the hub delivers with the older weights today is the newer one. Those who compared with ONNX exports made
at the time of training found the older order to be right.)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch  # noqa: TID253 (imported only by the modules that load a network)
from torch import Tensor  # noqa: TID253

from imgflow.errors import ModelUnavailableError
from imgflow.models.pytorch.birefnet.network import GRIDS, KERNELS, BiRefNet
from imgflow.models.pytorch.published import Published
from imgflow.models.pytorch.swin import SIZES, recognised_size

PATCH_ORDERS = ("wg_hg_c", "c_hg_wg")
"""The channels of the picture's patches, the slowest first: w and h count patches (columns, rows), c is the colour."""

ORDER_OF_NAME: Mapping[str, str] = {
    "BiRefNet": "wg_hg_c",
    "BiRefNet-matting": "wg_hg_c",
    "BiRefNet-portrait": "wg_hg_c",
    "BiRefNet-legacy": "wg_hg_c",
    "BiRefNet-DIS5K": "wg_hg_c",
    "BiRefNet-DIS5K-TR_TEs": "wg_hg_c",
    "BiRefNet-COD": "wg_hg_c",
    "BiRefNet-HRSOD": "wg_hg_c",
    "BiRefNet_lite": "wg_hg_c",
    "BiRefNet_lite-2K": "wg_hg_c",
    "BiRefNet_HR": "c_hg_wg",
    "BiRefNet_HR-matting": "c_hg_wg",
    "BiRefNet_512x512": "c_hg_wg",
    "BiRefNet_dynamic": "c_hg_wg",
    "BiRefNet_dynamic-matting": "c_hg_wg",
    "BiRefNet_lite-matting": "c_hg_wg",
}
"""By the name of the published repository. config.json tells it, but also beside weights that others trained on."""

UNUSED = (
    r"^bb\..*\.relative_position_index$",  # follows from the window's size
    r"\.num_batches_tracked$",
    r"^decoder\.conv_ms_spvn_[234]\.",  # supervision of the levels
    r"^decoder\.gdt_convs_pred_[234]\.",  # supervision of the edges
    r"^cls_head\.",  # auxiliary classification
)
"""Published keys that only training needs."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What must be known of a state dict beside its tensors.

    Attributes:
        backbone: in `swin.SIZES`.
        patch_order: one of `PATCH_ORDERS`.
        assumed: None, or a sentence: what could not be found out, and what is assumed.
    """

    backbone: str
    patch_order: str
    assumed: str | None = None


def recognise(state: Mapping[str, Tensor], options: Mapping[str, object], folder: Path) -> Layout:
    """The layout that the options tell, else what tensors and config.json do, as far as they can.

    Args:
        state: published tensors.
        options: `backbone` and `patch_order` of a model's description, as far as known.
        folder: where config.json may be.

    Raises:
        ModelUnavailableError: the tensors are of no known backbone, or of another one than the options tell.
    """
    backbone = recognised_size(state, "bb.")
    if backbone is None:
        raise ModelUnavailableError(f"{folder} has not the weights of a BiRefNet with one of {', '.join(SIZES)}.")
    if options.get("backbone", backbone) != backbone:
        raise ModelUnavailableError(f"{folder} has a {backbone} inside, not a {options['backbone']}.")
    if "patch_order" in options:
        if options["patch_order"] not in PATCH_ORDERS:
            raise ModelUnavailableError(
                f"There is no patch order {options['patch_order']!r}; known: {', '.join(PATCH_ORDERS)}."
            )
        return Layout(backbone, str(options["patch_order"]))
    name = _published_name(folder)
    order = ORDER_OF_NAME.get(name, "c_hg_wg")
    why = f"that of {name}, which config.json names" if name in ORDER_OF_NAME else "that of code since November 2024"
    return Layout(backbone, order, f"the patch order of these weights is not known; {order} is assumed, {why}")


def build(state: dict[str, Tensor], layout: Layout, dtype: torch.dtype, where: str) -> BiRefNet:
    """The network with these weights, on the CPU.

    Args:
        state: published tensors; used up.
        layout: of them.
        dtype: of the network.
        where: their file, for messages.

    Raises:
        ModelUnavailableError: keys are missing or unexpected; the message names them.
    """
    size = SIZES[layout.backbone]
    with torch.device("meta"):
        network = BiRefNet(size)
    published = Published(state, UNUSED, dtype)
    published.swin("bb.", "bb.", network.bb, size.window)
    _block(published, "squeeze", "squeeze_module.0")
    for level, grid in zip((4, 3, 2, 1), GRIDS, strict=True):
        _block(published, f"level{level}.block", f"decoder.decoder_block{level}")
        _patches(published, f"level{level}.patches", f"decoder.ipt_blk{level + 1}", grid, layout.patch_order)
        if level > 1:
            edges = f"decoder.gdt_convs_{level}"
            published.conv(f"level{level}.edges.conv", f"{edges}.0", f"{edges}.1")
            published.conv(f"level{level}.edges.weight", f"decoder.gdt_convs_attn_{level}.0")
            published.conv(f"lateral{level}", f"decoder.lateral_block{level}.conv")
    _last(published)
    published.fill(network, where)
    return network


def _block(published: Published, name: str, key: str) -> None:
    published.conv(f"{name}.conv_in", f"{key}.conv_in", f"{key}.bn_in")
    published.conv(f"{name}.conv_out", f"{key}.conv_out", f"{key}.bn_out")
    name, key = f"{name}.pyramid", f"{key}.dec_att"
    for number, branch in enumerate(("aspp1", *(f"aspp_deforms.{n}" for n in range(len(KERNELS) - 1)))):
        conv = f"{key}.{branch}.atrous_conv"
        with published.piece():
            offset, offset_bias, strength, strength_bias = published.take(
                *(f"{conv}.{part}.{kind}" for part in ("offset_conv", "modulator_conv") for kind in ("weight", "bias"))
            )
            published.make(f"{name}.branches.{number}.position.weight", torch.cat((offset, strength)))
            published.make(f"{name}.branches.{number}.position.bias", torch.cat((offset_bias, strength_bias)))
        published.conv(f"{name}.branches.{number}", f"{conv}.regular_conv", f"{key}.{branch}.bn", bias=False)
    published.conv(f"{name}.average", f"{key}.global_avg_pool.1", f"{key}.global_avg_pool.2", bias=False)
    with published.piece():
        weight, bias = published.folded(f"{key}.conv1", f"{key}.bn1", bias=False)
        *joins, join_average = weight.chunk(len(KERNELS) + 1, dim=1)
        for number, join in enumerate(joins):
            published.make(f"{name}.joins.{number}.weight", join.contiguous())
        published.make(f"{name}.join_average.weight", join_average.contiguous())
        published.make(f"{name}.join_average.bias", bias)


def _patches(published: Published, name: str, key: str, grid: int, order: str) -> None:
    published.conv(f"{name}.conv_out", f"{key}.conv_out")
    with published.piece():
        weight, bias = published.take(f"{key}.conv1.weight", f"{key}.conv1.bias")
        if order == "wg_hg_c":
            weight = weight.unflatten(1, (grid, grid, 3)).permute(0, 3, 2, 1, 4, 5).flatten(1, 3)
        published.make(f"{name}.conv1.weight", weight.contiguous())
        published.make(f"{name}.conv1.bias", bias)


def _last(published: Published) -> None:
    """The last 1 x 1 convolution, cut into what it does to the map and what to the picture."""
    published.conv("out_picture.conv1", "decoder.ipt_blk1.conv1")
    with published.piece():
        last, bias, weight, shift = published.take(
            *(f"decoder.{conv}.{part}" for conv in ("conv_out1.0", "ipt_blk1.conv_out") for part in ("weight", "bias"))
        )
        of_map, of_picture = last.split((last.shape[1] - len(weight), len(weight)), dim=1)
        of_picture = of_picture.flatten(1)
        published.make("out.weight", of_map.contiguous())
        published.make("out.bias", bias)
        published.make("out_picture.conv_out.weight", torch.einsum("op,pchw->ochw", of_picture, weight))
        published.make("out_picture.conv_out.bias", of_picture @ shift)


def _published_name(folder: Path) -> str:
    try:
        told = json.loads((folder / "config.json").read_text())
        return str(told["_name_or_path"]).rpartition("/")[2]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
