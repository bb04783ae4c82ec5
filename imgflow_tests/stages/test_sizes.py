import numpy as np
import pytest
from numpy.typing import NDArray

from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig, ShadowConfig
from imgflow.stages.matte.stage import matte
from imgflow.stages.shadow.stage import remove_shadow
from imgflow.stages.sizes import SHOWN_SIDE, at_most_side
from imgflow_tests.stages.scenes import BlurredTruth, box, scene


class Recording:
    name, device = "recording", "cpu"

    def __init__(self, alpha: NDArray[np.float32], input_size: int) -> None:
        self.input_size = input_size
        self.shown: list[NDArray[np.uint8]] = []
        self._truth = BlurredTruth(alpha)

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shown.append(rgb)
        return self._truth(rgb)


@pytest.mark.parametrize(("width", "input_size", "shown"), [(1800, 320, 1280), (1800, 1600, 1600), (640, 320, 640)])
def test_shadow_and_matte_show_the_segmenter_the_same_picture(width: int, input_size: int, shown: int):
    alpha = box(width * 3 // 4, width)
    photo = Picture(scene(alpha).rgb)
    segmenter = Recording(alpha, input_size)
    remove_shadow(photo, ShadowConfig(), segmenter)  # type: ignore[arg-type]
    matte(photo, MatteConfig(refine="none"), segmenter)  # type: ignore[arg-type]
    first, second = segmenter.shown[:2]
    assert max(first.shape) == shown
    assert np.array_equal(first, second)


def test_a_copy_is_made_only_of_what_is_larger():
    picture = np.zeros((900, 1400, 3), np.uint8)
    assert at_most_side(picture, 1400) is picture
    assert at_most_side(picture, SHOWN_SIDE).shape == (823, 1280, 3)
