"""The BiRefNet network, for inference.

Method: Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI Artificial
Intelligence Research 2024, in the configuration of all published weights: a Swin Transformer that sees the picture at
full and at half size, three finer stages as context of the coarsest, a decoder of four levels that at each level sees
the picture again cut into patches (inward reference) and weighs its result by where it expects edges (outward
reference).

It computes what the published network does, with less work (weights.py makes its parameters of the published ones):
batch normalisations are part of the convolutions before them; the global average in a decoder block is one constant;
the last layer, a 1 x 1 convolution to one channel, is applied before enlarging and not after it, and is part of the
convolution that looks at the whole picture.
"""

import torch  # noqa: TID253 (imported only by the modules that load a network)
import torch.nn.functional as F  # noqa: N812, TID253
from torch import Tensor, nn  # noqa: TID253

from imgflow.models.pytorch.birefnet.deformable import DeformableConv
from imgflow.models.pytorch.swin import Swin, SwinSize

GRIDS = (32, 16, 8, 4)
"""Into how many patches a side the picture is cut for the levels 4, 3, 2, 1: their maps are that much smaller."""

INNER, BRANCH, EDGE = 64, 256, 16
"""Channels inside a decoder block, of each branch of its middle, and of the edge expectation."""

KERNELS = (1, 1, 3, 7)
"""Of the branches in the middle of a decoder block."""


class Pyramid(nn.Module):
    """What a decoder block sees of its surroundings: four deformable convolutions and the average of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(DeformableConv(INNER, BRANCH, kernel) for kernel in KERNELS)
        self.joins = nn.ModuleList(nn.Conv2d(BRANCH, INNER, 1, bias=False) for _ in KERNELS)
        self.average = nn.Conv2d(INNER, BRANCH, 1)
        self.join_average = nn.Conv2d(BRANCH, INNER, 1)

    def forward(self, x: Tensor) -> Tensor:
        """1 x 64 x H x W from 1 x 64 x H x W."""
        total = self.join_average(F.relu(self.average(x.mean((2, 3), keepdim=True))))
        for branch, join in zip(self.branches, self.joins, strict=True):
            total = total + join(branch(x))
        return F.relu_(total)


class DecoderBlock(nn.Module):
    """Two convolutions and a pyramid between them."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, INNER, 3, padding=1)
        self.pyramid = Pyramid()
        self.conv_out = nn.Conv2d(INNER, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """1 x out x H x W from 1 x channels x H x W."""
        return self.conv_out(self.pyramid(F.relu_(self.conv_in(x))))


class Patches(nn.Module):
    """The picture cut into grid x grid patches, which lie upon each other as channels; two convolutions."""

    def __init__(self, grid: int, out: int) -> None:
        super().__init__()
        self.grid = grid
        self.conv1 = nn.Conv2d(3 * grid**2, INNER, 3, padding=1)
        self.conv_out = nn.Conv2d(INNER, out, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """1 x out x H/grid x W/grid from 1 x 3 x H x W."""
        if self.grid > 1:
            cut = picture.unflatten(3, (self.grid, -1)).unflatten(2, (self.grid, -1))  # 1, 3, grid, h, grid, w
            # A colour's patches lie upon each other, row by row (c_hg_wg, see weights.py).
            picture = cut.transpose(3, 4).flatten(1, 3).contiguous(memory_format=torch.channels_last)
        return self.conv_out(self.conv1(picture))


class Edges(nn.Module):
    """Weighs a map by where edges are expected."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, EDGE, 3, padding=1)
        self.weight = nn.Conv2d(EDGE, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """1 x channels x H x W from the same."""
        return x * torch.sigmoid(self.weight(F.relu_(self.conv(x))))


class Level(nn.Module):
    """A level of the decoder: the map and the patches of the picture through a decoder block.

    Args:
        channels: of the map.
        patches: channels made of the patches.
        out: channels of the result.
        grid: patches a side.
        edges: whether the result is weighed by expected edges.
    """

    def __init__(self, channels: int, patches: int, out: int, grid: int, edges: bool) -> None:
        super().__init__()
        self.patches = Patches(grid, patches)
        self.block = DecoderBlock(channels + patches, out)
        self.edges = Edges(out) if edges else nn.Identity()

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        """1 x out x h x w from 1 x channels x h x w and the picture."""
        return self.edges(self.block(torch.cat((x, self.patches(picture)), 1)))


class BiRefNet(nn.Module):
    """The network.

    Args:
        size: of the backbone.
    """

    def __init__(self, size: SwinSize) -> None:
        super().__init__()
        fine, middle, coarse, coarsest = (size.channels << n + 1 for n in range(4))  # of both passes together
        self.bb = Swin(size)
        self.squeeze = DecoderBlock(fine + middle + coarse + coarsest, coarsest)
        self.level4 = Level(coarsest, coarsest // 8, coarse, GRIDS[0], edges=True)
        self.level3 = Level(coarse, coarsest // 8, middle, GRIDS[1], edges=True)
        self.level2 = Level(middle, coarse // 8, fine, GRIDS[2], edges=True)
        self.level1 = Level(fine, middle // 8, fine // 2, GRIDS[3], edges=False)
        self.lateral4 = nn.Conv2d(coarse, coarse, 1)
        self.lateral3 = nn.Conv2d(middle, middle, 1)
        self.lateral2 = nn.Conv2d(fine, fine, 1)
        self.out = nn.Conv2d(fine // 2, 1, 1)
        self.out_picture = Patches(1, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits: positive where the product is.

        Args:
            picture: 1 x 3 x H x W, normalised; H and W multiples of 32; channels last in memory.

        Returns:
            1 x 1 x H x W.
        """
        height, width = picture.shape[2:]
        half = F.interpolate(picture, size=(height // 2, width // 2), mode="bilinear", align_corners=True)
        x1, x2, x3, x4 = (
            torch.cat((own, _resized(halved, own)), 1)
            for own, halved in zip(self.bb(picture)[1:], self.bb(half)[1:], strict=True)
        )
        x4 = self.squeeze(torch.cat((*(_resized(finer, x4) for finer in (x1, x2, x3)), x4), 1))
        p3 = _resized(self.level4(x4, picture), x3) + self.lateral4(x3)
        p2 = _resized(self.level3(p3, picture), x2) + self.lateral3(x2)
        p1 = _resized(self.level2(p2, picture), x1) + self.lateral2(x1)
        return _resized(self.out(self.level1(p1, picture)), picture) + self.out_picture(picture)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)
