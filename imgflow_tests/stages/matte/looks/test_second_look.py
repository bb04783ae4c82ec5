"""More looks than one: finer where they agree, by vote where they do not."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig
from imgflow.stages.matte.looks.doubts import decide_doubts
from imgflow.stages.matte.looks.product import find_product
from imgflow.stages.matte.looks.second_look import look_again
from imgflow.stages.matte.stage import matte
from imgflow_tests.stages.scenes import FloatArray


class Eyes:
    """A segmenter for a dark disc on light ground, which sees `input_size` pixels a side, and counts its looks."""

    name, device = "eyes", "cpu"

    def __init__(self, input_size: int = 48, second: Any = None) -> None:
        self.input_size, self.second, self.looks = input_size, second, 0

    def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
        import cv2

        self.looks += 1
        if self.looks == 2 and self.second is not None:
            return self.second(rgb)
        side = self.input_size
        small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)[..., 0]
        likely = np.clip((200 - small) / 160, 0, 1)
        return np.clip(cv2.resize(likely, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)


def disc(radius: float, side: int = 600) -> tuple[NDArray[np.uint8], FloatArray]:
    y, x = np.mgrid[:side, :side]
    alpha = np.clip(radius + 0.5 - np.hypot(y - side * 0.4, x - side * 0.6), 0, 1).astype(np.float32)
    return np.repeat((200 - 160 * alpha)[..., None], 3, 2).astype(np.uint8), alpha


def sad(a: FloatArray, b: FloatArray) -> float:
    return float(np.abs(a - b).sum()) / 1000


def test_a_small_product_is_seen_much_better():
    rgb, truth = disc(70)
    eyes = Eyes()
    first = eyes(rgb)
    mask, _, _, looks, _ = look_again(rgb, first, eyes)
    assert looks == eyes.looks == 2 and mask.shape == first.shape
    assert sad(mask, truth) < sad(first, truth) / 2
    assert not mask[:130].any() and not mask[:, :250].any()


def test_large_networks_look_once():
    rgb, _ = disc(70)
    eyes = Eyes(1024)
    _, details = find_product(rgb, rgb, eyes)
    assert details["looks"] == eyes.looks == 1


@pytest.mark.parametrize(("side", "shadowed_looks"), [(320, [True, False]), (1024, [False])])
def test_small_networks_look_first_at_the_photo_with_its_shadow(side: int, shadowed_looks: list[bool]):
    rgb, _ = disc(70)
    shadowed = rgb.copy()
    shadowed[0, 0] = 0
    seen = list[bool]()

    class Witness(Eyes):
        def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
            seen.append(not rgb[0, 0].any())
            return super().__call__(rgb)

    find_product(rgb, shadowed, Witness(side))
    assert seen == shadowed_looks


@pytest.mark.parametrize(
    "second",
    [
        lambda rgb: np.zeros(rgb.shape[:2], np.float32),
        lambda rgb: np.full(rgb.shape[:2], 0.6, np.float32),
        lambda rgb: np.ones(rgb.shape[:2], np.float32),
        lambda rgb: np.full(rgb.shape[:2], np.nan, np.float32),
    ],
    ids=["nothing", "unsure", "everything", "no numbers"],
)
def test_a_second_look_that_sees_something_else_is_outvoted(second: Any):
    rgb, truth = disc(70)
    eyes = Eyes(second=second)
    first = eyes(rgb)
    mask, _, _, looks, _ = look_again(rgb, first, eyes)
    assert looks == eyes.looks == 4
    assert sad(mask, truth) < sad(first, truth)


def test_a_first_look_that_saw_too_much_is_outvoted():
    rgb, truth = disc(70)
    wrong = truth.copy()
    wrong[300:420, 200:300] = 1
    mask, _, _, looks, _ = look_again(rgb, wrong, Eyes())
    assert looks == 4 and sad(mask, truth) < 0.1 * sad(wrong, truth)


def test_two_looks_that_agree_outvote_two_outsiders():
    rgb, truth = disc(70)

    class Distracted(Eyes):
        def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
            seen = super().__call__(rgb)
            if self.looks in (2, 4):  # the crops
                seen[:, : seen.shape[1] // 2 + (20 if self.looks == 4 else 0)] = 0
            return seen

    eyes = Distracted(200)
    mask, _, _, looks, _ = look_again(rgb, eyes(rgb), eyes)
    assert looks == 4 and sad(mask, truth) < 0.05 * float(truth.sum()) / 1000


def test_an_outvoted_look_is_believed_about_a_part_in_a_colour_that_the_ground_has_nowhere():
    rgb, truth = disc(70)
    part = np.s_[225:255, 170:290]
    rgb[part], truth[part] = (60, 150, 60), 1

    class Short(Eyes):
        """One that misses the part."""

        def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
            green = rgb[..., 1] > rgb[..., 0].astype(np.int16) + 40
            return super().__call__(np.where(green[..., None], 200, rgb).astype(np.uint8))

    seen = look_again(rgb, truth, Short(200))
    inner = np.s_[230:250, 175:280]
    assert seen.number == 4 and (seen.mask[inner] < 0.5).all()
    assert (decide_doubts(rgb, seen.mask, seen, 2.4)[inner] >= 0.5).mean() > 0.95


def test_a_product_that_fills_the_photo_is_not_shown_twice_the_same_way():
    rgb, truth = disc(280)
    eyes = Eyes()
    first = eyes(rgb)
    mask, _, _, looks, _ = look_again(rgb, first, eyes)
    assert looks == 2 and sad(mask, truth) <= sad(first, truth)


class Framed(Eyes):
    """One which sees a thing only if there is ground all around it."""

    def __call__(self, rgb: NDArray[np.uint8]) -> FloatArray:
        mask = super().__call__(rgb)
        cut_off = max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) > 0.5
        return mask * np.float32(0.3) if cut_off else mask


def test_a_product_that_runs_out_of_the_photo_is_shown_with_a_mirrored_margin():
    rgb, truth = disc(50)
    rgb, truth = rgb[50:500, 360:], truth[50:500, 360:]  # its right half
    photo = np.ascontiguousarray(rgb)
    (mask, *_), details = find_product(photo, photo, Framed())
    assert details["looks"] == 2 and not details["weak"]
    assert sad(mask, truth) < 0.2 * float(truth.sum()) / 1000


def test_nothing_to_look_at():
    rgb = np.full((50, 60, 3), 210, np.uint8)
    eyes = Eyes()
    assert look_again(rgb, eyes(rgb), eyes).number == 1


def test_the_matte_tells_and_can_be_told_not_to():
    rgb, truth = disc(70)
    twice = matte(Picture(rgb), MatteConfig(), Eyes())
    once = matte(Picture(rgb), MatteConfig(second_look="off"), Eyes())
    assert (twice.details["looks"], once.details["looks"]) == (2, 1)
    assert twice.picture.alpha is not None
    assert sad(twice.picture.alpha / np.float32(255), truth) < 0.2
