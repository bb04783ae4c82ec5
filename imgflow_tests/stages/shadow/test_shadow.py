from dataclasses import replace

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import ShadowConfig
from imgflow.samples import render
from imgflow.samples.scene import composed
from imgflow.stages.shadow.stage import remove_shadow
from imgflow_tests.benchmarks.merit import rim, texture_kept
from imgflow_tests.stages.scenes import BlurredTruth, Finds, bicycle, box, delta_e, scene

SHADOWED = {
    "dark product": scene(box(480, 640), (35, 35, 38), shadow=0.4),
    "white on white": scene(box(480, 640), (235, 235, 235), (240, 240, 240), shadow=0.35),
    "thin parts": scene(bicycle(600, 800), (30, 30, 30), shadow=0.5),
    "textured ground": scene(box(480, 640), (60, 70, 160), (150, 120, 90), shadow=0.4, texture=6),
}


def run(scene, alpha=None, segmenter=None, **config):
    segmenter = segmenter or BlurredTruth(scene.alpha, 320)
    return remove_shadow(Picture(scene.rgb, alpha), ShadowConfig(**config), segmenter)


@pytest.mark.parametrize("name", SHADOWED)
def test_the_shadow_goes_and_the_product_stays(name):
    shadowed = SHADOWED[name]
    output = run(shadowed)
    assert output.details["method"] == "background_gain"
    before, after = delta_e(shadowed.rgb, shadowed.clean), delta_e(output.picture.rgb, shadowed.clean)
    assert after[shadowed.shadow].mean() < min(2.2, before[shadowed.shadow].mean() / 3)
    product = shadowed.alpha > 0.5
    assert delta_e(output.picture.rgb, shadowed.rgb)[product].mean() < 0.2
    lit = (shadowed.alpha == 0) & ~shadowed.shadow
    assert after[lit].mean() <= before[lit].mean()


def test_no_band_is_left_at_the_edge_of_the_product():
    shadowed = SHADOWED["dark product"]
    outside = (shadowed.alpha == 0).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    band = shadowed.shadow & (distance >= 2) & (distance < 8)
    error = delta_e(run(shadowed).picture.rgb, shadowed.clean)
    assert error[band].mean() < 4
    assert delta_e(shadowed.rgb, shadowed.clean)[band].mean() > 15


def test_ground_texture_is_kept():
    shadowed = SHADOWED["textured ground"]
    rgb = run(shadowed).picture.rgb.astype(np.float32)
    inside = shadowed.shadow
    detail = [picture - cv2.GaussianBlur(picture, (0, 0), 4) for picture in (rgb, shadowed.clean * 1.0)]
    assert np.corrcoef(detail[0][inside].ravel(), detail[1][inside].ravel())[0, 1] > 0.85


@pytest.mark.parametrize("name", ["mug", "sneaker"])
def test_texture_is_kept_on_penumbras_too_and_no_rim_stays(name):
    rendered = render(name, megapixels=0.5)
    truth = composed(rendered.alpha, rendered.foreground, rendered.ground, np.ones_like(rendered.shadow))
    output = remove_shadow(Picture(rendered.clean), ShadowConfig(), BlurredTruth(rendered.alpha, 320)).picture.rgb
    before, after = delta_e(rendered.clean, truth), delta_e(output, truth)
    shadowed = (rendered.alpha == 0) & (before > 3)
    assert texture_kept(output, truth, shadowed) > 0.85
    band = rim(rendered.alpha, 1.5, 8) & shadowed
    assert after[band].mean() < 0.105 * before[band].mean()


def on_a_table(pattern, contrast=0.1, **options):
    """The same with the grain of a real table: its tones spread as widely as a light shadow darkens them."""
    shadowed = scene(box(480, 640), (60, 70, 160), (170, 140, 110), **options)
    random = np.random.default_rng(5)
    grain = cv2.GaussianBlur(random.normal(0, 1, (480, 640)), (0, 0), *pattern)
    tone = np.exp(contrast * (grain / grain.std())[..., None])
    toned = [
        np.where(shadowed.alpha[..., None] > 0, rgb, np.clip(rgb * tone, 0, 255)).astype(np.uint8)
        for rgb in (shadowed.rgb, shadowed.clean)
    ]
    return replace(shadowed, rgb=toned[0], clean=toned[1])


