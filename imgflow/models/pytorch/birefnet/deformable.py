"""Modulated deformable convolution: each tap of the kernel looks where the network tells it to, as strongly as told.

Method: Zhu et al., "Deformable ConvNets v2", CVPR 2019; on a GPU torchvision's operator computes it. On the CPU that
operator gathers the samples on one core into a buffer of 0.8 GB (at 1024 pixels), so there it is done here: samples
are gathered for a band of pixels at a time with the channels side by side, and a matrix product does the rest.
"""

import torch  # noqa: TID253 (imported only by the modules that load a network)
import torch.nn.functional as F  # noqa: N812, TID253
from torch import Tensor, nn  # noqa: TID253

BAND = 2048
"""Pixels at a time: with 49 taps and 64 channels their samples take 26 MB."""


class DeformableConv(nn.Module):
    """A deformable convolution with stride 1 that keeps the size, and a ReLU.

    `position` tells for each pixel first how far up or down and to the side each tap looks (in pixels, in pairs), then
    its strength before the sigmoid, which is doubled.
    """

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.position = nn.Conv2d(channels, 3 * kernel**2, kernel, padding=kernel // 2)
        self.weight = nn.Parameter(torch.empty(out, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x: Tensor) -> Tensor:
        """1 x out x H x W from 1 x channels x H x W."""
        offset, strength = self.position(x).split((2 * self.kernel**2, self.kernel**2), dim=1)
        strength = torch.sigmoid(strength).mul_(2)
        sampled = self.by_bands if x.device.type == "cpu" else self.by_torchvision
        return F.relu_(sampled(x, offset, strength))

    def by_torchvision(self, x: Tensor, offset: Tensor, strength: Tensor) -> Tensor:
        """The convolution without its ReLU, by torchvision's operator."""
        from torchvision.ops import deform_conv2d

        operands = (x, offset, self.weight, self.bias, strength)
        if x.dtype == torch.bfloat16:  # which the operator does not know
            operands = tuple(each.float() for each in operands)
        picture, offset, weight, bias, strength = operands
        padding = (self.kernel // 2, self.kernel // 2)
        return deform_conv2d(picture, offset, weight, bias, padding=padding, mask=strength).to(x.dtype)

    @torch.compiler.disable(reason="its kernel is numba's")
    def by_bands(self, x: Tensor, offset: Tensor, strength: Tensor) -> Tensor:
        """The same on the CPU, a band of pixels at a time; channels last in memory."""
        from imgflow.models.pytorch.birefnet.sampling import sample

        _, channels, height, width = x.shape
        taps = self.kernel**2
        # Where and how strongly is computed in fp32 whatever the precision: an offset is many pixels long.
        picture, offset, strength = (each.permute(0, 2, 3, 1).float().contiguous() for each in (x, offset, strength))
        pixels = height * width
        source, places = picture[0].numpy(), offset.view(pixels, -1).numpy()
        strengths = strength.view(pixels, -1).numpy()
        weight = self.weight.permute(2, 3, 1, 0).reshape(taps * channels, -1)
        out = x.new_empty(pixels, weight.shape[1])
        samples = torch.empty(min(BAND, pixels), taps, channels)
        for first in range(0, pixels, BAND):
            rows = out[first : first + BAND]
            sample(source, places, strengths, self.kernel, first, samples.numpy()[: len(rows)])
            torch.addmm(self.bias, samples[: len(rows)].flatten(1).to(x.dtype), weight, out=rows)
        return out.view(1, height, width, -1).permute(0, 3, 1, 2)
