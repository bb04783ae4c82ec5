"""A segmenter is asked once about one picture."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.errors import DeviceMemoryError
from imgflow.models.remembering import LATEST, Remembering


class Counting:
    name, input_size = "counting", 320

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += 1
        if not rgb.any():
            raise DeviceMemoryError("none left")
        return rgb[..., 0] / np.float32(255)


def picture(value: int, *shape: int) -> NDArray[np.uint8]:
    return np.full((*(shape or (4, 6)), 3), value, np.uint8)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def segmenter(counting: Counting) -> Any:
    return Remembering(counting)  # type: ignore[arg-type]


def test_the_same_picture_is_looked_at_once(segmenter: Any, counting: Counting) -> None:
    first, again = segmenter(picture(7)), segmenter(picture(7))
    assert counting.asked == 1
    assert np.array_equal(first, again) and first[0, 0] == np.float32(7 / 255)
    assert segmenter.name == "counting" and segmenter.input_size == 320


def test_another_picture_is_not_taken_for_it(segmenter: Any, counting: Counting) -> None:
    changed = picture(7)
    changed[3, 5, 2] = 8
    pictures = [picture(7), changed, picture(7, 6, 4), picture(7, 24, 1), picture(7)[:, ::2]]
    assert [segmenter(each).shape for each in pictures] == [each.shape[:2] for each in pictures]
    assert counting.asked == len(pictures)


def test_answers_cannot_be_spoilt(segmenter: Any) -> None:
    with pytest.raises(ValueError, match="read-only"):
        segmenter(picture(7))[0, 0] = 1


def test_old_answers_are_forgotten(segmenter: Any, counting: Counting) -> None:
    for value in range(1, LATEST + 1):
        segmenter(picture(value))
    segmenter(picture(1))
    segmenter(picture(LATEST + 1))
    segmenter(picture(1))  # the one used last stays
    assert counting.asked == LATEST + 1
    segmenter(picture(2))
    assert counting.asked == LATEST + 2


def test_failures_are_not_remembered(segmenter: Any, counting: Counting) -> None:
    for _ in range(2):
        with pytest.raises(DeviceMemoryError):
            segmenter(picture(0))
    assert counting.asked == 2
