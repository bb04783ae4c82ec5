"""A picture in tiles comes out as in one piece, whatever its size."""

import itertools
import threading

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from imgflow.errors import DeviceMemoryError
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch.placement import Placement
from imgflow.models.pytorch.tiling import TiledRestorer, Tiling, in_pieces

CPU = Placement("cpu", "fp32", None)
MODEL = Model("tiny", "denoise", "test", "MIT", True, "", (ModelFile("tiny.pth", "0" * 64, 1, ()),))


class Blur(nn.Module):
    """Three convolutions: a receptive radius of 3, and a difference that shows when context is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)))
        self.largest = 0
        for layer in self.layers:
            nn.init.constant_(layer.weight, 1 / 27)
            nn.init.constant_(layer.bias, 0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.largest = max(self.largest, x.shape[-1], x.shape[-2])
        return self.layers(x)


class Folding(nn.Module):
    """Works at half the size and enlarges twice: every tile must begin on an even pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 48, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.pixel_shuffle(torch.sigmoid(self.conv(torch.pixel_unshuffle(x, 2))), 4)


class Attentive(nn.Module):
    """Multiplies with what the picture is like on average, which is another thing in each tile."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.pool(x)


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """Brighter to the right, with noise."""
    noise = np.random.default_rng(1).integers(0, 128, (height, width, 3))
    return (noise + np.linspace(0, 127, width)[:, None]).astype(np.uint8)


def restorer(module: nn.Module, tiling: Tiling, scale: int = 1) -> TiledRestorer:
    return TiledRestorer(MODEL, module.eval(), CPU, tiling, scale)


def worst(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("align", [1, 16])
@pytest.mark.parametrize("length", [1, 63, 100, 101, 128, 257, 640, 1000, 4001])
def test_spans_cover_a_side_evenly(length: int, align: int) -> None:
    tiling = Tiling(tile=128, pad=20, align=align)
    spans = tiling.spans(length)
    assert [span.start for span in spans] == [0, *(span.stop for span in spans[:-1])] and spans[-1].stop == length
    cores = [span.stop - span.start for span in spans]
    assert max(cores) - min(cores) <= 2 * align - 1
    seen = [span.high - span.low for span in spans]
    assert len(set(seen[:-1])) <= 1 and 0 <= seen[0] - seen[-1] < align
    for span in spans:
        assert 0 <= span.low <= span.start < span.stop <= span.high <= length
        assert span.high - span.low <= tiling.tile
        assert span.low == 0 or span.start - span.low >= tiling.pad
        assert span.high == length or span.high - span.stop >= tiling.pad
        assert span.low % align == 0


def test_a_side_is_cut_into_no_more_tiles_than_needed() -> None:
    assert len(Tiling(128, 20).spans(128)) == 1
    assert len(Tiling(128, 20).spans(216)) == 2  # 108 and 20 of context on one side
    assert len(Tiling(128, 20).spans(217)) == 3


@pytest.mark.parametrize(("height", "width"), [(150, 210), (64, 331), (1, 90), (48, 47)])
def test_tiles_equal_the_whole(height: int, width: int) -> None:
    network = Blur()
    whole = restorer(network, Tiling(1000, 3))(photo(height, width))
    network.largest = 0
    tiled = restorer(network, Tiling(48, 3))(photo(height, width))
    assert tiled.shape == (height, width, 3) and tiled.dtype == np.uint8
    assert worst(whole, tiled) == 0
    assert network.largest <= 48
    if height > 48:
        # The test can fail: without context the edges of the tiles show.
        assert worst(whole, restorer(network, Tiling(48, 0))(photo(height, width))) > 1


@pytest.mark.parametrize(("height", "width"), [(150, 210), (65, 131), (1, 90)])
def test_tiles_stay_on_the_grid_of_a_network_that_folds(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = Folding()
    whole = restorer(network, Tiling(1000, 2, align=2, fill=2), 2)(photo(height, width))
    assert whole.shape == (2 * height, 2 * width, 3)
    assert worst(whole, restorer(network, Tiling(50, 3, align=2, fill=2), 2)(photo(height, width))) == 0


def test_averages_over_the_picture_hold_for_all_tiles() -> None:
    module = Attentive()
    rgb = photo(96, 400)
    tiled = restorer(module, Tiling(96, 0))(rgb).astype(float)
    factor = tiled.sum(axis=(0, 2)) / rgb.sum(axis=(0, 2))
    assert np.ptp(factor) < 0.01  # with averages of their own the tiles have factors from 0.27 to 0.73
    assert factor.mean() == pytest.approx(rgb.mean() / 255, abs=0.03)
    # Afterwards the network is as before.
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(module(x), x * x.mean((2, 3), keepdim=True))


def test_the_enlarging_part_is_the_same_in_pieces() -> None:
    torch.manual_seed(0)
    sizes: list[int] = []
    tail = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 3, 3, padding=1))
    tail.register_forward_pre_hook(lambda _module, inputs: sizes.append(inputs[0].shape[-1]))
    features = torch.randn(1, 3, 300, 700)
    with torch.inference_mode():
        pieces = in_pieces(tail, 2, features)
        assert max(sizes) <= 256 and len(sizes) > 1
        assert torch.allclose(pieces, tail(features), atol=1e-5)


def test_smaller_tiles_make_the_same_picture() -> None:
    one = restorer(Blur(), Tiling(256, 3))
    rgb = photo(300, 260)
    before = one(rgb)
    sizes = [one.tiling.tile]
    while one.shrink():
        sizes.append(one.tiling.tile)
        assert worst(before, one(rgb)) == 0
    assert sizes == [256, 128, 64] and one.fallback is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_exhausted_memory_is_told_as_such(error: Exception) -> None:
    class Greedy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise error

    with pytest.raises(DeviceMemoryError, match="tiny on cpu"):
        restorer(Greedy(), Tiling(64, 3))(photo(20, 20))


def test_a_mistake_is_no_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        restorer(nn.Conv2d(4, 3, 1), Tiling(64, 3))(photo(20, 20))


def test_several_threads_may_call_it() -> None:
    one = restorer(nn.Sequential(Attentive(), Blur()), Tiling(48, 3))
    photos = [photo(80, 60), photo(60, 150), photo(30, 30)]
    wanted = [one(rgb) for rgb in photos]
    found: dict[int, int] = {}

    def work(index: int) -> None:
        found[index] = worst(one(photos[index % 3]), wanted[index % 3])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(9), 0)


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_other_arrays_are_refused(bad: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="H x W x 3"):
        restorer(Blur(), Tiling(48, 3))(bad)


def test_every_pixel_is_written_once() -> None:
    for height, width in itertools.product((33, 100), (65, 129)):
        rgb = photo(height, width)
        assert np.array_equal(restorer(nn.Identity(), Tiling(40, 2))(rgb), rgb)
