"""Wide doubts of a segmenter are decided: by what it leans to, and by colour where that tells."""

import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig
from imgflow.stages.matte.looks.doubts import decide_doubts
from imgflow.stages.matte.looks.second_look import Looks
from imgflow.stages.matte.stage import matte
from imgflow_tests.stages.scenes import Finds

PRODUCT, GROUND, OTHER = (170, 60, 40), (205, 205, 200), (40, 90, 170)


def photo(*patches, noise=3.0):
    """A product of one colour, columns 60 to 200 of 300, and patches: rows, columns, colour, the segmenter's value."""
    rgb = np.full((200, 300, 3), GROUND, np.float32)
    mask = np.zeros((200, 300), np.float32)
    rgb[40:160, 60:200], mask[40:160, 60:200] = PRODUCT, 1
    for rows, columns, colour, value in patches:
        rgb[rows, columns], mask[rows, columns] = colour, value
    rgb += np.random.default_rng(0).normal(0, noise, rgb.shape)
    return np.clip(rgb, 0, 255).astype(np.uint8), mask


HOLE, HANDLE = (slice(80, 120), slice(100, 150)), (slice(80, 110), slice(200, 260))


@pytest.mark.parametrize(("colour", "value", "product"), [(PRODUCT, 0.35, 1), (GROUND, 0.65, 0)])
@pytest.mark.parametrize("place", [HOLE, HANDLE])
def test_clear_colours_overrule_a_segmenter_that_leans_the_other_way(place, colour, value, product):
    rgb, mask = photo((*place, colour, value))
    decided = decide_doubts(rgb, mask, Looks.single(mask), 2.0)
    inner = decided[place][8:-8, 8:-8]
    assert (inner == product).mean() > 0.98


@pytest.mark.parametrize(("value", "product"), [(0.35, 0), (0.65, 1)])
def test_a_colour_that_neither_has_changes_nothing(value, product):
    rgb, mask = photo((*HANDLE, OTHER, value))
    assert (decide_doubts(rgb, mask, Looks.single(mask), 2.0)[HANDLE][8:-8, 8:-8] == product).all()


@pytest.mark.parametrize(("value", "product"), [(0.35, 0), (0.65, 1)])
def test_where_product_and_ground_look_alike_the_segmenter_decides(value, product):
    rgb, mask = photo((slice(40, 160), slice(60, 200), GROUND, 1.0), (*HANDLE, GROUND, value))
    assert (decide_doubts(rgb, mask, Looks.single(mask), 2.0)[HANDLE][8:-8, 8:-8] == product).all()


def disputed(belief: float, split: bool, cleaned: bool = False) -> tuple[np.ndarray, Looks]:
    """A handle that looks disagree about: the mask is surer than their mean."""
    seen, handle = photo()[1], np.zeros((200, 300), bool)
    handle[HANDLE] = True
    mean, mask = (np.where(handle, np.float32(value), seen) for value in (belief, 2 * belief - 0.5))
    return np.where(handle & cleaned, np.float32(0), mask), Looks(mask, mean, handle & split, 4)


@pytest.mark.parametrize(("colour", "split", "product"), [(PRODUCT, True, 1), (GROUND, True, 0), (PRODUCT, False, 0)])
def test_what_looks_disagree_about_is_product_if_it_has_colours_of_the_product_alone(colour, split, product):
    rgb, _ = photo((*HANDLE, colour, 0))
    mask, seen = disputed(0.27, split)
    assert ((decide_doubts(rgb, mask, seen, 2.0)[HANDLE][8:-8, 8:-8] >= 0.5) == product).mean() > 0.98


@pytest.mark.parametrize(("split", "cluttered", "product"), [(True, False, 1), (False, False, 0), (True, True, 0)])
def test_a_colour_that_neither_has_is_no_plain_ground_s_where_some_look_saw_product(split, cluttered, product):
    rgb, _ = photo((*HANDLE, OTHER, 0))
    if cluttered:
        rng = np.random.default_rng(1)
        for y, x in ((y, x) for y in range(0, 200, 20) for x in (0, 20, 265, 280)):
            rgb[y : y + 12, x : x + 12] = rng.integers(0, 255, 3)
    mask, seen = disputed(0.3, split)
    assert ((decide_doubts(rgb, mask, seen, 2.0)[HANDLE][8:-8, 8:-8] >= 0.5) == product).mean() > 0.98


