"""A network over a picture of any size, in overlapping tiles: memory is bounded by the tile, and no seam shows.

Each tile is seen with `pad` pixels of real context on every side, of which nothing is kept. A pixel then comes out as
if the network had seen the whole picture, as long as `pad` is no smaller than the network's receptive radius. At the
picture's own border a tile ends where the picture does, so that the network pads there as it was trained to.

How `pad` is chosen (by the families, see `spandrel_restorer.CONTEXT` and `super_image.NETWORKS`):

* A chain of convolutions has a finite radius: the sum of (kernel - 1) / 2 over the longest path. EDSR-base: 36.
* A deep residual network has one of hundreds of pixels, but far ones hardly count. There `pad` is where a tile on real
  weights differs from the whole picture by less than 1/255.
* A network that averages over all it sees (channel attention) has no radius at all: see `averages.py`.

What a network does after enlarging takes most of the memory and looks no further than a pixel or two. `in_pieces` does
that part in smaller pieces, so that the part before it, which needs the context, can have large tiles.
"""

import itertools
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import check_rgb
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.averages import Averages, samples
from imgflow.models.pytorch.placement import Placement, weight_bytes

if TYPE_CHECKING:
    import torch

SMALLEST_CORE = 32
"""Pixels. Tiles that keep less than this of what they compute are not worth having."""


PIECE = 512
"""Side of an enlarged piece, pixels (see `in_pieces`)."""

PIECE_PAD = 4
"""Pixels. An enlarging part has a convolution or two at each size, which is a radius of 2 at most."""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile's part of a row or column: pixels `low` to `high` are seen, of which `start` to `stop` are kept."""

    low: int
    high: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        tile: longest side of what the network sees at once, pixels, context included.
        pad: context on each side, pixels.
        align: tiles start at multiples of this, so that windows, strides and pixel shuffles fall on the same pixels in
            a tile as in the whole picture.
        fill: a picture is mirrored up to multiples of this; a divisor of `align`.
    """

    tile: int
    pad: int
    align: int = 1
    fill: int = 1

    def smaller(self) -> "Tiling | None":
        """Tiles of half the side, or None when they would be hardly more than context."""
        half = _up(self.tile // 2, self.align)
        least = 2 * _up(self.pad, self.align) + _up(SMALLEST_CORE, self.align)
        return replace(self, tile=half) if least <= half < self.tile else None

    def spans(self, length: int) -> list[Span]:
        """The tiles of one side: as few as possible, all of them seeing the same number of pixels.

        Equal sizes leave no sliver at the end, and let a device reuse one plan for all tiles. (Where the side is no
        multiple of `align`, the last tile sees up to `align` pixels less.)
        """
        if length <= self.tile:
            return [Span(0, length, 0, length)]
        pad, units = _up(self.pad, self.align), -(-length // self.align)
        edges = [0, length]
        for count in range(2, units + 1):
            edges = [*(units * i // count * self.align for i in range(count)), length]
            if _widest(edges, pad) <= self.tile:
                break
        width = _up(_widest(edges, pad), self.align)
        last = _up(length - width, self.align)
        lows = [min(max(start - pad, 0), last) for start in edges[:-1]]
        cores = itertools.pairwise(edges)
        return [Span(low, min(low + width, length), *core) for low, core in zip(lows, cores, strict=True)]


def _widest(edges: list[int], pad: int) -> int:
    return max(min(stop + pad, edges[-1]) - max(start - pad, 0) for start, stop in itertools.pairwise(edges))


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


Network = Callable[["torch.Tensor"], "torch.Tensor"]
"""1 x 3 x H x W, in the placement's type, 0..1, to 1 x 3 x scale*H x scale*W."""


