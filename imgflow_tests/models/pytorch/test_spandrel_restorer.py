"""Denoisers and upscalers in their published layouts load through spandrel, and in tiles make what spandrel makes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spandrel
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SwinIR import SwinIR

from imgflow.errors import DeviceUnavailableError, ModelUnavailableError
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch.spandrel_restorer import CONTEXT, UNKNOWN, load
from imgflow.models.pytorch.tiling import Tiling
from imgflow.models.runtime import Runtime

CPU = Runtime(device="cpu", threads=2)

# SwinIR as spandrel has it; PyTorch says it once a process.
pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")

State = dict[str, torch.Tensor]


def seeded(shapes: dict[str, tuple[int, ...]], gain: float = 1.0) -> State:
    """Random weights that keep the size of what passes through."""
    generator = torch.Generator().manual_seed(7)
    state: State = {}
    for name, shape in shapes.items():
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 400
        state[name] = torch.randn(shape, generator=generator) * gain / fan**0.5
    return state


def convs(*layers: tuple[str, int, int]) -> dict[str, tuple[int, ...]]:
    """Shapes of 3 x 3 convolutions: name, outputs, inputs."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, outputs, inputs in layers:
        shapes |= {f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.bias": (outputs,)}
    return shapes


def nafnet() -> dict[str, Any]:
    """NAFNet-SIDD-width*.pth: everything below `params`. (The published ones have 2-2-4-8, 12, 2-2-2-2 blocks.)"""
    network = NAFNet(img_channel=3, width=8, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 1], dec_blk_nums=[1, 1, 1, 1])
    state = seeded({name: tuple(value.shape) for name, value in network.state_dict().items()})
    for name in state:
        if "norm" in name:
            state[name] = torch.ones_like(state[name]) if name.endswith("weight") else torch.zeros_like(state[name])
    return {"params": state}


def real_esrgan(inputs: int = 3, blocks: int = 1, width: int = 16) -> dict[str, Any]:
    """RealESRGAN_x4plus.pth, or RealESRGAN_x2plus.pth with 12 inputs: everything below `params_ema`."""
    dense = [
        (f"body.{block}.rdb{part}.conv{layer}", width if layer == 5 else 32, width + 32 * (layer - 1))
        for block in range(blocks)
        for part in (1, 2, 3)
        for layer in (1, 2, 3, 4, 5)
    ]
    outer = [(name, width, width) for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr")]
    return {"params_ema": seeded(convs(("conv_first", width, inputs), *dense, *outer, ("conv_last", 3, width)))}


def anime_video(layers: int = 4, width: int = 16, scale: int = 4, channels: int = 3) -> dict[str, Any]:
    """realesr-animevideov3.pth (16 layers of 64) and realesr-general-x4v3.pth (32): below `params`."""
    shapes = convs(("body.0", width, channels)) | {"body.1.weight": (width,)}
    for index in range(layers):
        shapes |= convs((f"body.{2 * index + 2}", width, width)) | {f"body.{2 * index + 3}.weight": (width,)}
    return {"params": seeded(shapes | convs((f"body.{2 * layers + 2}", channels * scale**2, width)))}


def swinir() -> State:
    network = SwinIR(img_size=64, window_size=8, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2, upscale=2,
                     upsampler="pixelshuffledirect", resi_connection="1conv")  # fmt: skip
    torch.manual_seed(0)
    return network.state_dict()


def row(purpose: Any, file: str = "weights.pth") -> Model:
    return Model("tiny", purpose, "spandrel", "BSD-3-Clause", True, "", (ModelFile(file, "0" * 64, 1, ()),))


def photo(height: int = 70, width: int = 90) -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).normal(0, 12, (height, width, 3))
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    return np.clip(120 + 80 * np.sin(0.11 * x + 0.07 * y + channel) + noise, 0, 255).astype(np.uint8)


def worst(a: NDArray[Any], b: NDArray[Any]) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


PUBLISHED: list[tuple[Callable[[], dict[str, Any]], str, str, int, int]] = [
    # weights, purpose, architecture, scale, context that is enough for these weights
    (nafnet, "denoise", "NAFNet", 1, 48),
    (real_esrgan, "upscale", "ESRGAN", 4, 24),
    (lambda: real_esrgan(inputs=12), "upscale", "ESRGAN", 2, 48),
    (anime_video, "upscale", "Compact", 4, 6),
    (swinir, "upscale", "SwinIR", 2, 32),
]
IDS = ["nafnet", "x4plus", "x2plus", "animevideo", "swinir"]


@pytest.mark.parametrize(("weights", "purpose", "architecture", "scale", "pad"), PUBLISHED, ids=IDS)
def test_a_published_file_loads_and_makes_what_spandrel_makes(
    weights: Callable[[], Any], purpose: str, architecture: str, scale: int, pad: int, tmp_path: Path
) -> None:
    torch.save(weights(), tmp_path / "weights.pth")
    restorer = load(row(purpose), tmp_path, CPU)
    assert (restorer.scale, restorer.device, restorer.precision, restorer.fallback) == (scale, "cpu", "fp32", None)

    # As spandrel's README does it. 64 x 96: what is missing to a multiple, NAFNet fills with black, we do not.
    rgb = photo(64, 96)
    descriptor = spandrel.ModelLoader().load_from_file(tmp_path / "weights.pth").eval()
    assert descriptor.architecture.id == architecture
    with torch.no_grad():
        wanted = descriptor(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)
    made = restorer(rgb)
    assert made.shape == (64 * scale, 96 * scale, 3) and made.std() > 1
    assert worst(made, (wanted[0].permute(1, 2, 0) * 255).round().byte().numpy()) <= 1
    assert restorer.memory == sum(4 * p.numel() for p in descriptor.model.parameters()) + sum(
        b.numel() * b.element_size() for b in descriptor.model.buffers()
    )


