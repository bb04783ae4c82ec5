"""super-image's published layout loads, and gives what super-image gives."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from imgflow.errors import DeviceUnavailableError, ModelUnavailableError
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch.super_image import load
from imgflow.models.pytorch.super_image.a2n import A2n
from imgflow.models.pytorch.super_image.edsr import Edsr
from imgflow.models.pytorch.tiling import TiledRestorer, Tiling
from imgflow.models.runtime import Runtime

CPU = Runtime(device="cpu", threads=2)

SMALL: dict[str, dict[str, Any]] = {
    "EDSR": {"n_resblocks": 3, "n_feats": 16},
    "A2N": {"nf": 16, "unf": 8, "nb": 3},
}
BUILD: dict[str, Any] = {"EDSR": Edsr, "A2N": A2n}
GAIN = {"EDSR": 2.2, "A2N": 1.6}

# Made with super-image 0.2.0: EdsrModel(EdsrConfig(scale, **SMALL["EDSR"])) and A2nModel likewise, with the weights of
# `seeded` and the picture of `waves`: the output at the pixels of `places`.
GOLDEN: dict[tuple[str, int], list[float]] = {
    ("EDSR", 2): [-0.08954, -0.1475, -0.06232, 0.1298, -0.13461, -0.10525],
    ("EDSR", 3): [-0.12205, -0.00032, -0.05826, -0.12483, 0.07903, 0.02756],
    ("EDSR", 4): [0.12826, 0.2908, 0.13525, -0.32158, 0.06039, -0.30386],
    ("A2N", 2): [0.48705, 0.59074, 0.27773, 0.25284, 0.18991, 0.55917],
    ("A2N", 3): [0.43652, 0.54544, 0.25193, 0.2571, 0.2986, 0.17961],
    ("A2N", 4): [0.53602, 0.58842, 0.21705, 0.11262, 0.26674, 0.29977],
}


def seeded(kind: str, network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights from a formula. EDSR's files also hold the shifts by the mean; they count in the order of the names."""
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if kind == "EDSR":
        for shift in ("sub_mean", "add_mean"):
            shapes |= {f"{shift}.weight": (3, 3, 1, 1), f"{shift}.bias": (3,)}
    state: dict[str, torch.Tensor] = {}
    for index, (name, shape) in enumerate(sorted(shapes.items())):
        count = int(np.prod(shape))
        gain = 60.0 if "ADM" in name else GAIN[kind]
        size = gain / np.sqrt(count // shape[0]) if len(shape) > 1 else 0.05
        values = np.sin(np.arange(count) * (0.61 + 0.013 * index) + index) * size
        state[name] = torch.from_numpy(values.reshape(shape).astype(np.float32))
    return state


def waves(height: int = 12, width: int = 15) -> NDArray[np.uint8]:
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    return np.rint(127.5 + 127.5 * np.sin(0.7 * x + 0.4 * y + channel)).astype(np.uint8)


def places(height: int, width: int) -> list[tuple[int, int, int]]:
    return [
        (0, 0, 0),
        (height // 2, width // 3, 1),
        (height - 1, width - 1, 2),
        (3, width // 2, 0),
        (height // 3, 2, 2),
        (height - 4, 5, 1),
    ]


def publish(folder: Path, kind: str, *scales: int, **config: Any) -> Path:
    """A folder as super-image's `save_pretrained` leaves it."""
    settings = {"model_type": kind, "scale": None, "data_parallel": False, **SMALL[kind], **config}
    (folder / "config.json").write_text(json.dumps(settings))
    for scale in scales:
        torch.save(seeded(kind, BUILD[kind](scale, **SMALL[kind])), folder / f"pytorch_model_{scale}x.pt")
    return folder


def row(scale: int, **options: Any) -> Model:
    file = ModelFile(f"pytorch_model_{scale}x.pt", "0" * 64, 1, ())
    return Model("tiny", "upscale", "super_image", "Apache-2.0", True, "", (file,), scale=scale, options=options)


def worst(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize(("kind", "scale"), GOLDEN)
def test_the_networks_are_super_images(kind: str, scale: int) -> None:
    network = BUILD[kind](scale, **SMALL[kind]).eval()
    network.load_state_dict({k: v for k, v in seeded(kind, network).items() if "_mean." not in k})
    with torch.inference_mode():
        made = network(torch.from_numpy(waves()).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0).numpy()
    assert made.shape == (12 * scale, 15 * scale, 3)
    assert [made[place] for place in places(*made.shape[:2])] == pytest.approx(GOLDEN[kind, scale], abs=1e-4)


def test_the_published_base_model_has_these_sizes() -> None:
    def size(network: nn.Module) -> int:
        return sum(value.numel() for value in network.state_dict().values())

    # As counted in super-image, less the 24 numbers of EDSR's two shifts by the mean.
    assert [size(Edsr(scale)) for scale in (2, 3, 4)] == [1_369_859, 1_554_499, 1_517_571]
    assert [size(A2n(scale)) for scale in (2, 3, 4)] == [1_036_443, 1_036_443, 1_047_459]


@pytest.mark.parametrize(("kind", "scale"), GOLDEN)
def test_a_published_folder_loads(kind: str, scale: int, tmp_path: Path) -> None:
    upscaler = load(row(scale), publish(tmp_path, kind, 2, 3, 4), CPU)
    made = upscaler(waves())
    assert (upscaler.scale, upscaler.device, upscaler.precision, upscaler.fallback) == (scale, "cpu", "fp32", None)
    assert upscaler.memory == 4 * sum(v.numel() for v in BUILD[kind](scale, **SMALL[kind]).state_dict().values())
    wanted = np.clip(np.rint(np.array(GOLDEN[kind, scale]) * 255), 0, 255)
    assert np.abs([made[place] for place in places(*made.shape[:2])] - wanted).max() <= 1


@pytest.mark.parametrize(("kind", "scale"), [("EDSR", 2), ("EDSR", 4), ("EDSR", 3)])
def test_tiles_equal_the_whole(kind: str, scale: int, tmp_path: Path) -> None:
    upscaler = load(row(scale), publish(tmp_path, kind, scale), CPU)
    rgb = waves(100, 120)
    whole = upscaler(rgb)
    upscaler.tiling = Tiling(64, 12)  # three blocks: a radius below 12
    assert worst(whole, upscaler(rgb)) <= 1
    upscaler.tiling = Tiling(64, 1)
    assert worst(whole, upscaler(rgb)) > 10


def test_tiles_of_a2n_share_their_averages(tmp_path: Path) -> None:
    upscaler = load(row(2), publish(tmp_path, "A2N", 2), CPU)
    rgb = waves(100, 120)
    rgb[:, 60:] //= 4
    upscaler.tiling = Tiling(90, 16)
    large = upscaler(rgb)
    upscaler.tiling = Tiling(64, 16)
    assert worst(large, upscaler(rgb)) <= 1
    upscaler.tiling = Tiling(1000, 16)
    assert worst(large, upscaler(rgb)) <= 4  # averages of samples for those of the whole


def test_weights_saved_in_parallel_load(tmp_path: Path) -> None:
    publish(tmp_path, "A2N", 2)
    state = torch.load(tmp_path / "pytorch_model_2x.pt", weights_only=True)
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "pytorch_model_2x.pt")
    assert load(row(2), tmp_path, CPU)(waves()).shape == (24, 30, 3)


def test_a_folder_with_one_scale_needs_none_named(tmp_path: Path) -> None:
    assert load(row(0), publish(tmp_path, "A2N", 3), CPU).scale == 3
    with pytest.raises(ModelUnavailableError, match="some for 2, 3"):
        load(row(0), publish(tmp_path, "A2N", 2), CPU)


def test_options_name_another_file(tmp_path: Path) -> None:
    publish(tmp_path, "EDSR", 2)
    (tmp_path / "pytorch_model_2x.pt").rename(tmp_path / "mine.pt")
    assert load(row(2, weights="mine.pt"), tmp_path, CPU)(waves()).shape == (24, 30, 3)


def test_bf16_loses_nothing_that_is_seen(tmp_path: Path) -> None:
    publish(tmp_path, "A2N", 2)
    rgb = waves(60, 60)
    full = load(row(2), tmp_path, CPU)(rgb)
    half = load(row(2), tmp_path, Runtime(device="cpu", threads=2, precision="bf16"))
    error = np.mean((half(rgb).astype(float) - full) ** 2)
    assert half.precision == "bf16" and 10 * np.log10(255**2 / error) > 40


def test_what_the_cpu_cannot_do_is_told(tmp_path: Path) -> None:
    publish(tmp_path, "EDSR", 2)
    upscaler = load(row(2), tmp_path, Runtime(device="cpu", precision="fp16", threads=2))
    assert upscaler.precision == "fp32" and "fp16 was wanted" in str(upscaler.fallback)
    with pytest.raises(DeviceUnavailableError, match="fp16 was wanted"):
        load(row(2), tmp_path, Runtime(device="cpu", precision="fp16", threads=2, strict=True))


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def broken(folder: Path, what: str) -> None:
    weights = folder / "pytorch_model_2x.pt"
    match what:
        case "malicious":
            torch.save({"head.0.weight": Evil(folder / "harm")}, weights)
        case "cut off":
            weights.write_bytes(weights.read_bytes()[:1000])
        case "another network":
            torch.save({"conv.weight": torch.zeros(3)}, weights)
        case "another size":
            publish(folder, "EDSR", n_feats=24)
        case "no settings":
            (folder / "config.json").write_text("[]")
        case "unknown type":
            publish(folder, "EDSR", model_type="HAN")
        case _:
            weights.unlink()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("malicious", "cannot be loaded"),
        ("cut off", "cannot be loaded"),
        ("another network", "cannot be loaded"),
        ("another size", "cannot be loaded"),
        ("no settings", "holds no settings"),
        ("unknown type", "'HAN'.*EDSR and A2N"),
        ("missing", "no weights for scale 2.*some for none"),
    ],
)
def test_what_cannot_be_loaded_is_refused(what: str, told: str, tmp_path: Path) -> None:
    publish(tmp_path, "EDSR", 2)
    broken(tmp_path, what)
    with pytest.raises(ModelUnavailableError, match=told):
        load(row(2), tmp_path, CPU)
    assert not (tmp_path / "harm").exists()


def test_it_is_a_restorer(tmp_path: Path) -> None:
    upscaler = load(row(2), publish(tmp_path, "EDSR", 2), CPU)
    assert isinstance(upscaler, TiledRestorer) and upscaler.name == "tiny"
    assert upscaler.weights_hash == row(2).weights_hash
    assert upscaler.shrink() and upscaler.tiling.tile == 512
