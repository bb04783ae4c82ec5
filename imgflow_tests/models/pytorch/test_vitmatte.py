"""ViTMatte's published layout loads, certain pixels stay certain, and memory does not grow with the photo."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting, VitMatteImageProcessor

from imgflow.errors import DeviceMemoryError, DeviceUnavailableError, ModelUnavailableError
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch import vitmatte
from imgflow.models.pytorch.guided_filter import guided_up
from imgflow.models.pytorch.vitmatte import VitMatte, load
from imgflow.models.runtime import Runtime

CPU = Runtime(device="cpu", threads=2)
ROW = Model("tiny", "matte", "vitmatte", "Apache-2.0", True, "", (ModelFile("model.safetensors", "0" * 64, 1, ()),))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as on the hub: the backbone's blocks and windows as in vitmatte-small, with fewer channels."""
    folder = tmp_path_factory.mktemp("vitmatte")
    backbone = VitDetConfig(
        hidden_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_channels=4,
        image_size=512,
        window_size=14,
        window_block_indices=[0, 1],
        residual_block_indices=[2, 3],
        use_relative_position_embeddings=True,
        out_features=["stage4"],
    )
    config = VitMatteConfig(
        backbone_config=backbone,
        hidden_size=24,
        convstream_hidden_sizes=[8, 12, 16],
        fusion_hidden_sizes=[16, 16, 8, 8],
    )
    network = VitMatteForImageMatting(config)
    generator = torch.Generator().manual_seed(5)
    for name, value in network.named_parameters():
        if value.ndim > 1 and "position" not in name:
            # Large enough for alpha to depend on the picture.
            value.data = torch.randn(value.shape, generator=generator) * 1.6 / value[0].numel() ** 0.5
        elif name.endswith("weight"):
            value.data = torch.ones_like(value)
    network.save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    VitMatteImageProcessor(image_mean=half, image_std=half, size_divisor=32).save_pretrained(folder)
    return folder


@pytest.fixture
def matter(published: Path) -> VitMatte:
    return load(ROW, published, CPU)


def photo(height: int, width: int) -> NDArray[np.uint8]:
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    noise = np.random.default_rng(2).normal(0, 25, (height, width, 3))
    return np.clip(128 + 90 * np.sin(0.05 * x + channel) * np.cos(0.04 * y) + noise, 0, 255).astype(np.uint8)


