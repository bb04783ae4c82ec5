import cv2
import numpy as np
import pytest

from imgflow.samples import render
from imgflow.stages.matte.closed_form.chroma import HALVED, SHARP, SOFT, chroma_weight, colour_sharpness

FULL, HALF = 0x111111, 0x221111  # OpenCV's names for 4:4:4 and 4:2:0


def as_jpeg(rgb, sampling, quality=90):
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imdecode(cv2.imencode(".jpg", rgb[..., ::-1], options)[1], cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("name", ["mug", "scissors", "sneaker"])
def test_it_is_seen_whether_a_jpeg_has_all_colours(name):
    scene = render(name, megapixels=0.3)
    edge = cv2.dilate(((scene.alpha > 0) & (scene.alpha < 1)).view(np.uint8), np.ones((9, 9), np.uint8))
    where = np.flatnonzero(edge).astype(np.int32)
    for quality in (90, 95):
        assert chroma_weight(as_jpeg(scene.photo, HALF, quality), where) == pytest.approx(HALVED)
        assert chroma_weight(as_jpeg(scene.photo, FULL, quality), where) > 0.5
    assert colour_sharpness(scene.photo, where) > SHARP
    assert colour_sharpness(as_jpeg(scene.photo, HALF), where) < SOFT


def test_without_differences_there_is_nothing_to_distrust():
    grey = np.full((8, 8, 3), 90, np.uint8)
    assert chroma_weight(grey, np.arange(64, dtype=np.int32)) == 1
    assert chroma_weight(grey[:3, :3].copy(), np.array([0, 8], np.int32)) == 1
