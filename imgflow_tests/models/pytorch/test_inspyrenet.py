"""InSPyReNet with weights of the published layout, against the public implementation."""

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from imgflow.errors import DeviceUnavailableError, ModelUnavailableError  # noqa: E402
from imgflow.models.model import Model, ModelFile  # noqa: E402
from imgflow.models.pytorch.inspyrenet import UNUSED, build, load  # noqa: E402
from imgflow.models.pytorch.published import Published  # noqa: E402
from imgflow.models.runtime import Runtime  # noqa: E402
from imgflow_tests.models.pytorch.test_swin import Shapes, made_up, noise, published_swin  # noqa: E402

SIDE = 128
"""Of the golden input."""


def published_inspyrenet() -> Shapes:
    """Key and shape of every tensor of the published layout, without index buffers and counters."""
    shapes = published_swin("swin_b", "backbone.")
    for context, channels in enumerate((128, 128, 256, 512, 1024), 1):
        key = f"context{context}"
        shapes |= _conv(f"{key}.branch0", channels, 64, 1, 1) | _conv(f"{key}.conv_res", channels, 64, 1, 1)
        shapes |= _conv(f"{key}.conv_cat", 256, 64, 3, 3)
        for branch, reach in ((1, 3), (2, 5), (3, 7)):
            part = f"{key}.branch{branch}"
            shapes |= _conv(f"{part}.conv0", channels, 64, 1, 1)
            shapes |= _conv(f"{part}.conv1", 64, 64, 1, reach) | _conv(f"{part}.conv2", 64, 64, reach, 1)
            shapes |= _conv(f"{part}.conv3", 64, 64, 3, 3) | _axes(part)
    shapes |= _conv("decoder.conv1", 192, 64, 3, 3) | _axes("decoder")
    for conv in (2, 3, 4):
        shapes |= _conv(f"decoder.conv{conv}", 64, 64, 3, 3)
    shapes |= {"decoder.conv5.conv.weight": (1, 64, 3, 3)}
    for stage, channels in enumerate((64, 128, 128)):
        key = f"attention{stage}"
        for name, kernel in (("query", 3), ("key", 1), ("value", 1)):
            shapes |= _conv(f"{key}.conv_{name}.0", channels, 64, kernel, kernel)
            shapes |= _conv(f"{key}.conv_{name}.1", 64, 64, kernel, kernel)
        shapes |= _conv(f"{key}.conv_out1", 64, 64, 3, 3) | _conv(f"{key}.conv_out2", channels + 64, 64, 3, 3)
        shapes |= _conv(f"{key}.conv_out3", 64, 64, 3, 3) | _conv(f"{key}.conv_out4", 64, 1, 1, 1)
        shapes |= {f"{key}.threshold": (1,)} | ({f"{key}.lthreshold": (1,)} if stage < 2 else {})
    return shapes


def _conv(key: str, channels: int, out: int, height: int, width: int) -> Shapes:
    norm: Shapes = {f"{key}.bn.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{key}.conv.weight": (out, channels, height, width)} | norm


def _axes(key: str) -> Shapes:
    shapes: Shapes = {}
    for axis in "HW":
        for name, out in (("query", 8), ("key", 8), ("value", 64)):
            shapes |= _conv(f"{key}.{axis}attn.{name}_conv", 64, out, 1, 1)
        shapes[f"{key}.{axis}attn.gamma"] = (1,)
    return shapes


def weights() -> dict[str, torch.Tensor]:
    """Made up so that no signal explodes: sums over all pixels are large, and trained normalisations know it."""
    state = made_up(published_inspyrenet())
    for key, tensor in state.items():
        if key.endswith(("gamma", "threshold")):
            tensor.fill_(0.5)
        elif key.endswith("query_conv.bn.weight"):
            tensor.mul_(0.1)
        elif key.endswith(("conv_key.0.bn.running_var", "conv_value.0.bn.running_var")):
            tensor.mul_((SIDE * SIDE / 4 ** int(key[len("attention")]) / 10) ** 2)
    return state


def golden_photo() -> NDArray[np.uint8]:
    return np.rint((noise(SIDE * SIDE * 3, 1) + 1) * 127.5).astype(np.uint8).reshape(SIDE, SIDE, 3)


# Logits (d0) of the public implementation (transparent_background/InSPyReNet.py at commit 63e3443, base_size 128) for
# `golden_photo`, normalised, with the weights above: every 1093rd of 128 x 128.
GOLDEN = (
    -3.633502,
    -4.507027,
    -7.321799,
    -4.322429,
    -4.654055,
    -4.858949,
    -3.827337,
    -6.613991,
    -5.654595,
    -3.651751,
    -5.459730,
    -2.903703,
    -7.230687,
    -4.704021,
    -2.160810,
)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return weights()


@pytest.fixture(scope="module")
def folder(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("inspyrenet")
    counted = {key.replace("running_var", "num_batches_tracked"): torch.tensor(7) for key in state if "_var" in key}
    torch.save(state | counted, folder / "ckpt_base.pth")
    yield folder
    (folder / "ckpt_base.pth").unlink()
    gc.collect()


def described(input_size: int = SIDE) -> Model:
    files = (ModelFile("ckpt_base.pth", "0" * 64, 1, ()),)
    return Model("inspyrenet", "segment", "inspyrenet", "MIT", True, "", files, input_size)


def test_the_logits_are_those_of_the_public_implementation(folder: Path) -> None:
    segmenter = load(described(), folder, Runtime(device="cpu", threads=1))
    seen = segmenter(golden_photo()).astype(np.float64)
    logits = np.log(seen / (1 - seen)).flatten()[::1093]
    assert logits == pytest.approx(GOLDEN, abs=1e-4)
    assert (segmenter.device, segmenter.precision, segmenter.fallback) == ("cpu", "fp32", None)
    assert not segmenter.shrink()
    larger = segmenter(np.zeros((200, 300, 3), np.uint8))
    assert larger.shape == (200, 300)


def test_other_precisions_are_a_fallback_or_refused(folder: Path) -> None:
    with pytest.raises(DeviceUnavailableError, match="bf16"):
        load(described(), folder, Runtime(device="cpu", threads=1, precision="bf16", strict=True))


def test_missing_and_unexpected_keys_are_named(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    key = "attention1.conv_value.1.bn.running_mean"
    changed = {k: v for k, v in state.items() if k != key} | {"context9.conv.weight": torch.zeros(1)}
    with pytest.raises(ModelUnavailableError) as raised:
        build(Published(changed, UNUSED, torch.float32), "here")
    assert key in str(raised.value)
    assert "context9.conv.weight" in str(raised.value)
    with pytest.raises(ModelUnavailableError, match=r"ckpt_base\.pth"):
        load(described(), tmp_path, Runtime(device="cpu", threads=1))