def ring(height: int, width: int, band: int = 20) -> NDArray[np.uint8]:
    """A round product with an unknown band around its rim."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(y - height / 2, x - width / 2) - min(height, width) * 0.35
    return np.select([distance < -band, distance < band], [255, 128], 0).astype(np.uint8)


def runs(matter: VitMatte, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Heights and widths of what the network will be given."""
    seen: list[tuple[int, int]] = []
    run = matter._run

    def counted(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> torch.Tensor:
        seen.append(trimap.shape)
        return run(rgb, trimap)

    monkeypatch.setattr(matter, "_run", counted)
    return seen


def test_it_gives_what_transformers_documents(matter: VitMatte, published: Path) -> None:
    rgb, trimap = photo(320, 448), ring(320, 448)
    network = VitMatteForImageMatting.from_pretrained(published).eval()
    inputs = VitMatteImageProcessor.from_pretrained(published)(images=rgb, trimaps=trimap, return_tensors="pt")
    with torch.no_grad():
        wanted = network(**inputs).alphas[0, 0].numpy()
    alpha = matter(rgb, trimap)
    unknown = trimap == 128
    assert wanted[unknown].std() > 0.02
    assert np.abs(alpha - wanted)[unknown].max() < 1e-4
    assert alpha.shape == (320, 448) and alpha.dtype == np.float32


@pytest.mark.parametrize(("height", "width"), [(61, 50), (333, 251), (7, 900)])
def test_certain_pixels_stay_certain(matter: VitMatte, height: int, width: int) -> None:
    trimap = ring(height, width, 9)
    alpha = matter(photo(height, width), trimap)
    assert (alpha[trimap == 0] == 0).all() and (alpha[trimap == 255] == 1).all()
    unknown = alpha[(trimap != 0) & (trimap != 255)]
    assert np.isfinite(alpha).all() and unknown.min() > 0 and unknown.max() < 1


def test_any_other_value_is_unknown(matter: VitMatte) -> None:
    rgb, trimap = photo(96, 96), ring(96, 96, 9)
    odd = np.where(trimap == 128, np.uint8(1), trimap)
    assert np.array_equal(matter(rgb, trimap), matter(rgb, odd))


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_unknown_needs_no_network(matter: VitMatte, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = runs(matter, monkeypatch)
    alpha = matter(photo(50, 60), np.full((50, 60), value, np.uint8))
    assert not seen and (alpha == value / 255).all()


def test_only_tiles_with_unknown_pixels_are_run(matter: VitMatte, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matter, "tiling", vitmatte._tiling(256))
    seen = runs(matter, monkeypatch)
    trimap = ring(700, 900, 10)
    matter(photo(700, 900), trimap)
    assert max(max(size) for size in seen) <= 256
    all_tiles = len(matter.tiling.spans(700)) * len(matter.tiling.spans(700))
    assert 8 <= len(seen) < all_tiles
    seen.clear()
    trimap[:] = 0
    trimap[40:60, 820:850] = 128
    matter(photo(700, 900), trimap)
    assert len(seen) <= 9  # the corner with its context, not the photo


def test_tiles_leave_no_seam(matter: VitMatte, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if each tile's answer were another one, alpha would go over from one to the next little by little."""
    calls: list[int] = []

    def another(_rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> torch.Tensor:
        calls.append(len(calls) % 2)
        return torch.full(trimap.shape, float(calls[-1]))

    monkeypatch.setattr(matter, "tiling", vitmatte._tiling(256))
    monkeypatch.setattr(matter, "_run", another)
    trimap = np.full((640, 800), 128, np.uint8)
    trimap[::10, ::4] = 255  # so that every tile sees something certain
    alpha = matter(photo(640, 800), trimap)
    answer = alpha[5::10]  # rows without certain pixels
    assert len(calls) >= 12 and answer.min() == 0 and answer.max() == 1
    assert np.abs(np.diff(alpha[241:250], axis=0)).max() < 0.04
    assert np.abs(np.diff(answer, axis=1)).max() < 0.04  # a fade of 32 pixels


def test_a_wide_unknown_area_takes_its_bearings_from_afar(matter: VitMatte, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matter, "tiling", vitmatte._tiling(256))
    seen = runs(matter, monkeypatch)
    trimap = ring(1000, 1000, 330)
    alpha = matter(photo(1000, 1000), trimap)
    assert np.isfinite(alpha).all() and max(max(size) for size in seen) <= 256
    tiles = len(matter.tiling.spans(1024)) ** 2
    assert len(seen) < tiles  # tiles that see nothing certain share one run


def test_shrinking_is_told(matter: VitMatte) -> None:
    assert matter.tiling.tile == 1024 and matter.fallback is None
    assert matter.shrink() and matter.fallback == "tiles of 1024 pixels were wanted, but memory was enough for 512 only"
    assert matter.shrink() and not matter.shrink()
    assert matter.tiling.tile == 256
    trimap = ring(300, 400)
    assert matter(photo(300, 400), trimap)[trimap == 255].min() == 1


def test_exhausted_memory_is_told_as_such(matter: VitMatte, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(**_inputs: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(matter, "_network", exhausted)
    with pytest.raises(DeviceMemoryError, match="tiny on cpu"):
        matter(photo(64, 64), ring(64, 64, 5))


def test_bf16_is_close_and_fp16_is_not_offered(published: Path, matter: VitMatte) -> None:
    half = load(ROW, published, Runtime(device="cpu", precision="bf16", threads=2))
    rgb, trimap = photo(256, 256), ring(256, 256)
    assert half.precision == "bf16" and half.memory < matter.memory
    assert np.abs(half(rgb, trimap) - matter(rgb, trimap)).mean() < 0.01
    assert "fp16 was wanted" in str(load(ROW, published, Runtime(device="cpu", precision="fp16")).fallback)
    with pytest.raises(DeviceUnavailableError, match="fp16 was wanted"):
        load(ROW, published, Runtime(device="cpu", precision="fp16", strict=True))


@pytest.fixture
def own(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    for path in published.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_weights_in_the_older_file_load_too(own: Path, matter: VitMatte) -> None:
    """vitmatte-base-composition-1k has pytorch_model.bin only."""
    torch.save(load_file(own / "model.safetensors"), own / "pytorch_model.bin")
    (own / "model.safetensors").unlink()
    rgb, trimap = photo(64, 96), ring(64, 96, 8)
    assert np.array_equal(load(ROW, own, CPU)(rgb, trimap), matter(rgb, trimap))


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_a_malicious_file_is_refused_and_does_nothing(own: Path) -> None:
    torch.save({"decoder": Evil(own / "harm")}, own / "pytorch_model.bin")
    (own / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load(ROW, own, CPU)
    assert not (own / "harm").exists()


def test_missing_weights_are_not_made_up(own: Path) -> None:
    state = load_file(own / "model.safetensors")
    state.pop("decoder.matting_head.matting_convs.0.weight")
    save_file(state, own / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"lacks 1 weights, decoder\.matting_head"):
        load(ROW, own, CPU)


@pytest.mark.parametrize("damage", ["config", "size", "cut off", "no processor", "code"])
def test_a_damaged_folder_is_refused(damage: str, own: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    match damage:
        case "config":
            (own / "config.json").write_text("{")
        case "size":
            (own / "config.json").write_text(json.dumps(config | {"fusion_hidden_sizes": [16, 16, 8, 4]}))
        case "cut off":
            weights = (own / "model.safetensors").read_bytes()
            (own / "model.safetensors").write_bytes(weights[:5000])
        case "no processor":
            (own / "preprocessor_config.json").unlink()
        case _:
            # Another network's settings, or a backbone that would be fetched: neither is ViTMatte as published.
            (own / "config.json").write_text(json.dumps(config | {"model_type": "vit", "backbone_config": None}))
    with pytest.raises(ModelUnavailableError):
        load(ROW, own, CPU)


@pytest.mark.parametrize(
    ("rgb", "trimap"),
    [((4, 5, 4), (4, 5)), ((4, 5, 3), (5, 4)), ((4, 5, 3), (4, 5, 1))],
)
def test_other_arrays_are_refused(matter: VitMatte, rgb: tuple[int, ...], trimap: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        matter(np.zeros(rgb, np.uint8), np.zeros(trimap, np.uint8))


def test_alpha_is_brought_up_along_edges() -> None:
    y, x = np.mgrid[0:240, 0:320]
    truth = (np.hypot(y - 120, x - 160) < 80).astype(np.float32)
    full = np.repeat((40 + 170 * truth)[..., None], 3, axis=2).astype(np.uint8)
    small = full[4::8, 4::8]
    up = guided_up(truth[4::8, 4::8], small, full, radius=2)
    plain = np.kron(truth[4::8, 4::8], np.ones((8, 8), np.float32))
    assert np.abs(up - truth).mean() < 0.15 * np.abs(plain - truth).mean()