@pytest.mark.parametrize(("weights", "purpose", "architecture", "scale", "pad"), PUBLISHED, ids=IDS)
def test_tiles_equal_the_whole(
    weights: Callable[[], Any], purpose: str, architecture: str, scale: int, pad: int, tmp_path: Path
) -> None:
    torch.save(weights(), tmp_path / "weights.pth")
    restorer = load(row(purpose), tmp_path, CPU)
    align, fill = restorer.tiling.align, restorer.tiling.fill
    rgb = photo(101, 210)
    restorer.tiling = Tiling(2 * pad + 2 * align + 48, pad, align, fill)
    tiled = restorer(rgb)
    # For averages over the picture, the other side of the comparison is cut too, but once and far away.
    restorer.tiling = Tiling(208 if architecture == "NAFNet" else 1024, 96, align, fill)
    whole = restorer(rgb)
    assert tiled.shape == (101 * scale, 210 * scale, 3)
    assert worst(whole, tiled) <= 1


def test_the_table_of_contexts_names_real_architectures() -> None:
    known = {support.architecture.id for support in spandrel.MAIN_REGISTRY}
    assert set(CONTEXT) <= known
    for context in (*CONTEXT.values(), UNKNOWN):
        assert context.tile >= 8 * context.pad


def test_a_folding_esrgan_gets_twice_the_context(tmp_path: Path) -> None:
    torch.save(real_esrgan(), tmp_path / "weights.pth")
    plain = load(row("upscale"), tmp_path, CPU).tiling
    torch.save(real_esrgan(inputs=12), tmp_path / "weights.pth")
    folding = load(row("upscale"), tmp_path, CPU).tiling
    assert (folding.pad, folding.tile, folding.align) == (2 * plain.pad, 2 * plain.tile, 4)


def test_safetensors_load(tmp_path: Path) -> None:
    save_file(anime_video()["params"], tmp_path / "weights.safetensors")
    assert load(row("upscale", "weights.safetensors"), tmp_path, CPU).scale == 4


@pytest.mark.parametrize(
    ("weights", "purpose", "told"),
    [
        (nafnet, "upscale", "NAFNet.*Restoration at scale 1.*nothing to upscale with"),
        (real_esrgan, "denoise", "ESRGAN.*SR at scale 4.*nothing to denoise with"),
        (lambda: anime_video(channels=1), "upscale", "take 1 channels and make 1"),
        (lambda: {"layer.weight": torch.zeros(3)}, "upscale", "no architecture that spandrel knows"),
    ],
    ids=["upscale with a denoiser", "denoise with an upscaler", "grey", "unknown"],
)
def test_weights_for_something_else_are_refused(
    weights: Callable[[], Any], purpose: str, told: str, tmp_path: Path
) -> None:
    torch.save(weights(), tmp_path / "weights.pth")
    with pytest.raises(ModelUnavailableError, match=told):
        load(row(purpose), tmp_path, CPU)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors", ".pt"])
def test_a_malicious_file_is_refused_and_does_nothing(suffix: str, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    torch.save({"params": {"conv_first.weight": Evil(harm)}}, tmp_path / f"weights{suffix}")
    with pytest.raises(ModelUnavailableError):
        load(row("upscale", f"weights{suffix}"), tmp_path, CPU)
    assert not harm.exists()
    (tmp_path / f"weights{suffix}").rename(tmp_path / "weights.pth")
    torch.load(tmp_path / "weights.pth", weights_only=False)
    assert harm.exists()  # the file was really malicious


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(ModelUnavailableError, match="No such file"):
        load(row("upscale"), tmp_path, CPU)
    torch.save(real_esrgan(), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load(row("upscale"), tmp_path, CPU)


@pytest.mark.parametrize(("weights", "purpose"), [(nafnet, "denoise"), (real_esrgan, "upscale")])
def test_bf16_loses_nothing_that_is_seen(weights: Callable[[], Any], purpose: str, tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "weights.pth")
    full = load(row(purpose), tmp_path, CPU)
    half = load(row(purpose), tmp_path, Runtime(device="cpu", precision="bf16", threads=2))
    assert (half.precision, half.fallback) == ("bf16", None) and half.memory < full.memory
    error = np.mean((half(photo()).astype(float) - full(photo())) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


def test_a_precision_that_the_network_does_not_bear_is_told(tmp_path: Path) -> None:
    torch.save(nafnet(), tmp_path / "weights.pth")
    denoiser = load(row("denoise"), tmp_path, Runtime(device="cpu", precision="fp16", threads=2))
    assert denoiser.precision == "fp32" and "fp16 was wanted" in str(denoiser.fallback)
    with pytest.raises(DeviceUnavailableError, match="fp16 was wanted"):
        load(row("denoise"), tmp_path, Runtime(device="cpu", precision="fp16", strict=True, threads=2))


def test_nafnet_sees_no_black_beyond_the_picture(tmp_path: Path) -> None:
    """NAFNet fills up to a multiple of 16 with black, which its averages and edges would notice."""
    torch.save(nafnet(), tmp_path / "weights.pth")
    denoiser = load(row("denoise"), tmp_path, CPU)
    rgb = photo(65, 81)
    mirrored = denoiser(np.pad(rgb, [(0, 15), (0, 15), (0, 0)], mode="reflect"))
    assert np.array_equal(denoiser(rgb), mirrored[:65, :81])
