from functools import cache

import numpy as np
import pytest

from imgflow.samples import SCENES, Scene, render
from imgflow.samples.camera import Camera

SIZE = 0.1
"""Megapixels: every scene is rendered once for this module."""


@cache
def scene(name: str) -> Scene:
    return render(name, megapixels=SIZE)


def test_there_are_enough_scenes_of_many_sizes() -> None:
    sizes = [s.width * s.height / 1e6 for s in SCENES.values()]
    assert len(SCENES) >= 12
    assert sum(size == pytest.approx(12) for size in sizes) == 3
    assert all(1 <= size <= 12 for size in sizes)
    assert len({s.file for s in SCENES.values()}) == len(SCENES)
    assert len({round(s.width / s.height, 2) for s in SCENES.values()}) >= 4


@pytest.mark.parametrize("name", SCENES)
def test_clean_is_the_composite_of_its_truth(name: str) -> None:
    s = scene(name)
    alpha = s.alpha[..., None].astype(np.float64)
    composite = alpha * s.foreground + (1 - alpha) * s.ground * s.shadow[..., None]
    assert np.abs(s.clean - composite).max() <= 0.501
    width, height = SCENES[name].size(SIZE)
    assert s.photo.shape == s.clean.shape == s.foreground.shape == s.ground.shape == (height, width, 3)
    assert s.alpha.shape == s.shadow.shape == (height, width)
    assert s.alpha.dtype == s.shadow.dtype == np.float32
    assert s.photo.dtype == s.clean.dtype == s.foreground.dtype == s.ground.dtype == np.uint8


@pytest.mark.parametrize("name", SCENES)
def test_the_product_is_inside_and_the_shadow_only_darkens(name: str) -> None:
    s = scene(name)
    border = np.concatenate([s.alpha[0], s.alpha[-1], s.alpha[:, 0], s.alpha[:, -1]])
    assert border.max() == 0
    assert s.alpha.min() >= 0
    assert 0.9 < s.alpha.max() <= 1
    assert 0.03 < s.alpha.mean() < 0.8
    assert 0 <= s.shadow.min() < 0.85
    assert s.shadow.max() <= 1
    seen = s.alpha == 0
    assert np.all(s.clean[seen] <= s.ground[seen])
    assert s.ground[seen].mean() - s.clean[seen].mean() > 0.5


@pytest.mark.parametrize("name", ["bottle", "plush"])
def test_the_same_seed_gives_the_same_pixels(name: str) -> None:
    again, other = render(name, megapixels=SIZE), render(name, megapixels=SIZE, seed=1)
    for field in ("photo", "clean", "alpha", "foreground", "ground", "shadow"):
        np.testing.assert_array_equal(getattr(scene(name), field), getattr(again, field))
    assert np.any(other.photo != again.photo)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        render("unicorn")


@pytest.mark.parametrize("name", ["sneaker", "camera", "bottle"])
def test_foreground_goes_on_beyond_the_edge(name: str) -> None:
    import cv2

    s = scene(name)
    outside = s.alpha < 0.99
    far, labels = cv2.distanceTransformWithLabels(
        outside.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((labels.max() + 1, 3))
    colours[labels[~outside]] = s.foreground[~outside]
    beside = (far < 4) & (s.alpha == 0)
    nearest = colours[labels[beside]]
    error = np.abs(s.foreground[beside] - nearest).mean()
    assert error < 20
    assert error < 0.3 * np.abs(s.ground[beside] - nearest).mean()


def test_spokes_survive_at_one_megapixel() -> None:
    s = render("bicycle", megapixels=1)
    height = s.alpha.shape[0]
    # a circle through the front wheel's spokes, between hub and rim: 32 spokes cross it
    angle = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    x = ((0.985 + 0.14 * np.cos(angle)) * height - 0.5).round().astype(int)
    y = ((0.64 + 0.14 * np.sin(angle)) * height - 0.5).round().astype(int)
    ring = s.alpha[y, x]
    crossings = int(np.sum((ring > 0.3) & (np.roll(ring, 1) <= 0.3)))
    assert 28 <= crossings <= 44
    assert 0.5 < np.mean(ring < 0.05) < 0.95  # and the ground shows between them


def test_the_tumbler_is_translucent_and_plush_hair_is_thinner_than_a_pixel() -> None:
    glass = scene("tumbler").alpha
    assert np.mean((glass > 0.05) & (glass < 0.95)) > 0.6 * np.mean(glass > 0.05)
    fur = render("plush", megapixels=0.3).alpha
    assert 0.03 < np.mean((fur > 0.02) & (fur < 0.98)) < 0.4


def test_noise_has_the_cameras_level_and_is_alike_in_neighbours() -> None:
    camera = Camera(read=2.0, shot=0.05)
    rng = np.random.default_rng(3)
    measured: list[float] = []
    for value in (40, 200):
        flat = np.full((300, 300, 3), value, np.uint8)
        noise = camera.expose(flat, rng).astype(np.float64) - value
        inner = noise[4:-4, 4:-4]
        measured.append(float(inner.std()))
        assert inner.std() == pytest.approx(np.hypot(camera.sigma(value), 12**-0.5), rel=0.03)
        assert abs(inner.mean()) < 0.05
        for channel, expected in ((0, 0.53), (1, 0.34), (2, 0.53)):
            pair = inner[..., channel]
            assert np.corrcoef(pair[:, 1:].ravel(), pair[:, :-1].ravel())[0, 1] == pytest.approx(expected, abs=0.04)
            assert abs(np.corrcoef(pair[:, 3:].ravel(), pair[:, :-3].ravel())[0, 1]) < 0.03
    assert measured[1] > 1.3 * measured[0]


def test_a_scene_without_noise_is_its_clean_photo() -> None:
    np.testing.assert_array_equal(scene("tumbler").photo, scene("tumbler").clean)
    noisy = scene("backpack")
    assert 2.5 < (noisy.photo.astype(float) - noisy.clean).std() < 5.5
