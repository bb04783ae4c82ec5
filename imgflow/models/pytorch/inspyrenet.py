"""InSPyReNet, as transparent-background publishes it (ckpt_base.pth, ckpt_base_nightly.pth, ckpt_fast.pth).

Method: Kim et al., "Revisiting Image Pyramid Structure for High Resolution Salient Object Detection", ACCV 2022, with a
Swin-B backbone. As in transparent-background the network sees the whole photo once, at the size it was trained on
(1024 pixels, 384 for fast); preprocessing as there. Other than there the answer is not stretched to the full range,
which would make a product out of noise where there is none.

It computes what the published network does, with less work: batch normalisations are part of the convolutions before
them, and where a map is a mixture of five vectors, the convolution after it is applied to the five shares.
"""

from pathlib import Path

import torch  # noqa: TID253 (imported only by `load_model`)
import torch.nn.functional as F  # noqa: N812, TID253
from torch import Tensor, nn  # noqa: TID253

from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.placement import place
from imgflow.models.pytorch.published import Published, read_state, weights_file
from imgflow.models.pytorch.segmenter import InputSize, TorchSegmenter
from imgflow.models.pytorch.swin import SIZES, Swin
from imgflow.models.runtime import Runtime

BACKBONE = SIZES["swin_b"]

DEPTH = 64
"""Channels of all maps after the backbone."""

UNUSED = (r"^backbone\..*\.relative_position_index$", r"\.num_batches_tracked$")
"""Published keys that inference does not need."""


def load(model: Model, folder: Path, runtime: Runtime) -> TorchSegmenter:
    """As `imgflow.models.families.LOADERS` says; `input_size` must be 1024 or, for fast, 384."""
    # Sums over all pixels exceed what fp16 can hold, and nobody publishes what bf16 does to these weights.
    placement = place(model.name, runtime)
    path = weights_file(model, folder, "ckpt_base.pth")
    published = Published(read_state(path), UNUSED, placement.dtype)
    with memory_errors(model.name, placement.device):
        network = build(published, str(path))
        network = network.to(placement.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    side = model.input_size or 1024
    return TorchSegmenter(model, network, placement, InputSize(side, side), runtime)


def build(published: Published, where: str) -> "InSPyReNet":
    """The network with these weights, on the CPU.

    Raises:
        ModelUnavailableError: keys are missing or unexpected; the message names them.
    """
    with torch.device("meta"):
        network = InSPyReNet()
    published.swin("backbone.", "backbone.", network.backbone, BACKBONE.window)
    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d) and not name.startswith("backbone."):
            published.conv(name, f"{name}.conv", "" if name == "decoder.conv5" else f"{name}.bn", bias=False)
    for name, _ in network.named_parameters():
        if name.endswith((".gamma", "threshold")):
            with published.piece():
                published.make(name, *published.take(name))
    published.make("blur", _gaussian())
    published.fill(network, where)
    return network


