"""Swin Transformer, the backbone of BiRefNet and InSPyReNet.

Method: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021. Inference
only, one picture at a time. The parameters have the published names, but for the position bias: the published table
holds one number for each offset between two tokens, and here each block has the whole N x N matrix ready (see
`position_bias`).

Tokens are rows of a matrix, pixel by pixel. Padding, cyclic shift and cutting into windows are one gather, and their
undoing is another; only the few windows that the shift put together from distant parts need a mask, and only these
get one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch  # noqa: TID253 (imported only by the modules that load a network)
import torch.nn.functional as F  # noqa: N812, TID253
from torch import Tensor, nn  # noqa: TID253

SIZES_KEPT = 8
"""Of maps whose windows a stage keeps: a network sees its input at two sizes, upright and not."""

CPU_ROWS = 4096
"""Tokens that go through an MLP at once on the CPU: their hidden layer, 4 times as wide, stays in the cache."""


@dataclass(frozen=True, slots=True)
class SwinSize:
    """A published size of the network: channels of the first stage, blocks and heads of each stage, window's side."""

    channels: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int


SIZES: Mapping[str, SwinSize] = {
    "swin_t": SwinSize(96, (2, 2, 6, 2), (3, 6, 12, 24), 7),
    "swin_s": SwinSize(96, (2, 2, 18, 2), (3, 6, 12, 24), 7),
    "swin_b": SwinSize(128, (2, 2, 18, 2), (4, 8, 16, 32), 12),
    "swin_l": SwinSize(192, (2, 2, 18, 2), (6, 12, 24, 48), 12),
}


def recognised_size(keys: Mapping[str, Tensor], prefix: str) -> str | None:
    """The name in `SIZES` of the backbone whose weights have these names, or None.

    Args:
        keys: a state dict.
        prefix: of the backbone's names in it.
    """
    embedding = keys.get(f"{prefix}patch_embed.proj.weight")
    depth = sum(1 for key in keys if key.startswith(f"{prefix}layers.2.blocks.") and key.endswith(".norm1.weight"))
    for name, size in SIZES.items():
        if embedding is not None and (size.channels, size.depths[2]) == (embedding.shape[0], depth):
            return name
    return None


def position_bias(table: Tensor, window: int) -> Tensor:
    """1 x heads x N x N: what is added to the attention of each pair of the N tokens of a window.

    Args:
        table: (2 window - 1)² x heads, the published `relative_position_bias_table`.
        window: its side, tokens.
    """
    place = torch.arange(window)
    row, column = place.repeat_interleave(window), place.repeat(window)
    between = (row[:, None] - row + window - 1) * (2 * window - 1) + column[:, None] - column + window - 1
    return table[between.flatten()].view(window**2, window**2, -1).permute(2, 0, 1).unsqueeze(0).contiguous()


@dataclass(frozen=True, slots=True)
class Windows:
    """How the tokens of a map are dealt out to windows.

    Attributes:
        take: for each place in a window, window by window, the token that goes there; padding is the one after the
            last. Windows with a mask come last.
        give: for each token its place.
        padded: whether there is padding.
        plain: number of windows without mask.
        mask: windows with mask x 1 x N x N, 0 or -inf; None: there is none.
    """

    take: Tensor
    give: Tensor
    padded: bool
    plain: int
    mask: Tensor | None


