import cv2
import numpy as np
import pytest

from imgflow.errors import PhotoError
from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig, ShadowConfig
from imgflow.samples import render
from imgflow.stages.matte.stage import matte
from imgflow.stages.matte.trimap import clean_mask
from imgflow.stages.shadow.stage import remove_shadow
from imgflow_tests.stages.scenes import BlurredTruth, Finds, bicycle, box, delta_e, fringe, ring, scene, to_bytes

SCENES = {
    "bicycle": scene(bicycle(), (35, 35, 40)),
    "ring": scene(ring()),
    "box": scene(box()),
    "white on white": scene(box(), (225, 225, 225), (245, 245, 245)),
    "soft fringe": scene(fringe()),
}
BACKGROUNDS = [(0, 0, 0), (255, 255, 255), (0, 160, 0), (200, 0, 0)]


def cut(scene, side=100, **config):
    return matte(Picture(scene.rgb), MatteConfig(**config), BlurredTruth(scene.alpha, side))


def sad(alpha, truth):
    return float(np.abs(alpha - truth).sum())


def iou(alpha, truth):
    a, b = alpha > 0.5, truth > 0.5
    return (a & b).sum() / (a | b).sum()


def literal(rgb, mask):
    """Closed form in a band of 20 px on each side, as it is usually done."""
    from pymatting import estimate_alpha_cf

    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (41, 41))
    binary = (mask > 0.5).astype(np.uint8)
    trimap = np.where(cv2.erode(binary, ellipse) > 0, 1.0, np.where(cv2.dilate(binary, ellipse) == 0, 0.0, 0.5))
    if not (trimap == 1).any():
        return np.where(trimap == 0.5, 0.0, trimap)  # nothing is sure foreground any more: the product is gone
    return estimate_alpha_cf(rgb / 255, trimap, cg_kwargs={"rtol": 1e-5})


@pytest.mark.parametrize("name", ["bicycle", "ring", "box", "white on white"])
def test_alpha_is_better_than_the_mask_and_than_a_literal_band(name):
    wanted = SCENES[name]
    raw = BlurredTruth(wanted.alpha, 100)(wanted.rgb)
    alpha = cut(wanted).picture.alpha / 255
    usual = literal(wanted.rgb, raw)
    assert sad(alpha, wanted.alpha) < 0.5 * sad(raw, wanted.alpha)
    assert sad(alpha, wanted.alpha) < 0.5 * sad(usual, wanted.alpha)
    assert iou(alpha, wanted.alpha) > max(iou(raw, wanted.alpha), iou(usual, wanted.alpha)) - 0.001


def test_a_soft_fringe_stays_soft():
    wanted = SCENES["soft fringe"]
    alpha = cut(wanted, side=64).picture.alpha / 255
    band = (wanted.alpha > 0.1) & (wanted.alpha < 0.9)
    assert np.abs(alpha - wanted.alpha)[band].mean() < 0.05


def test_spokes_of_one_and_a_half_pixels_survive():
    wanted = SCENES["bicycle"]
    alpha = cut(wanted, side=128).picture.alpha / 255
    thin = (wanted.alpha > 0.9) & (cv2.morphologyEx(wanted.alpha, cv2.MORPH_OPEN, np.ones((4, 4))) < 0.3)
    assert thin.sum() > 300
    assert (alpha[thin] > 0.5).mean() > 0.9
    empty = cv2.dilate(wanted.alpha, np.ones((7, 7))) == 0
    assert (alpha[empty] > 0.1).mean() < 0.01


@pytest.mark.parametrize("name", ["bicycle", "ring", "box", "soft fringe"])
def test_no_halo_of_the_old_ground_shows_on_a_new_one(name):
    wanted = SCENES[name]
    clean = cut(wanted, side=128).picture
    raw = Picture(wanted.rgb, clean.alpha)
    edge = (wanted.alpha > 0.02) & (wanted.alpha < 0.98)
    errors = []
    for ground in BACKGROUNDS:
        opacity = wanted.alpha[..., None]
        truth = to_bytes(wanted.colours * opacity + np.float32(ground) * (1 - opacity))
        errors.append([delta_e(picture.over(ground), truth)[edge].mean() for picture in (raw, clean)])
    before, after = np.mean(errors, 0)
    assert after < before / 3