TABLES = {"wood": (12, 1.5), "concrete": (2.5, 2.5)}
"""Sigmas of the grain across and down, pixels."""


@pytest.mark.parametrize("pattern", TABLES.values(), ids=TABLES)
def test_the_shadow_on_a_textured_table_goes_and_its_texture_stays(pattern):
    shadowed = on_a_table(pattern, shadow=0.5)
    output = run(shadowed).picture.rgb
    before, after = delta_e(shadowed.rgb, shadowed.clean), delta_e(output, shadowed.clean)
    assert after[shadowed.shadow].mean() < 0.4 * before[shadowed.shadow].mean()
    moved = delta_e(output, shadowed.rgb)
    assert moved[shadowed.alpha > 0.5].mean() < 0.2
    lit = (shadowed.alpha == 0) & (before < 1)
    assert moved[lit].mean() < 0.3
    inside = cv2.erode(shadowed.shadow.astype(np.uint8), np.ones((15, 15))) > 0
    fine = [np.float32(rgb) - cv2.GaussianBlur(np.float32(rgb), (0, 0), 4) for rgb in (output, shadowed.clean)]
    assert 0.8 < fine[0][inside].std() / fine[1][inside].std() < 1.2


@pytest.mark.parametrize("pattern", TABLES.values(), ids=TABLES)
def test_a_textured_table_without_a_shadow_stays(pattern):
    shadowed = on_a_table(pattern)
    assert np.array_equal(run(shadowed).picture.rgb, shadowed.rgb)


def test_a_dark_wall_behind_a_rough_ground_stays_and_the_shadow_goes():
    shadowed = on_a_table((1.2, 1.2), shadow=0.5)
    rows = np.arange(480)[:, None, None]
    falls = np.clip((rows - 220) / 60, 0, 1) * (shadowed.alpha == 0)[..., None]
    random = np.random.default_rng(7)
    haze = cv2.GaussianBlur(random.normal(0, 1, (480, 640)), (0, 0), 9)
    wall = np.float32([170, 140, 110]) * np.exp(-0.6 + 0.04 * (haze / haze.std()))[..., None]
    lit = np.where((rows < 180) & (shadowed.alpha == 0)[..., None], wall, shadowed.clean)
    rgb, clean = (np.rint(lit + falls * (np.float32(photo) - lit)).astype(np.uint8) for photo in (shadowed.rgb, lit))
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(shadowed.alpha, 320)).picture.rgb
    on_ground = shadowed.shadow & (rows[..., 0] > 250)
    before, after = delta_e(rgb, clean), delta_e(output, clean)
    assert after[on_ground].mean() < 0.5 * before[on_ground].mean()
    assert delta_e(output, rgb)[:170].mean() < 0.1


def test_a_dark_stretch_that_goes_through_the_photo_is_no_shadow():
    shadowed = scene(box(480, 640))
    rgb = shadowed.rgb.copy()
    band = (np.arange(480)[:, None] >= 330) & (np.arange(480)[:, None] < 400) & (shadowed.alpha == 0)
    rgb[band] = np.rint(rgb[band] * 0.8).astype(np.uint8)
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(shadowed.alpha, 320))
    assert np.array_equal(output.picture.rgb, rgb)


def test_darkness_away_from_the_product_stays():
    shadowed = SHADOWED["dark product"]
    rgb = shadowed.rgb.copy()
    y, x = np.mgrid[:480, :640]
    corner = np.exp(-(((x - 60) / 40.0) ** 2 + ((y - 420) / 30.0) ** 2))[..., None]
    rgb = np.where(shadowed.alpha[..., None] > 0, rgb, np.rint(rgb * (1 - 0.4 * corner))).astype(np.uint8)
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(shadowed.alpha, 320))
    assert output.details["method"] == "background_gain"
    assert delta_e(output.picture.rgb, rgb)[360:480, :130].max() < 1


def busy():
    random = np.random.default_rng(3)
    tiles = np.kron(random.integers(30, 230, (12, 16, 3)), np.ones((40, 40, 1))).astype(np.uint8)
    alpha = box(480, 640)
    rgb = np.where(alpha[..., None] > 0.5, np.uint8([40, 40, 160]), tiles)
    return rgb, alpha


