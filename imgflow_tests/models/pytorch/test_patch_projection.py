"""The patches of a vision transformer are projected rightly in every precision."""

import pytest
import torch
from torch import nn

from imgflow.models.pytorch.patch_projection import PatchProjection


@pytest.mark.parametrize(("channels", "side", "size"), [(4, 16, (64, 96)), (3, 4, (32, 32)), (4, 16, (70, 50))])
def test_it_is_the_convolution(channels: int, side: int, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(channels, 24, side, side)
    picture = torch.randn(2, channels, *size)
    with torch.inference_mode():
        expected = conv(picture)
        assert torch.allclose(PatchProjection(conv)(picture), expected, atol=1e-5)
        half = PatchProjection(conv.bfloat16())(picture.bfloat16()).float()
    assert (half - expected).abs().mean() < 0.01 * expected.abs().mean()


@pytest.mark.parametrize("options", [{"stride": 8}, {"stride": 16, "padding": 1}, {"stride": 16, "groups": 2}])
def test_other_convolutions_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="does not cut"):
        PatchProjection(nn.Conv2d(4, 24, 16, **options))