def test_without_decontamination_the_photo_s_colours_stay():
    wanted = SCENES["box"]
    assert np.array_equal(cut(wanted, decontaminate=False).picture.rgb, wanted.rgb)


def test_colours_are_zero_far_outside_and_the_product_s_own_just_outside():
    wanted = SCENES["box"]
    picture = cut(wanted, side=128).picture
    distance = cv2.distanceTransform((picture.alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
    assert not picture.rgb[distance > 6].any()
    rim = (distance >= 1) & (distance < 3)
    assert delta_e(picture.rgb, to_bytes(wanted.colours))[rim].mean() < 5
    opaque = picture.alpha == 255
    assert np.array_equal(picture.rgb[opaque], wanted.rgb[opaque])


@pytest.mark.parametrize(
    ("rows", "columns", "stays"),
    [
        (np.s_[150:190], np.s_[0:50], False),
        (np.s_[150:190], np.s_[3:53], True),
        (np.s_[150:190], np.s_[0:110], True),
        (np.s_[0:300], np.s_[0:60], True),
    ],
    ids=["cut by the border", "whole", "close by", "large"],
)
def test_another_thing_that_the_border_cuts_goes(rows: slice, columns: slice, stays: bool):
    mask = np.zeros((300, 400), np.float32)
    mask[100:200, 120:300] = 1
    mask[rows, columns] = 1
    cleaned = clean_mask(mask, np.full((300, 400, 3), 200, np.uint8), 0.02, near=3)
    assert (cleaned[rows, columns] > 0).any() == stays
    assert (cleaned[100:200, 120:300] == 1).all()


def test_a_small_hole_stays_open_a_pinhole_is_filled_and_a_speck_goes():
    wanted = SCENES["ring"]
    mask = BlurredTruth(wanted.alpha, 128)(wanted.rgb)
    mask[140:145, 150:155] = 0  # the segmenter's pinhole, where the photo shows the product
    mask[8:16, 8:16] = 1  # its speck, on the ground
    alpha = matte(Picture(wanted.rgb), MatteConfig(), Finds(mask)).picture.alpha
    assert alpha[120, 101] == 0
    assert (alpha[138:147, 148:157] == 255).all()
    assert not alpha[:24, :24].any()


@pytest.mark.parametrize(("gap", "stays"), [(10, True), (40, False)])
def test_a_piece_beside_the_product_is_no_speck(gap: int, stays: bool):
    wanted = scene(box(480, 640))
    columns = np.flatnonzero((wanted.alpha >= 0.5).any(0))
    mask, rgb = wanted.alpha.copy(), wanted.rgb.copy()
    piece = np.s_[230:250, columns[-1] + gap : columns[-1] + gap + 20]
    mask[piece], rgb[piece] = 1, (40, 60, 120)
    alpha = matte(Picture(rgb), MatteConfig(), Finds(mask)).picture.alpha
    assert (alpha[piece][4:-4, 4:-4] == 255 * stays).all()


def test_a_large_hole_stays_open_unless_it_shows_what_the_ground_has_nowhere():
    wanted = scene(box(480, 640))
    mask = wanted.alpha.copy()
    mask[150:210, 280:340] = 0  # 6 % of the product
    rgb = wanted.rgb.copy()
    rgb[150:210, 280:340] = rgb[150:210, 20:80]
    through = matte(Picture(rgb), MatteConfig(), Finds(mask)).picture.alpha
    assert not through[155:205, 285:335].any()
    rgb[150:210, 280:340] = (30, 160, 60)  # a bow of another colour, which the segmenter took for a hole
    bow = matte(Picture(rgb), MatteConfig(), Finds(mask)).picture.alpha
    assert (bow[155:205, 285:335] == 255).all()


def test_pieces_of_one_size_are_all_kept():
    alpha = np.zeros((240, 240), np.float32)
    for row in range(20, 220, 25):
        for column in range(20, 220, 25):
            alpha[row : row + 10, column : column + 10] = 1
    pieces = scene(alpha)
    assert iou(cut(pieces, side=240).picture.alpha / 255, alpha) > 0.95


def test_refine_none_is_the_segmenter_s_alpha():
    wanted = SCENES["box"]
    raw = BlurredTruth(wanted.alpha, 100)(wanted.rgb)
    output = cut(wanted, refine="none")
    assert np.abs(output.picture.alpha / 255 - raw).max() < 0.02
    assert "iterations" not in output.details


def test_very_large_photos_are_cut_out_smaller_and_enlarged_along_the_edges(monkeypatch):
    large = scene(box(720, 960))
    small_first = "imgflow.stages.matte.stage.MOST_PIXELS"
    monkeypatch.setattr(small_first, 240 * 320)
    alpha = cut(large, side=160).picture.alpha
    assert alpha.shape == (720, 960)
    assert iou(alpha / 255, large.alpha) > 0.99
    bilinear = cv2.resize(cut(scene(box(240, 320)), side=160).picture.alpha, (960, 720)) / 255
    assert sad(alpha / 255, large.alpha) < sad(bilinear, large.alpha)


def test_very_many_unknown_pixels_are_solved_smaller(monkeypatch):
    wanted = SCENES["box"]
    monkeypatch.setattr("imgflow.stages.matte.stage.MOST_UNKNOWN", 1500)
    output = cut(wanted, side=64)
    assert output.details["unknown_share"] * wanted.alpha.size > 1500
    assert iou(output.picture.alpha / 255, wanted.alpha) > 0.985


@pytest.mark.parametrize("size", [(173, 251), (16, 16), (17, 320), (300, 16), (97, 61)])
def test_the_size_is_exactly_the_photo_s(size):
    drawn = scene(box(*size))
    output = matte(Picture(drawn.rgb), MatteConfig(), BlurredTruth(drawn.alpha, 32))
    assert output.picture.alpha.shape == size == output.picture.rgb.shape[:2]
    assert iou(output.picture.alpha / 255, drawn.alpha) > 0.8


NOISE = np.random.default_rng(0)
BLANK = {
    "black": np.zeros((200, 300, 3), np.uint8),
    "white": np.full((200, 300, 3), 255, np.uint8),
    "noise": NOISE.integers(0, 256, (200, 300, 3), dtype=np.uint8),
    "dim noise": to_bytes(NOISE.normal(6, 4, (400, 300, 3))),
    "16 x 16 noise": to_bytes(NOISE.normal(128, 20, (16, 16, 3))),
}


@pytest.mark.parametrize("name", BLANK)
@pytest.mark.parametrize("value", [0.0, 0.06, 0.4])
def test_a_blank_photo_has_no_foreground(name, value):
    with pytest.raises(PhotoError) as raised:
        matte(Picture(BLANK[name]), MatteConfig(), Finds(value))
    assert raised.value.code == "no_foreground"


def test_a_photo_with_content_keeps_a_weak_answer_and_says_so():
    wanted = SCENES["box"]
    faint = BlurredTruth(wanted.alpha * np.float32(0.05), 128)
    output = matte(Picture(wanted.rgb), MatteConfig(), faint)
    assert output.details["weak"] and output.details["confidence"] == pytest.approx(0.05, abs=0.01)
    assert iou(output.picture.alpha / 255, wanted.alpha) > 0.98
    assert not cut(wanted).details["weak"]


def with_alpha():
    wanted = SCENES["box"]
    alpha = np.zeros(wanted.alpha.shape, np.uint8)
    alpha[60:200, 90:180] = 180
    return Picture(wanted.rgb, alpha), wanted


def test_a_cutout_of_haze_is_doubtful_and_a_solid_one_is_not():
    wanted = SCENES["box"]
    answer = np.float32(0.4) * wanted.alpha
    answer[100:120, 100:120] = 1
    haze = matte(Picture(wanted.rgb), MatteConfig(refine="none"), Finds(answer))
    assert haze.details["doubt"] == "hardly anything of the cutout is solid"
    half_found = np.where(np.arange(wanted.alpha.shape[1]) < wanted.alpha.shape[1] // 2, wanted.alpha, wanted.alpha / 2)
    partly = matte(Picture(wanted.rgb), MatteConfig(refine="none"), Finds(half_found.astype(np.float32)))
    assert partly.details["doubt"] == "large parts of the cutout are half transparent"
    assert "doubt" not in cut(wanted).details


def test_own_alpha_is_kept():
    picture, _ = with_alpha()
    output = matte(picture, MatteConfig(), Finds(0.0))
    assert np.array_equal(output.picture.alpha, picture.alpha)
    assert np.array_equal(output.picture.rgb[picture.alpha > 0], picture.rgb[picture.alpha > 0])
    assert output.details["input_alpha"] == "keep"


def test_own_alpha_is_intersected_or_ignored():
    picture, wanted = with_alpha()
    segmenter = BlurredTruth(wanted.alpha, 128)
    both = matte(picture, MatteConfig(input_alpha="intersect"), segmenter).picture.alpha
    assert (both <= picture.alpha).all() and (both[wanted.alpha == 0] < 128).all() and both.max() == 180
    ignored = matte(picture, MatteConfig(input_alpha="ignore"), Finds(wanted.alpha))
    assert iou(ignored.picture.alpha / 255, wanted.alpha) > 0.8
    assert ignored.picture.alpha.max() == 255


def test_an_opaque_alpha_is_none():
    wanted = SCENES["box"]
    opaque = Picture(wanted.rgb, np.full(wanted.alpha.shape, 255, np.uint8))
    output = matte(opaque, MatteConfig(), BlurredTruth(wanted.alpha, 128))
    assert iou(output.picture.alpha / 255, wanted.alpha) > 0.99 and output.details["input_alpha"] is None


@pytest.mark.parametrize("mode", ["keep", "intersect"])
def test_a_transparent_photo_has_no_foreground(mode):
    wanted = SCENES["box"]
    clear = Picture(wanted.rgb, np.full(wanted.alpha.shape, 16, np.uint8))
    with pytest.raises(PhotoError) as raised:
        matte(clear, MatteConfig(input_alpha=mode), BlurredTruth(wanted.alpha))
    assert raised.value.code == "no_foreground"


def test_details_can_be_written_as_json():
    import json

    details = cut(SCENES["ring"]).details
    assert json.loads(json.dumps(details)) == details
    assert details["foreground_share"] == pytest.approx(float(SCENES["ring"].alpha.mean()), abs=0.01)
    assert 0 < details["unknown_share"] < 0.3 and details["iterations"] > 0


@pytest.mark.parametrize("name", ["mug", "sneaker"])
def test_edges_are_found_as_they_were_before_a_shadow_was_removed(name):
    photo = render(name, megapixels=0.5)
    segmenter = BlurredTruth(photo.alpha, 320)
    lit = remove_shadow(Picture(photo.clean), ShadowConfig(), segmenter).picture
    assert lit.shadowed is not None
    found = [matte(picture, MatteConfig(), segmenter).picture for picture in (lit, Picture(lit.rgb))]
    errors = [sad(cutout.alpha / 255, photo.alpha) for cutout in found]
    assert errors[0] < 0.9 * errors[1]
    inside = photo.alpha == 1
    assert np.abs(found[0].rgb.astype(int) - lit.rgb)[inside & (found[0].alpha == 255)].max() <= 1  # its colours stay
