"""What the models' benchmark works on: `python -m ….model_inputs photos FOLDER MEGAPIXELS NAME...` renders photos,
`python -m ….model_inputs weights KIND FOLDER` makes random weights in a family's published layout.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

QUALITY = 92
"""Of the JPEGs."""


def photos(folder: Path, megapixels: float, *names: str) -> None:
    """JPEGs in sRGB, upright: the references' snippets turn nothing and know no profiles."""
    from imgflow.samples import render

    folder.mkdir(parents=True)
    for name in names:
        scene = render(name, megapixels=megapixels)
        Image.fromarray(scene.photo).save(folder / f"{name}.jpg", quality=QUALITY)


def _birefnet(backbone: str, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from imgflow_tests.models.pytorch.test_birefnet import published_birefnet
    from imgflow_tests.models.pytorch.test_swin import made_up

    state = made_up(published_birefnet(backbone))
    counters = {key.replace("running_var", "num_batches_tracked"): torch.tensor(1) for key in state if "_var" in key}
    save_file(state | counters | _index(state, "bb.", backbone), folder / "model.safetensors")


def _inspyrenet(folder: Path) -> None:
    import torch

    from imgflow_tests.models.pytorch.test_inspyrenet import SIDE, weights

    state = weights()
    for key in state:
        # Sums over all pixels, of which there are more than in the tests (see `weights`).
        if key.endswith(("conv_key.0.bn.running_var", "conv_value.0.bn.running_var")):
            state[key] = state[key] * ((1024 / SIDE) ** 2) ** 2
    counters = {key.replace("running_var", "num_batches_tracked"): torch.tensor(1) for key in state if "_var" in key}
    torch.save(state | counters | _index(state, "backbone.", "swin_b"), folder / "ckpt_base.pth")


def _index(state: dict[str, Any], prefix: str, backbone: str) -> dict[str, Any]:
    """The index buffers, without which the published classes do not load: the place of each pair of a window's pixels
    in the table of biases.
    """
    import torch

    from imgflow.models.pytorch.swin import SIZES

    side = SIZES[backbone].window
    at = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")).flatten(1)
    apart = at[:, :, None] - at[:, None, :] + side - 1
    index = apart[0] * (2 * side - 1) + apart[1]
    ending = "relative_position_bias_table"
    return {
        key.replace(ending, "relative_position_index"): index.clone()
        for key in state
        if key.startswith(prefix) and key.endswith(ending)
    }


def _super_image(kind: str, settings: dict[str, Any], folder: Path) -> None:
    import torch

    from imgflow.models.pytorch.super_image.a2n import A2n
    from imgflow.models.pytorch.super_image.edsr import Edsr

    build: Any = {"EDSR": Edsr, "A2N": A2n}[kind]
    shapes = {key: tuple(value.shape) for key, value in build(2, **settings).state_dict().items()}
    state = _made_up(shapes, *{"EDSR": ("tail.1", 0.5, 0.005), "A2N": ("conv_last", 0.0, 0.05)}[kind])
    if kind == "EDSR":  # its files also hold shifts by the mean, which are not applied
        for shift in ("sub_mean", "add_mean"):
            state |= {f"{shift}.weight": torch.eye(3).view(3, 3, 1, 1), f"{shift}.bias": torch.zeros(3)}
    torch.save(state, folder / "pytorch_model_2x.pt")
    config = {"model_type": kind, "scale": None, "data_parallel": False, **settings}
    (folder / "config.json").write_text(json.dumps(config))


def _nafnet(folder: Path) -> None:
    """NAFNet-SIDD-width32.pth."""
    import torch
    from spandrel.architectures.NAFNet import NAFNet

    network = NAFNet(img_channel=3, width=32, middle_blk_num=12, enc_blk_nums=[2, 2, 4, 8], dec_blk_nums=[2, 2, 2, 2])
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    torch.save({"params": _made_up(shapes, "ending")}, folder / "weights.pth")


def _real_esrgan(folder: Path) -> None:
    """RealESRGAN_x4plus.pth."""
    import torch

    from imgflow_tests.models.pytorch.test_spandrel_restorer import real_esrgan

    state = real_esrgan(blocks=23, width=64)["params_ema"]
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    torch.save({"params_ema": _made_up(shapes, "conv_last", 0.5)}, folder / "weights.pth")


def _general_x4v3(folder: Path) -> None:
    """realesr-general-x4v3.pth."""
    import torch

    from imgflow_tests.models.pytorch.test_spandrel_restorer import anime_video

    state = anime_video(layers=32, width=64)["params"]
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    torch.save({"params": _made_up(shapes, "body.66")}, folder / "weights.pth")


def _made_up(
    shapes: dict[str, tuple[int, ...]], last: str, grey: float = 0.0, contrast: float = 0.05
) -> dict[str, Any]:
    """Random weights whose result is a picture: not black or white all over, which any two programs would agree on.

    Args:
        last: the last convolution.
        grey: added to its bias, where the network does not add its result to the input.
        contrast: factor of its weights.
    """
    from imgflow_tests.models.pytorch.test_swin import made_up

    state = made_up(shapes)
    state[f"{last}.weight"] *= contrast
    state[f"{last}.bias"] += grey
    return state


WEIGHTS: dict[str, Callable[[Path], None]] = {
    "birefnet-lite": partial(_birefnet, "swin_t"),
    "birefnet": partial(_birefnet, "swin_l"),
    "inspyrenet": _inspyrenet,
    "edsr-base": partial(_super_image, "EDSR", {"n_resblocks": 16, "n_feats": 64}),
    "a2n": partial(_super_image, "A2N", {"nf": 40, "unf": 24, "nb": 16}),
    "nafnet-sidd-width32": _nafnet,
    "realesrgan-x4plus": _real_esrgan,
    "realesr-general-x4v3": _general_x4v3,
}
"""By model: what writes its files into a folder."""


def main() -> None:
    """Photos or weights, as the command line says."""
    match sys.argv[1:]:
        case ["photos", folder, megapixels, *names]:
            photos(Path(folder), float(megapixels), *names)
        case ["weights", kind, folder]:
            Path(folder).mkdir(parents=True)
            WEIGHTS[kind](Path(folder))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