class InSPyReNet(nn.Module):
    """The network."""

    blur: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Swin(BACKBONE)
        c = BACKBONE.channels
        for number, channels in enumerate((c, c, 2 * c, 4 * c, 8 * c), 1):
            self.add_module(f"context{number}", Context(channels))
        self.decoder = Decoder()
        self.attention0 = Refinement(DEPTH, 5)
        self.attention1 = Refinement(2 * DEPTH, 5)
        self.attention2 = Refinement(2 * DEPTH, 3)
        self.register_buffer("blur", torch.empty(1, 1, 7, 7))

    def forward(self, picture: Tensor) -> Tensor:
        """Logits: positive where the product is.

        Args:
            picture: 1 x 3 x H x W, normalised; H and W multiples of 32.

        Returns:
            1 x 1 x H x W.
        """
        height, width = picture.shape[2:]
        maps = self.backbone(picture)
        x1, x2, x3, x4, x5 = (self.get_submodule(f"context{n}")(each) for n, each in enumerate(maps, 1))
        del maps
        f3, d3 = self.decoder(x3, x4, x5)
        quarter, half = (height // 4, width // 4), (height // 2, width // 2)
        f2, p2 = self.attention2(torch.cat((x2, _resized(f3, quarter)), 1), (d3,))
        d2 = self._finer(d3, p2)
        f1, p1 = self.attention1(torch.cat((_resized(x1, half), _resized(f2, half)), 1), (d2, p2))
        d1 = self._finer(d2, p1)
        _, p0 = self.attention0(_resized(f1, (height, width)), (d1, p1))
        return self._finer(d1, p0)

    def _finer(self, logits: Tensor, detail: Tensor) -> Tensor:
        """A step of the Laplacian pyramid: twice as large, blurred, and the detail added."""
        apart = F.pixel_shuffle(F.pad(logits, (0, 0, 0, 0, 0, 3)), 2)
        return F.conv2d(F.pad(apart, (3, 3, 3, 3), mode="reflect"), self.blur * 4) + detail


class Context(nn.Module):
    """Brings a map of the backbone to 64 channels while looking along rows and columns."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch0 = nn.Conv2d(channels, DEPTH, 1)
        self.branch1, self.branch2, self.branch3 = (Branch(channels, reach) for reach in (3, 5, 7))
        self.conv_cat = nn.Conv2d(4 * DEPTH, DEPTH, 3, padding=1)
        self.conv_res = nn.Conv2d(channels, DEPTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """1 x 64 x H x W from 1 x channels x H x W."""
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        return F.relu_(self.conv_cat(torch.cat([branch(x) for branch in branches], 1)) + self.conv_res(x))


class Branch(nn.Module):
    """A cross-shaped convolution, attention within columns and within rows, a dilated convolution."""

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, DEPTH, 1)
        self.conv1 = nn.Conv2d(DEPTH, DEPTH, (1, reach), padding="same")
        self.conv2 = nn.Conv2d(DEPTH, DEPTH, (reach, 1), padding="same")
        self.conv3 = nn.Conv2d(DEPTH, DEPTH, 3, padding=reach, dilation=reach)
        self.Hattn, self.Wattn = AxisAttention(), AxisAttention()

    def forward(self, x: Tensor) -> Tensor:
        """1 x 64 x H x W from 1 x channels x H x W."""
        x = self.conv2(self.conv1(self.conv0(x)))
        return self.conv3(self.Hattn(x, x.shape[2]) + self.Wattn(x, x.shape[3]))


class AxisAttention(nn.Module):
    """Attention among `axis` positions, each of which holds everything else as its features."""

    def __init__(self) -> None:
        super().__init__()
        self.query_conv = nn.Conv2d(DEPTH, DEPTH // 8, 1)
        self.key_conv = nn.Conv2d(DEPTH, DEPTH // 8, 1)
        self.value_conv = nn.Conv2d(DEPTH, DEPTH, 1)
        self.gamma = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor, axis: int) -> Tensor:
        """1 x 64 x H x W from the same.

        The published network cuts the memory of the map (channels, rows, columns) into runs of `axis` numbers. In a
        square map these are its rows, whichever axis is meant; the weights were trained so.
        """
        q, k, v = (conv(x).contiguous().view(-1, axis) for conv in (self.query_conv, self.key_conv, self.value_conv))
        attention = torch.softmax(q.T @ k, dim=-1)
        seen = (v @ attention.T).view(x.shape).contiguous(memory_format=torch.channels_last)
        return torch.addcmul(x, seen, self.gamma)


class Decoder(nn.Module):
    """The first guess, from the three coarsest maps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3 * DEPTH, DEPTH, 3, padding=1)
        self.conv2, self.conv3, self.conv4 = (nn.Conv2d(DEPTH, DEPTH, 3, padding=1) for _ in range(3))
        self.conv5 = nn.Conv2d(DEPTH, 1, 3, padding=1)
        self.Hattn, self.Wattn = AxisAttention(), AxisAttention()

    def forward(self, x3: Tensor, x4: Tensor, x5: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits, in the size of `x3`."""
        x5, x4 = (F.interpolate(x, size=x3.shape[2:], mode="bilinear", align_corners=True) for x in (x5, x4))
        x = self.conv1(torch.cat((x5, x4, x3), 1))
        x = self.conv2(self.Hattn(x, x.shape[2]) + self.Wattn(x, x.shape[3]))
        x = self.conv4(self.conv3(x))
        return x, self.conv5(x)


class Refinement(nn.Module):
    """Finds detail by comparing each pixel with what is foreground, ground or unsure so far.

    Args:
        channels: of the map.
        kinds: 3: foreground, ground, unsure; 5: and what the detail before added and took away.
    """

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.conv_query = _pair(channels, 3)
        self.conv_key = _pair(channels, 1)
        self.conv_value = _pair(channels, 1)
        self.conv_out1 = nn.Conv2d(DEPTH, DEPTH, 3, padding=1)
        self.conv_out2 = nn.Conv2d(channels + DEPTH, DEPTH, 3, padding=1)
        self.conv_out3 = nn.Conv2d(DEPTH, DEPTH, 3, padding=1)
        self.conv_out4 = nn.Conv2d(DEPTH, 1, 1)
        self.threshold = nn.Parameter(torch.empty(1))
        if kinds == 5:
            self.lthreshold = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor, guesses: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Features and detail, in the size of `x`.

        Args:
            x: 1 x channels x H x W.
            guesses: logits so far; for 5 kinds the detail before, too.
        """
        size = (x.shape[2], x.shape[3])
        certain, *change = (torch.sigmoid(_resized(guess, size)) for guess in guesses)
        certain = certain - self.threshold
        kinds = [certain.clamp(0, 1), (-certain).clamp(0, 1), self.threshold - certain.abs()]
        for each in change:
            each = each - self.lthreshold
            kinds += [each.clamp(0, 1), (-each).clamp(0, 1)]
        # As published: the map's memory (channels, rows, columns) is cut into runs of as many numbers as channels.
        vectors = torch.cat(kinds, 1).flatten(2)[0] @ x.contiguous().view(-1, x.shape[1])
        vectors = vectors.T[None, ..., None]
        keys, values = _relu_pair(self.conv_key, vectors)[0], _relu_pair(self.conv_value, vectors)[0, ..., 0]
        similar = F.conv2d(_relu_pair(self.conv_query, x), keys.permute(1, 0, 2)[..., None] * DEPTH**-0.5)
        shares = torch.softmax(similar, dim=1)
        # Each pixel of the context is a mixture of the values; so is each pixel of its convolution.
        mixing = torch.einsum("ochw,ck->okhw", self.conv_out1.weight, values)
        context = F.relu_(F.conv2d(shares, mixing, self.conv_out1.bias, padding=1))
        x = F.relu_(self.conv_out2(torch.cat((x, context), 1)))
        x = F.relu_(self.conv_out3(x))
        return x, self.conv_out4(x)


def _pair(channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, DEPTH, kernel, padding=kernel // 2), nn.Conv2d(DEPTH, DEPTH, kernel, padding=kernel // 2)
    )


def _relu_pair(pair: nn.Sequential, x: Tensor) -> Tensor:
    for conv in pair:
        x = F.relu_(conv(x))
    return x


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _gaussian() -> Tensor:
    """1 x 1 x 7 x 7, standard deviation 1, sum 1."""
    line = torch.exp(-((torch.arange(7.0) - 3) ** 2) / 2)
    line /= line.sum()
    return torch.outer(line, line).view(1, 1, 7, 7)
