"""A2N: Chen, Gu, Zhang, "Attention in Attention Network for Image Super-Resolution", arXiv:2104.09497.

The attributes are named as in the weights that the super-image project published, so that they load as they are.
"""

from torch import Tensor, nn  # noqa: TID253 -- a network is made of PyTorch's classes; only `load` imports this module
from torch.nn import functional  # noqa: TID253

from imgflow.models.pytorch.tiling import in_pieces

TEMPERATURE = 30.0
"""Of the softmax that weighs a block's two branches."""

REDUCTION = 4
"""Channels of a block over those of the layer that decides the weights."""


def _conv(inputs: int, outputs: int, kernel: int = 3, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2, inplace=True)


class _AttentionBranch(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.k1 = _conv(features, features, bias=False)
        self.k2 = _conv(features, features, 1)
        self.k3 = _conv(features, features, bias=False)
        self.k4 = _conv(features, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.k2(_leaky(self.k1(x))).sigmoid_()
        return self.k4(self.k3(x).mul_(gate))


class _Block(nn.Module):
    """A branch with and one without attention, weighed by what the whole input looks like."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv_first = _conv(features, features, 1, bias=False)
        self.conv_last = _conv(features, features, 1, bias=False)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.ADM = nn.Sequential(
            nn.Linear(features, features // REDUCTION, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(features // REDUCTION, 2, bias=False),
        )
        self.attention = _AttentionBranch(features)
        self.non_attention = _conv(features, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = _leaky(self.conv_first(x))
        weights = functional.softmax(self.ADM(self.avg_pool(y).flatten(1)) / TEMPERATURE, dim=1)[..., None, None, None]
        mixed = self.attention(y).mul_(weights[:, 0]).add_(self.non_attention(y).mul_(weights[:, 1]))
        return self.conv_last(_leaky(mixed)).add_(x)


class _PixelAttention(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = _conv(features, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).sigmoid_().mul_(x)


class A2n(nn.Module):
    """A2N as published by super-image: input and output are 0..1.

    Args:
        scale: 2, 3 or 4.
        nf: channels of the blocks.
        unf: channels of the enlarging layers.
        nb: blocks.
    """

    def __init__(self, scale: int, nf: int = 40, unf: int = 24, nb: int = 16) -> None:
        super().__init__()
        self.scale = scale
        self.conv_first = _conv(3, nf)
        self.AAB_trunk = nn.Sequential(*(_Block(nf) for _ in range(nb)))
        self.trunk_conv = _conv(nf, nf)
        self.upconv1 = _conv(nf, unf)
        self.att1 = _PixelAttention(unf)
        self.HRconv1 = _conv(unf, unf)
        if scale == 4:
            self.upconv2 = _conv(unf, unf)
            self.att2 = _PixelAttention(unf)
            self.HRconv2 = _conv(unf, unf)
        self.conv_last = _conv(unf, 3)

    def forward(self, x: Tensor) -> Tensor:
        """1 x 3 x H x W, 0..1, to 1 x 3 x scale*H x scale*W."""
        y = self.conv_first(x)
        y = y + self.trunk_conv(self.AAB_trunk(y))
        return in_pieces(self._tail, self.scale, y, x)

    def _tail(self, y: Tensor, x: Tensor) -> Tensor:
        step = 2 if self.scale == 4 else self.scale
        y = _enlarged(y, step, self.upconv1, self.att1, self.HRconv1)
        if self.scale == 4:
            y = _enlarged(y, step, self.upconv2, self.att2, self.HRconv2)
        plain = functional.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(y).add_(plain)


def _enlarged(x: Tensor, step: int, conv: nn.Module, attention: nn.Module, last: nn.Module) -> Tensor:
    y = conv(functional.interpolate(x, scale_factor=step, mode="nearest"))
    return _leaky(last(_leaky(attention(y))))