@pytest.mark.parametrize(
    ("rgb", "alpha"),
    [
        (scene(box(480, 640), shadow=0).rgb, box(480, 640)),
        (scene(box(480, 640), (200, 60, 60), (25, 25, 28), shadow=0.5).rgb, box(480, 640)),
        busy(),
        (scene(box(16, 16), shadow=0.4).rgb, np.ones((16, 16), np.float32)),
    ],
    ids=["no shadow", "dark backdrop", "busy", "product fills the frame"],
)
def test_where_there_is_no_ground_or_no_shadow_no_bit_changes(rgb, alpha):
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(alpha, 160))
    assert output.details["method"] == "none"
    assert output.details["reason"]
    assert np.array_equal(output.picture.rgb, rgb)


def test_a_dark_thing_that_the_segmenter_missed_is_not_lifted():
    shadowed = SHADOWED["dark product"]
    rgb = shadowed.rgb.copy()
    rgb[150:160, 440:600] = 20
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(shadowed.alpha, 160))
    assert delta_e(output.picture.rgb, rgb)[152:158, 445:595].mean() < 0.5


def test_where_product_and_shadow_look_alike_the_slightest_doubt_counts():
    scissors = render("scissors", megapixels=0.3)
    seen = np.asarray(cv2.erode(scissors.alpha, np.ones((5, 5))), np.float32)
    output = remove_shadow(Picture(scissors.clean), ShadowConfig(), BlurredTruth(seen, 160)).picture.rgb
    assert delta_e(output, scissors.clean)[scissors.alpha >= 0.5].mean() < 0.22
    lit = composed(scissors.alpha, scissors.foreground, scissors.ground, np.ones_like(scissors.shadow))
    shadowed = (scissors.alpha == 0) & (scissors.shadow < 0.9)
    before, after = (delta_e(rgb, lit)[shadowed].mean() for rgb in (scissors.clean, output))
    assert after < 0.4 * before


def test_a_strip_of_the_product_that_the_photo_cuts_off_is_no_shadow():
    alpha = np.zeros((480, 640), np.float32)
    alpha[:300, 200:420] = 1
    shadowed = scene(alpha, shadow=0.4)
    shade = np.zeros((480, 640), np.float32)
    shade[:14, 230:390] = 0.4
    strip = (np.arange(480)[:, None] < 14) & (alpha > 0)
    grey = np.float32([205, 200, 190]) * (1 - cv2.GaussianBlur(shade, (0, 0), 3)[..., None])
    rgb = np.where(strip[..., None], np.rint(grey), shadowed.rgb).astype(np.uint8)
    segmenter = BlurredTruth(np.where(strip, 0, alpha).astype(np.float32), 320)
    output = remove_shadow(Picture(rgb), ShadowConfig(), segmenter)
    assert output.details["method"] == "background_gain"
    assert delta_e(output.picture.rgb, rgb)[strip].mean() < 0.2


def test_strength_and_contact_keep_a_share_of_the_shadow():
    shadowed = SHADOWED["dark product"]
    ground = shadowed.shadow

    def left(**config):
        return delta_e(run(shadowed, **config).picture.rgb, shadowed.clean)[ground].mean()

    whole = delta_e(shadowed.rgb, shadowed.clean)[ground].mean()
    assert left() < left(strength=0.5) < whole
    assert left() + 1 < left(keep_contact=1.0) < whole
    assert np.array_equal(run(shadowed, strength=0).picture.rgb, shadowed.rgb)


@pytest.mark.parametrize("method", ["background_gain", "retinex"])
def test_a_photo_that_is_cut_out_already_stays(method):
    shadowed = SHADOWED["dark product"]
    alpha = np.rint(shadowed.alpha * 255).astype(np.uint8)
    output = run(shadowed, alpha, method=method)
    assert np.array_equal(output.picture.rgb, shadowed.rgb) and np.array_equal(output.picture.alpha, alpha)
    assert output.details["reason"] == "the photo is cut out already"


def test_retinex_is_the_literal_rule_and_lifts_dark_products():
    shadowed = SHADOWED["dark product"]
    output = run(shadowed, method="retinex", segmenter=Finds(0.0))
    product = shadowed.alpha > 0.5
    assert delta_e(output.picture.rgb, shadowed.rgb)[product].mean() > 5
    gain = output.picture.rgb[product].astype(float).mean() / shadowed.rgb[product].mean()
    assert 1.2 < gain < 2.1