def _prepared(pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """H x W x 3, uint8, to 1 x 3 x H x W in channels-last order, 0..1."""
    import torch

    return pixels.permute(2, 0, 1)[None].to(dtype, memory_format=torch.channels_last).div_(255)


def in_pieces(tail: Callable[..., "torch.Tensor"], scale: int, *inputs: "torch.Tensor") -> "torch.Tensor":
    """The enlarging part of a network, in pieces.

    Args:
        tail: what is run; it sees no further than PIECE_PAD pixels of its inputs.
        scale: width and height of what it makes over those of its inputs.
        inputs: 1 x C x H x W each, of one size.

    Returns:
        1 x C' x scale*H x scale*W.
    """
    height, width = inputs[0].shape[-2:]
    tiling = Tiling(PIECE // scale, PIECE_PAD)
    rows, columns = tiling.spans(height), tiling.spans(width)
    if len(rows) * len(columns) == 1:
        return tail(*inputs)
    result = None
    for row, column in itertools.product(rows, columns):
        made = tail(*(each[..., row.low : row.high, column.low : column.high] for each in inputs))
        if result is None:
            result = made.new_empty((*made.shape[:2], height * scale, width * scale))
        y, x = scale * (row.start - row.low), scale * (column.start - column.low)
        kept = made[..., y : y + scale * (row.stop - row.start), x : x + scale * (column.stop - column.start)]
        result[..., scale * row.start : scale * row.stop, scale * column.start : scale * column.stop] = kept
    assert result is not None
    return result


def run_tiled(
    network: Network,
    rgb: NDArray[np.uint8],
    tiling: Tiling,
    placement: Placement,
    scale: int = 1,
    averages: Averages | None = None,
) -> NDArray[np.uint8]:
    """The network's picture of a picture.

    On a GPU the picture goes there once and the result comes back once; in between nothing waits for the host.

    Args:
        network: what is run on each tile; its input is in channels-last order.
        rgb: H x W x 3, uint8, sRGB.
        tiling: sizes, in pixels of the input.
        placement: device and type of the network's input.
        scale: width and height of the result over those of the input.
        averages: those of the network, held still when the picture is cut.

    Returns:
        scale*H x scale*W x 3, uint8.
    """
    import torch

    height, width = rgb.shape[:2]
    # Networks left alone fill up with black.
    more = [(0, _up(side, tiling.fill) - side) for side in (height, width)]
    filled = np.pad(rgb, [*more, (0, 0)], mode="reflect") if any(sum(pair) for pair in more) else rgb
    source = torch.from_numpy(np.ascontiguousarray(filled)).to(placement.device)
    result = torch.empty((height * scale, width * scale, 3), dtype=torch.uint8, device=placement.device)
    rows, columns = tiling.spans(filled.shape[0]), tiling.spans(filled.shape[1])
    is_cut = len(rows) * len(columns) > 1
    pieces = [_prepared(piece, placement.dtype) for piece in samples(source, tiling.align)] if is_cut else []
    with averages.held(network, pieces) if averages and is_cut else nullcontext():
        for row, column in itertools.product(rows, columns):
            made = network(_prepared(source[row.low : row.high, column.low : column.high], placement.dtype))
            y, x = scale * (row.start - row.low), scale * (column.start - column.low)
            bottom, right = min(row.stop, height), min(column.stop, width)
            kept = made[0, :, y : y + scale * (bottom - row.start), x : x + scale * (right - column.start)]
            place = result[scale * row.start : scale * bottom, scale * column.start : scale * right]
            place.copy_(kept.permute(1, 2, 0).float().clamp(0, 1).mul_(255).round_())
    return result.cpu().numpy()


class TiledRestorer:
    """A `Restorer` (see base.py) that runs a PyTorch network in tiles.

    Args:
        model: the registry's row.
        module: the network, on its device, in its precision.
        network: how it is called; None: as it is.
        placement: where it runs.
        tiling: sizes to begin with.
        scale: of the network.

    Attributes:
        tiling: sizes now; `shrink` makes them smaller.
    """

    def __init__(
        self,
        model: Model,
        module: "torch.nn.Module",
        placement: Placement,
        tiling: Tiling,
        scale: int,
        network: Network | None = None,
    ) -> None:
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.memory = weight_bytes(module)
        self.device = placement.device
        self.precision = placement.precision
        self.fallback = placement.fallback
        self.scale = scale
        self.tiling = tiling
        self._network: Network = network or module
        self._averages = Averages(module)
        self._placement = placement
        self._lock = threading.Lock()

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `Restorer.__call__`.

        Raises:
            ValueError: `rgb` has another shape or type.
            DeviceMemoryError: the device has not enough memory for one tile.
        """
        import torch

        check_rgb(rgb)
        with self._lock, memory_errors(self.name, self.device), torch.inference_mode():
            return run_tiled(self._network, rgb, self.tiling, self._placement, self.scale, self._averages)

    def shrink(self) -> bool:
        """Halves the tile. The result stays the same, so that nothing is said in `fallback`."""
        smaller = self.tiling.smaller()
        if smaller is not None:
            self.tiling = smaller
        return smaller is not None