def test_the_ground_in_a_product_s_shade_is_not_foreign_to_it():
    rgb, _ = photo((*HANDLE, tuple(0.75 * value for value in GROUND), 0))
    mask, seen = disputed(0.3, True)
    assert not decide_doubts(rgb, mask, seen, 2.0)[HANDLE][8:-8, 8:-8].any()


def test_what_looks_believe_in_stays_where_it_shows_the_ground_s_colour():
    rgb, _ = photo((*HANDLE, GROUND, 0))
    mask, seen = disputed(0.72, True)
    assert (decide_doubts(rgb, mask, seen, 2.0)[HANDLE][8:-8, 8:-8] > 0.9).all()


def test_what_was_cleaned_away_does_not_come_back():
    rgb, _ = photo((*HANDLE, PRODUCT, 0))
    mask, seen = disputed(0.4, True, cleaned=True)
    assert not decide_doubts(rgb, mask, seen, 2.0)[HANDLE][8:-8, 8:-8].any()


PRINT = (slice(85, 105), slice(110, 130))


@pytest.mark.parametrize("core", [0.3, 0.05])
def test_a_small_hole_that_shows_the_ground_stays_one_however_sure_the_segmenter_is(core):
    rgb, mask = photo((*PRINT, GROUND, 0.3))
    mask[95, 120] = core
    assert (decide_doubts(rgb, mask, Looks.single(mask), 2.0)[PRINT][4:-4, 4:8] == 0).all()


def test_many_small_holes_that_show_the_ground_are_see_through():
    holes = [(slice(y, y + 20), slice(x, x + 20), GROUND, 0.3) for y in (50, 90, 130) for x in (80, 120, 160)]
    rgb, mask = photo(*holes)
    decided = decide_doubts(rgb, mask, Looks.single(mask), 2.0)
    assert all((decided[rows, columns][5:-5, 5:-5] == 0).all() for rows, columns, *_ in holes)


def test_a_patterned_part_is_decided_as_a_whole():
    rgb, mask = photo((*HANDLE, PRODUCT, 0.45))
    pattern = np.zeros((30, 60), bool)
    pattern[::4, ::5] = pattern[1::4, 2::5] = True
    rgb[HANDLE][pattern] = GROUND
    assert (decide_doubts(rgb, mask, Looks.single(mask), 2.0)[HANDLE][8:-8, 8:-8] == 1).all()


def test_no_stripe_is_left_where_a_wide_doubt_crosses_one_half():
    rgb, mask = photo()
    mask[40:160, 60:200] = np.linspace(0.25, 0.75, 140)
    decided = decide_doubts(rgb, mask, Looks.single(np.where(mask > 0.7, np.float32(1), mask)), 2.0)
    assert np.isin(decided[48:152, 68:180], (0, 1)).all()


def test_edges_and_what_is_sure_stay_as_they_are():
    rgb, mask = photo()
    mask[40:160, 56:64] = np.linspace(0.1, 0.9, 8)
    np.testing.assert_array_equal(decide_doubts(rgb, mask, Looks.single(mask), 2.0), mask)


def test_a_photo_without_anything_sure_is_decided_by_the_segmenter_alone():
    rgb, mask = photo((slice(0, 200), slice(0, 300), OTHER, 0.4))
    mask[50:150, 100:200] = 0.6
    decided = decide_doubts(rgb, mask, Looks.single(mask), 2.0)
    assert (decided[60:140, 110:190] == 1).all() and (decided[:30] == 0).all()


def test_much_that_was_decided_is_told_and_little_is_not():
    for handle, doubt in ((HANDLE, True), ((slice(80, 96), slice(200, 220)), False)):
        rgb, mask = photo((*handle, PRODUCT, 0.35))
        output = matte(Picture(rgb), MatteConfig(), Finds(mask))
        assert 0 < output.details["decided_share"] < 0.04
        assert ("doubt" in output.details) == doubt
        inner = output.picture.alpha[handle][4:-4, 4:-4]
        assert (inner > 250).mean() > 0.97
