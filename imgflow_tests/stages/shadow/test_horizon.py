"""A product on a table before a wall: the shadow on the table goes, the wall stays as it is."""

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.stages.shadow.horizon import beyond_ground
from imgflow.stages.shadow.stage import remove_shadow
from imgflow_tests.stages.scenes import BlurredTruth, box, delta_e, scene

HEIGHT, WIDTH = 480, 640
ROW = 215


def share_of_wall(tilt=0.0, blur=0.0, row=ROW):
    """H x W, 0 to 1: what is above a line at that row in the middle, which falls by `tilt` of the width."""
    x = np.arange(WIDTH) / WIDTH - 0.5
    wall = np.clip(row + tilt * WIDTH * x[None] - np.arange(HEIGHT)[:, None] + 0.5, 0, 1).astype(np.float32)
    return cv2.GaussianBlur(wall, (0, 0), blur) if blur else wall


def before_a_wall(wall, shadow=0.45, **line):
    """Photo and the same without shadow, with a wall that has so much of the table's light, by channel."""
    shadowed, share = scene(box(HEIGHT, WIDTH), shadow=shadow), share_of_wall(**line)[..., None]
    share = share * (1 - shadowed.alpha[..., None])
    light = 1 + share * (np.float32(wall) - 1)
    rgb, clean = (np.rint(np.clip(photo * light, 0, 255)).astype(np.uint8) for photo in (shadowed.rgb, shadowed.clean))
    return shadowed, rgb, clean


def relit(rgb, alpha):
    return remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(alpha, 320)).picture.rgb


WALLS = {
    "dark": ((0.4, 0.4, 0.4), {}),
    "bright": ((1.22, 1.22, 1.25), {}),
    "of another hue": ((0.75, 0.95, 1.2), {}),
    "tilted": ((0.55, 0.5, 0.5), {"tilt": 0.09}),
    "out of focus": ((0.5, 0.5, 0.5), {"blur": 5.0}),
}


@pytest.mark.parametrize("wall", WALLS)
def test_the_shadow_on_the_table_goes_and_the_wall_stays(wall):
    light, line = WALLS[wall]
    shadowed, rgb, clean = before_a_wall(light, **line)
    output = relit(rgb, shadowed.alpha)
    on_table = shadowed.shadow & (np.arange(HEIGHT)[:, None] > ROW + 50)
    before, after = delta_e(rgb, clean), delta_e(output, clean)
    assert after[on_table].mean() < 0.25 * before[on_table].mean()
    moved = delta_e(output, rgb)
    assert moved[share_of_wall(**line) > 0.99].max() == 0
    assert moved[shadowed.alpha > 0.5].mean() < 0.2
    assert moved[(before < 1) & (shadowed.alpha == 0)].mean() < 0.1


@pytest.mark.parametrize("wall", WALLS)
def test_a_table_without_a_shadow_stays(wall):
    light, line = WALLS[wall]
    shadowed, rgb, _ = before_a_wall(light, shadow=0.0, **line)
    assert np.array_equal(relit(rgb, shadowed.alpha), rgb)


def clear_of_box():
    return cv2.dilate((box(HEIGHT, WIDTH) > 0).astype(np.uint8), np.ones((15, 15))) == 0


def beyond(rgb):
    return beyond_ground(np.log(rgb.astype(np.float32) + 1), clear_of_box())


@pytest.mark.parametrize("tilt", [-0.12, 0.0, 0.05, 0.14])
def test_the_line_is_found_where_it_is(tilt):
    _, rgb, _ = before_a_wall((0.8, 0.85, 0.9), tilt=tilt)
    found, wall = beyond(rgb), share_of_wall(tilt) > 0.5
    assert (found & wall).sum() / (found | wall).sum() > 0.95
    assert found[wall].mean() > 0.99


def test_the_front_edge_of_a_table_is_found_too():
    _, rgb, _ = before_a_wall((2.0, 1.9, 1.8), row=430)
    found, front = beyond(np.uint8(0.5 * rgb)), share_of_wall(row=430) < 0.5
    assert (found & front).sum() / (found | front).sum() > 0.9


def sweep():
    """A paper that turns into a darker wall over a fifth of the height."""
    turn = np.clip((np.arange(HEIGHT)[:, None, None] - 140) / 100, 0, 1)
    return 130 + 70 * turn**2 * (3 - 2 * turn) * np.ones((1, WIDTH, 3))


def planks():
    rows = np.arange(HEIGHT)[:, None, None]
    return np.where((rows > 200) & (rows < 206), 60.0, 180.0) * np.ones((1, WIDTH, 3))


def one_sided():
    """What ends at the product is no horizon, such as a shadow's outline or a shelf."""
    dark = (np.arange(HEIGHT)[:, None, None] < ROW) & (np.arange(WIDTH)[None, :, None] < WIDTH / 2)
    return np.where(dark, 120.0, 180.0) * np.ones((1, 1, 3))


def opposed():
    """Darker above the line on one side of the product, brighter on the other."""
    sign = np.where(np.arange(WIDTH) < WIDTH / 2, -40.0, 40.0)
    return 160 + np.where(np.arange(HEIGHT)[:, None] < ROW, sign[None], 0)[..., None] * np.ones(3)


def streaks():
    random = np.random.default_rng(4)
    grain = cv2.GaussianBlur(random.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 60, sigmaY=2)
    return 150 * np.exp(0.1 * (grain / grain.std())[..., None]) * np.ones(3)


@pytest.mark.parametrize("ground", [sweep, planks, one_sided, opposed, streaks])
def test_what_is_no_horizon_is_not_taken_for_one(ground):
    assert not beyond(np.rint(ground())).any()
