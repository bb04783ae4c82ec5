"""What a vision transformer begins with: one token for each patch of the picture.

It is published as a convolution whose step is its kernel's side. That is a matrix product of the patches, and is
computed as one here: in bf16, on processors with AMX, PyTorch 2.15's convolution with a kernel of 16 x 16 and four
channels is plainly wrong (measured: mean error 1.06 times the mean result, in every size tried; 3 x 3, 4 x 4 and
7 x 7 are right).
"""

import torch.nn.functional as F  # noqa: N812, TID253 (imported only when such a model is loaded)
from torch import Tensor, nn  # noqa: TID253


class PatchProjection(nn.Module):
    """In place of a convolution without padding whose step is its kernel's side.

    Args:
        conv: whose parameters are taken over.

    Raises:
        ValueError: it is another kind of convolution.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        if conv.kernel_size != conv.stride or any(conv.padding) or conv.groups != 1 or conv.dilation != (1, 1):  # type: ignore[arg-type]
            raise ValueError(f"{conv} does not cut the picture into patches")
        self.kernel_size = conv.kernel_size
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, picture: Tensor) -> Tensor:
        """B x out x H/side x W/side from B x C x H x W; what is no whole patch is cut off, as by the convolution."""
        height, width = self.kernel_size
        rows, columns = picture.shape[2] // height, picture.shape[3] // width
        picture = picture[:, :, : rows * height, : columns * width]
        patches = picture.unflatten(3, (columns, width)).unflatten(2, (rows, height)).permute(0, 2, 4, 1, 3, 5)
        return F.linear(patches.flatten(3), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
