"""The Swin Transformer against the public implementation, and how it deals out tokens to windows."""

import zlib
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from imgflow.models.pytorch.swin import SIZES, Swin, position_bias, recognised_size, windows_of  # noqa: E402

Shapes = dict[str, tuple[int, ...]]


def published_swin(name: str, prefix: str = "") -> Shapes:
    """Key and shape of every tensor of the published layout, without the index buffers."""
    size = SIZES[name]
    shapes: Shapes = {
        "patch_embed.proj.weight": (size.channels, 3, 4, 4),
        "patch_embed.proj.bias": (size.channels,),
        "patch_embed.norm.weight": (size.channels,),
        "patch_embed.norm.bias": (size.channels,),
    }
    for stage, (depth, heads) in enumerate(zip(size.depths, size.heads, strict=True)):
        c = size.channels * 2**stage
        for block in range(depth):
            for key, shape in {
                "norm1": (c,),
                "attn.qkv": (3 * c, c),
                "attn.proj": (c, c),
                "norm2": (c,),
                "mlp.fc1": (4 * c, c),
                "mlp.fc2": (c, 4 * c),
            }.items():
                shapes[f"layers.{stage}.blocks.{block}.{key}.weight"] = shape
                shapes[f"layers.{stage}.blocks.{block}.{key}.bias"] = shape[:1]
            table = f"layers.{stage}.blocks.{block}.attn.relative_position_bias_table"
            shapes[table] = ((2 * size.window - 1) ** 2, heads)
        if stage < 3:
            shapes[f"layers.{stage}.downsample.norm.weight"] = (4 * c,)
            shapes[f"layers.{stage}.downsample.norm.bias"] = (4 * c,)
            shapes[f"layers.{stage}.downsample.reduction.weight"] = (2 * c, 4 * c)
        shapes[f"norm{stage}.weight"] = shapes[f"norm{stage}.bias"] = (c,)
    return {prefix + key: shape for key, shape in shapes.items()}


def noise(count: int, seed: int) -> NDArray[np.float32]:
    """`count` numbers in -1..1 that are the same on every machine: an integer hash of their places."""
    x = np.arange(count, dtype=np.uint32) + np.uint32(seed)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    return x.astype(np.float32) / np.float32(2**31) - np.float32(1)


def made_up(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights of these shapes that let signals through every layer about as strong as they came."""
    state: dict[str, torch.Tensor] = {}
    for key, shape in shapes.items():
        values = noise(int(np.prod(shape)), zlib.crc32(key.encode())).reshape(shape)
        if key.endswith("relative_position_bias_table"):
            values *= np.float32(0.5)
        elif key.endswith("running_var"):
            values = 1 + values / 2
        elif len(shape) > 1:
            values *= np.float32((3 / np.prod(shape[1:])) ** 0.5)
        elif key.endswith("weight"):
            values = 1 + values / 5
        else:
            values /= 10
        state[key] = torch.from_numpy(values)
    return state


def built(name: str) -> Swin:
    network = Swin(SIZES[name]).eval()
    state = made_up(published_swin(name))
    for key in [key for key in state if key.endswith("relative_position_bias_table")]:
        bias = position_bias(state.pop(key), SIZES[name].window)
        state[key.removesuffix("relative_position_bias_table") + "bias"] = bias
    network.load_state_dict(state)
    return network


# Made by the Swin Transformer of the public implementation of BiRefNet (models/backbones/swin_v1.py, swin_v1_t, at
# commit 25cb930) with `made_up` weights and the input below; its maps are the last four here.
GOLDEN = (
    (-0.419450, 1.094361, 0.292930, -1.142768, -0.187286, 1.196189),
    (0.088195, 1.627639, 0.252606, -1.615856, 3.139165, 0.276761),
    (-1.158001, 0.577701, -1.861336, 0.303339, -0.024403, 1.098701),
    (-0.583811, -0.602427, -0.132851, 1.367104, -0.678665, -0.211744),
)


def test_the_maps_are_those_of_the_public_implementation() -> None:
    picture = torch.from_numpy(noise(3 * 88 * 120, 1).reshape(1, 3, 88, 120)) * 2
    with torch.inference_mode():
        maps = built("swin_t")(picture)
    shapes = [tuple(each.shape[1:]) for each in maps]
    assert shapes == [(96, 22, 30), (96, 22, 30), (192, 11, 15), (384, 6, 8), (768, 3, 4)]
    for each, golden in zip(maps[1:], GOLDEN, strict=True):
        values = each.contiguous().flatten()
        found = values[:: len(values) // 6][:6]
        assert found.numpy() == pytest.approx(golden, abs=1e-4)


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize(("height", "width"), [(14, 21), (15, 22), (3, 4), (7, 7)])
def test_every_token_has_one_place_and_sees_its_neighbours(height: int, width: int, shift: int) -> None:
    windows = windows_of(height, width, 7, shift, torch.device("cpu"), torch.float32)
    tokens = torch.arange(height * width)
    assert torch.equal(windows.take[windows.give], tokens)
    assert windows.padded == (len(windows.take) > len(tokens))
    row, column = (windows.take.view(-1, 49) // width, windows.take.view(-1, 49) % width)
    real = windows.take.view(-1, 49) < len(tokens)
    if shift == 0:
        assert windows.mask is None
        return
    assert windows.mask is not None
    assert windows.plain + len(windows.mask) == len(real)
    for number in range(len(real)):
        seen = torch.ones(49, 49, dtype=torch.bool)
        if number >= windows.plain:
            seen = windows.mask[number - windows.plain, 0] == 0
        pairs = seen & real[number][:, None] & real[number]
        for place in (row[number], column[number]):
            far = (place[:, None] - place).abs() >= 7
            assert not (far & pairs).any(), "tokens from opposite ends see each other"
        assert seen.diagonal().all(), "a token does not see itself"


def test_the_size_is_recognised_by_the_tensors() -> None:
    for name in SIZES:
        keys = {key: torch.empty(shape, device="meta") for key, shape in published_swin(name, "bb.").items()}
        assert recognised_size(keys, "bb.") == name
    assert recognised_size({}, "bb.") is None
