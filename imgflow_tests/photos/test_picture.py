"""Laying a picture on a colour, and weaving its channels, is exact."""

import numpy as np
import pytest

from imgflow.photos import picture
from imgflow.photos.picture import Picture

EVERY = Picture(
    np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(256, axis=0),
    np.arange(256, dtype=np.uint8)[:, None].repeat(256, axis=1),
)
"""Every value below every alpha."""


@pytest.mark.parametrize("in_cache", [1, 10_000, 1_000_000])
@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (17, 128, 254)])
def test_over_rounds_the_exact_mixture(ground, in_cache, monkeypatch):
    monkeypatch.setattr(picture, "_IN_CACHE", in_cache)
    rgb, alpha = EVERY.rgb.astype(np.int64), EVERY.alpha.astype(np.int64)[..., None]
    mixed = rgb * alpha + np.array(ground) * (255 - alpha)  # in 255ths; never halfway, for 255 is odd
    assert (EVERY.over(ground) == (2 * mixed + 255) // 510).all()


def test_rgba_of_pictures_however_they_lie_in_memory():
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    turned = Picture(rgb[::-1, ::-2], rgb[::-1, ::-2, 0])
    assert (turned.rgba[..., :3] == turned.rgb).all()
    assert (turned.rgba[..., 3] == turned.alpha).all()
    assert (Picture(rgb).rgba[..., 3] == 255).all()
