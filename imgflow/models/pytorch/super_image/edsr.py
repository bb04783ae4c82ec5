"""EDSR: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPR Workshops 2017.

The attributes are named as in the weights that the super-image project published, so that they load as they are.
"""

import torch  # noqa: TID253 -- a network is made of PyTorch's classes; only `load` imports this module
from torch import Tensor, nn  # noqa: TID253

from imgflow.models.pytorch.tiling import in_pieces


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class _Block(nn.Module):
    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(features, features), nn.ReLU(inplace=True), _conv(features, features))
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.body(x), alpha=self.res_scale)


class Edsr(nn.Module):
    """EDSR as published by super-image: input and output are 0..1, no mean is subtracted.

    Args:
        scale: 2, 3 or 4.
        n_resblocks: residual blocks.
        n_feats: channels inside.
        res_scale: factor of each block's residual.
    """

    def __init__(self, scale: int, n_resblocks: int = 16, n_feats: int = 64, res_scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Sequential(_conv(3, n_feats))
        blocks = [_Block(n_feats, res_scale) for _ in range(n_resblocks)]
        self.body = nn.Sequential(*blocks, _conv(n_feats, n_feats))
        # Twice 2 for 4, as published.
        steps = [2, 2] if scale == 4 else [scale]
        layers = [part for step in steps for part in (_conv(n_feats, n_feats * step**2), nn.PixelShuffle(step))]
        self.tail = nn.Sequential(nn.Sequential(*layers), _conv(n_feats, 3))

    def forward(self, x: Tensor) -> Tensor:
        """1 x 3 x H x W, 0..1, to 1 x 3 x scale*H x scale*W."""
        x = self.head(x)
        return in_pieces(self.tail, self.scale, self.body(x).add_(x))