def windows_of(height: int, width: int, window: int, shift: int, device: torch.device, dtype: torch.dtype) -> Windows:
    """The windows of a map of `height` x `width` tokens that is rolled by `shift` up and to the left."""
    rows, columns = -(-height // window) * window, -(-width // window) * window
    place = torch.full((rows, columns), height * width)
    place[:height, :width] = torch.arange(height * width).view(height, width)
    # After the roll the last window of each row and column holds tokens from both ends, which must not see each other.
    part_of_row, part_of_column = (
        (torch.arange(side) >= side - window).long() + (torch.arange(side) >= side - shift) for side in (rows, columns)
    )
    part = part_of_row[:, None] * 3 + part_of_column
    take, part = (_cut(each, window) for each in (place.roll((-shift, -shift), (0, 1)), part))
    apart = part[:, None, :] != part[:, :, None]
    masked = apart.any(2).any(1) if shift else torch.zeros(len(take), dtype=torch.bool)
    order = torch.argsort(masked.long(), stable=True)
    take = take[order].flatten()
    give = torch.empty(height * width + 1, dtype=torch.long)
    give[take] = torch.arange(len(take))
    plain = int((~masked).sum())
    mask = None
    if plain < len(order):
        mask = torch.zeros(len(order) - plain, 1, window**2, window**2, dtype=dtype)
        mask.masked_fill_(apart[order[plain:], None], float("-inf"))
        mask = mask.to(device)
    padded = (rows, columns) != (height, width)
    return Windows(take.to(device), give[:-1].to(device), padded, plain, mask)


def _cut(grid: Tensor, window: int) -> Tensor:
    """Windows x N."""
    rows, columns = (side // window for side in grid.shape)
    return grid.view(rows, window, columns, window).transpose(1, 2).reshape(-1, window**2)


class Attention(nn.Module):
    """Attention among the tokens of each window."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.tokens = window**2
        self.bias = nn.Parameter(torch.empty(1, heads, self.tokens, self.tokens))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """T x C from T x C."""
        channels = x.shape[1]
        if windows.padded:
            x = F.pad(x, (0, 0, 0, 1))
        x = self.qkv(x.index_select(0, windows.take))
        q, k, v = x.view(-1, self.tokens, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if windows.mask is None:
            x = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        else:
            n = windows.plain
            parts = [F.scaled_dot_product_attention(q[n:], k[n:], v[n:], attn_mask=self.bias + windows.mask)]
            if n:
                parts.insert(0, F.scaled_dot_product_attention(q[:n], k[:n], v[:n], attn_mask=self.bias))
            x = torch.cat([part.transpose(1, 2) for part in parts]).transpose(1, 2)
        return self.proj(x.transpose(1, 2).reshape(-1, channels).index_select(0, windows.give))


class Mlp(nn.Module):
    """Two layers with a GELU between them, for each token by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """T x C from T x C."""
        if x.device.type == "cpu" and len(x) > CPU_ROWS:
            return torch.cat([self.fc2(F.gelu(self.fc1(part))) for part in x.split(CPU_ROWS)])
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and MLP, each added to its input."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Attention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """T x C from T x C."""
        x = x + self.attn(self.norm1(x), windows)
        return x + self.mlp(self.norm2(x))


class Merging(nn.Module):
    """Makes one token of 2 x 2, with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        """T' x 2C from T x C; odd sides are padded."""
        x = x.view(height, width, -1)
        if height % 2 or width % 2:
            x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        x = x.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).permute(0, 2, 3, 1, 4)
        return self.reduction(self.norm(x.flatten(2).flatten(0, 1)))


class Stage(nn.Module):
    """Blocks at one resolution, every second one with shifted windows."""

    def __init__(self, channels: int, depth: int, heads: int, window: int, last: bool) -> None:
        super().__init__()
        self.window = window
        self._dealt: dict[tuple[int, int], tuple[Windows, Windows]] = {}
        self.blocks = nn.ModuleList(Block(channels, heads, window) for _ in range(depth))
        if not last:
            self.downsample = Merging(channels)

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        """T x C from T x C."""
        if (height, width) not in self._dealt:
            self._deal(height, width, x)
        dealt = self._dealt[height, width]
        for number, block in enumerate(self.blocks):
            x = block(x, dealt[number % 2])
        return x

    @torch.compiler.disable(reason="it is done once a size, and its shapes depend on values")
    def _deal(self, height: int, width: int, like: Tensor) -> None:
        """Keeps the windows of a size, without and with shift."""
        if len(self._dealt) == SIZES_KEPT:
            self._dealt.clear()
        plain, shifted = (
            windows_of(height, width, self.window, shift, like.device, like.dtype) for shift in (0, self.window // 2)
        )
        self._dealt[height, width] = plain, shifted

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Stage":
        self._dealt.clear()  # they belong to the device and type that is left
        return super()._apply(fn, recurse)


class Embedding(nn.Module):
    """Makes a token of 4 x 4 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 4, 4)
        self.norm = nn.LayerNorm(channels)


class Swin(nn.Module):
    """A Swin Transformer without its classifier.

    Args:
        size: one of `SIZES`.
    """

    def __init__(self, size: SwinSize) -> None:
        super().__init__()
        self.patch_embed = Embedding(size.channels)
        self.layers = nn.ModuleList(
            Stage(size.channels << n, size.depths[n], size.heads[n], size.window, n == 3) for n in range(4)
        )
        for n in range(4):
            self.add_module(f"norm{n}", nn.LayerNorm(size.channels << n))

    def forward(self, x: Tensor) -> list[Tensor]:
        """The embedding, then the normalised result of each stage.

        Args:
            x: 1 x 3 x H x W; H and W multiples of 4.

        Returns:
            1 x C x H/4 x W/4 twice, then twice the channels at half the size (rounded up), three times; channels last
            in memory.
        """
        x = self.patch_embed.proj(x)
        height, width = x.shape[2:]
        x = self.patch_embed.norm(x.permute(0, 2, 3, 1).reshape(height * width, -1))
        maps = [_map(x, height, width)]
        for n, stage in enumerate(self.layers):
            if n:
                x = self._merge(n - 1, x, height, width)
                height, width = -(-height // 2), -(-width // 2)
            x = stage(x, height, width)
            maps.append(_map(self.get_submodule(f"norm{n}")(x), height, width))
        return maps

    def _merge(self, stage: int, x: Tensor, height: int, width: int) -> Tensor:
        return self.get_submodule(f"layers.{stage}.downsample")(x, height, width)


def _map(tokens: Tensor, height: int, width: int) -> Tensor:
    return tokens.view(1, height, width, -1).permute(0, 3, 1, 2)
