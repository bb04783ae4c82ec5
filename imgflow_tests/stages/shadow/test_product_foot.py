import cv2
import numpy as np

from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.stages.shadow.stage import remove_shadow
from imgflow_tests.stages.scenes import BlurredTruth, box, delta_e, scene


def test_the_foot_that_the_segmenter_took_for_shadow_is_not_lifted():
    alpha = box(480, 640)
    shadowed = scene(alpha, (60, 70, 160), shadow=0.6)
    foot = (alpha > 0) & (np.arange(480)[:, None] >= 345)
    brown = np.float32([92, 84, 76])
    footed = [
        np.where(foot[..., None], np.rint(alpha[..., None] * brown + (1 - alpha[..., None]) * rgb), rgb).astype(
            np.uint8
        )
        for rgb in (shadowed.rgb, shadowed.clean)
    ]
    output = remove_shadow(Picture(footed[0]), ShadowConfig(), BlurredTruth(np.where(foot, 0, alpha), 320))
    assert delta_e(output.picture.rgb, footed[0])[foot & (alpha == 1)].mean() < 0.2
    before, after = (delta_e(rgb, footed[1])[shadowed.shadow].mean() for rgb in (footed[0], output.picture.rgb))
    assert after < 0.3 * before


def test_a_white_sole_on_a_white_sweep_that_the_segmenter_missed_is_not_lifted():
    alpha = box(480, 640)
    shadowed = scene(alpha, ground=(238, 238, 236), shadow=0.3, texture=0.5)
    down = np.arange(480)[:, None]
    sole = (alpha > 0) & (down >= 331)
    below = (np.arange(480)[:, None] >= 340) & (alpha > 0)
    spread = cv2.GaussianBlur(np.roll(below, 5, axis=0).astype(np.float32), (0, 0), 5)
    contact = 1 - 0.35 * spread[..., None] / spread.max()
    white = np.float32([216, 217, 211]) - np.float32(0.4) * (down[..., None] - 331)
    photo, clean = (
        np.rint(np.where(sole[..., None], white, rgb) * alpha[..., None] + (1 - alpha[..., None]) * rgb * shade).astype(
            np.uint8
        )
        for rgb, shade in ((shadowed.rgb, contact), (shadowed.clean, 1))
    )
    output = remove_shadow(Picture(photo), ShadowConfig(), BlurredTruth(np.where(sole, 0, alpha), 320)).picture.rgb
    assert delta_e(output, photo)[sole & (alpha == 1)].mean() < 0.2
    before = delta_e(photo, clean)
    dark = (alpha == 0) & (before > 3)
    assert delta_e(output, clean)[dark].mean() < 0.3 * before[dark].mean()