def uneven(product=(60, 70, 160), **options):
    """A lit, shadowed ground that loses a third of its light, and some of its red, from left to right."""
    shadowed = scene(box(480, 640), product, **options)
    fall = np.linspace(1, 0.65, 640)[None, :, None] ** np.array([1.15, 1.0, 0.95])
    falls = np.where(shadowed.alpha[..., None] > 0, 1, fall)
    return np.rint(shadowed.rgb * falls).astype(np.uint8), shadowed


def test_uneven_light_is_evened_out_on_request_only():
    rgb, shadowed = uneven(shadow=0.35)
    segmenter = BlurredTruth(shadowed.alpha, 320)
    ground = cv2.erode((shadowed.alpha == 0).astype(np.uint8), np.ones((21, 21))) > 0

    def spread(**config):
        output = remove_shadow(Picture(rgb), ShadowConfig(**config), segmenter).picture.rgb
        product = shadowed.alpha > 0.5
        assert delta_e(output, rgb)[product].mean() < 0.2
        smooth = cv2.GaussianBlur(output.astype(np.float32), (0, 0), 4)
        return smooth[ground].std(0).max()

    assert spread() > 10
    assert spread(even_light=1.0) < 3
    assert spread(even_light=1.0) < spread(even_light=0.5) < spread()


def test_a_dim_wall_behind_the_product_does_not_keep_the_shadow():
    shadowed = SHADOWED["dark product"]
    y, x = np.mgrid[:480, :640].astype(np.float32)
    dim = np.exp(-0.5 * (np.maximum(240 - y, 0) / 240) ** 2 * (0.5 + 0.5 * x / 640))[..., None]
    dimmed = [
        np.where(shadowed.alpha[..., None] > 0, rgb, np.rint(rgb * dim)).astype(np.uint8)
        for rgb in (shadowed.rgb, shadowed.clean)
    ]
    output = remove_shadow(Picture(dimmed[0]), ShadowConfig(), BlurredTruth(shadowed.alpha, 320)).picture.rgb
    before, after = (delta_e(rgb, dimmed[1]) for rgb in (dimmed[0], output))
    assert after[shadowed.shadow].mean() < 0.2 * before[shadowed.shadow].mean()
    assert after[(before < 1) & (shadowed.alpha == 0)].mean() < 0.1


def test_a_tinted_shadow_gets_its_hue_back():
    shadowed = SHADOWED["textured ground"]
    tinted = np.rint(shadowed.clean * (shadowed.rgb / np.maximum(shadowed.clean, 1.0)) ** np.array([1.15, 1, 0.85]))
    rgb = np.where(shadowed.alpha[..., None] > 0, shadowed.rgb, np.clip(tinted, 0, 255)).astype(np.uint8)
    output = remove_shadow(Picture(rgb), ShadowConfig(), BlurredTruth(shadowed.alpha, 320)).picture.rgb

    def hue(picture):
        lab = cv2.cvtColor(picture[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
        return lab[:, 1:].mean(0)

    dark = shadowed.shadow
    wanted = hue(shadowed.clean[dark])
    assert np.linalg.norm(hue(output[dark]) - wanted) < 1.0 < np.linalg.norm(hue(rgb[dark]) - wanted)


def test_where_the_segmenter_is_unsure_nothing_is_lit():
    shadowed = SHADOWED["white on white"]
    doubtful = np.where(shadowed.alpha > 0.5, 0.5, 0).astype(np.float32)
    doubtful[100:240, 200:300] = 1
    output = run(shadowed, segmenter=Finds(doubtful))
    assert output.details["reason"] == "the segmenter is unsure what is product"
    assert np.array_equal(output.picture.rgb, shadowed.rgb)


@pytest.mark.parametrize("answer", [0.0, 0.04, 1.0])
def test_without_a_product_or_without_ground_nothing_is_lit(answer):
    output = run(SHADOWED["dark product"], segmenter=Finds(answer))
    assert output.details["method"] == "none"
    np.testing.assert_array_equal(output.picture.rgb, SHADOWED["dark product"].rgb)
