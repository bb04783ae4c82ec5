"""Openings, with segmenters that fill them as small networks do."""

import cv2
import numpy as np
import pytest

from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig
from imgflow.samples import render
from imgflow.stages.matte.openings.find import DEEP, find_openings
from imgflow.stages.matte.stage import matte
from imgflow_tests.stages.scenes import Finds, to_bytes

HEIGHT, WIDTH = 450, 600
GROUNDS = {"grey": (200, 199, 196), "white": (255, 255, 255), "beige": (228, 214, 190)}


def sad(alpha, truth):
    return float(np.abs(alpha / 255 - truth).sum())


def iou(alpha, truth):
    a, b = alpha > 127, truth > 0.5
    return (a & b).sum() / (a | b).sum()


def filled(alpha, reach):
    """The silhouette with its gaps filled, as wide as `reach`."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.GaussianBlur(cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, ellipse), (0, 0), 1)


def cut(photo, mask, **config):
    return matte(Picture(photo), MatteConfig(**config), Finds(mask))


def test_wheels_open_and_spokes_stay():
    scene = render("bicycle", megapixels=0.75)
    mask = filled(scene.alpha, 41)
    before, after = (cut(scene.photo, mask, openings=openings) for openings in ("off", "auto"))
    assert iou(before.picture.alpha, scene.alpha) < 0.7
    assert sad(after.picture.alpha, scene.alpha) < 0.3 * sad(before.picture.alpha, scene.alpha)
    assert iou(after.picture.alpha, scene.alpha) > 0.8
    thick = cv2.erode(scene.alpha, np.ones((5, 5)))
    assert (after.picture.alpha[thick == 1] > 127).mean() > 0.95  # the rim is silver, hardly other than the ground
    assert 0.08 < after.details["opened_share"] < 0.15 and before.details["opened_share"] == 0


def test_wheels_that_shade_the_ground_open_too():
    scene = render("bicycle", megapixels=0.75)
    mask = filled(scene.alpha, 41)
    shade = 0.1 * cv2.GaussianBlur(mask, (0, 0), 12) * (1 - scene.alpha)
    photo = to_bytes(scene.photo * (1 - shade[..., None]))
    found = find_openings(photo, mask, mask)
    assert found is not None
    assert 0.08 < found.share() < 0.15
    opened = found.cut_mask(mask)
    assert iou(255 * opened, scene.alpha) > 0.8
    assert (opened[cv2.erode(scene.alpha, np.ones((5, 5))) == 1] > 0.5).mean() > 0.9  # silver rims, in shaded ground


def test_wheels_of_a_small_photo_open_too():
    scene = render("bicycle", megapixels=0.11)
    mask = filled(scene.alpha, 17)
    before, after = (cut(scene.photo, mask, openings=openings) for openings in ("off", "auto"))
    assert iou(before.picture.alpha, scene.alpha) < 0.78
    assert iou(after.picture.alpha, scene.alpha) > 0.8


def test_an_undecided_area_of_the_ground_s_colour_is_ground_and_one_of_another_is_not():
    scene = render("mug", megapixels=0.4)
    height, width = scene.alpha.shape
    beside = np.zeros_like(scene.alpha)
    beside[height // 2 : height // 2 + 60, 20:90] = 0.5
    assert not scene.alpha[beside > 0].any()
    body = np.zeros_like(scene.alpha)
    body[int(0.45 * height) : int(0.55 * height), int(0.38 * width) : int(0.48 * width)] = 0.5
    assert scene.alpha[body > 0].all()
    mask = np.where(body > 0, body, np.maximum(scene.alpha, beside))
    found = find_openings(scene.photo, mask, mask)
    assert found is not None
    cleared = found.cut_mask(mask) < 0.1
    assert cleared[beside > 0].mean() > 0.9
    assert not cleared[scene.alpha == 1].any()


@pytest.mark.parametrize(("value", "opens"), [(0.85, True), (0.97, False)])
def test_a_loop_with_a_shadow_in_it_opens_where_the_segmenter_clearly_doubts_it(value: float, opens: bool):
    scene = render("scissors", megapixels=0.4)
    loops = (filled(scene.alpha, 161) > 0.5) & (scene.alpha < 0.5)
    mask = np.where(loops, np.float32(value), scene.alpha)
    found = find_openings(scene.photo, mask, mask)
    cut_out = mask if found is None else found.cut_mask(mask)
    assert ((cut_out[loops] < 0.5).mean() > 0.5) == opens
    assert (cut_out[scene.alpha == 1] < 0.5).mean() < 0.01


@pytest.mark.parametrize(("light", "opens"), [(205, True), (236, False)])
def test_a_doubted_rim_as_white_as_its_ground_is_a_white_product_s(light: int, opens: bool):
    photo, mask = studio((light, light - 1, light - 3)), np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(mask, (150, 180), (450, 380), 1, -1)
    photo[mask > 0] = (60, 60, 90)
    cv2.rectangle(mask, (200, 120), (400, 180), 0.8, -1)
    photo = to_bytes(photo + np.random.default_rng(0).normal(0, 1, photo.shape))
    assert (find_openings(photo, mask, mask) is not None) == opens


def test_a_product_that_is_half_seen_as_a_whole_is_not_opened():
    scene = render("jug", megapixels=0.2)
    body = cv2.erode((scene.alpha == 1).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    mask = np.where(body, np.float32(0.55), scene.alpha)
    found = find_openings(scene.photo, mask, mask)
    assert found is None or not (found.cut_mask(mask) < mask)[scene.alpha == 1].any()


def test_a_loop_opens_where_the_segmenter_doubts_it_and_not_where_it_is_certain():
    scene = render("backpack", megapixels=0.4)
    loops = (filled(scene.alpha, 41) > 0.5) & (scene.alpha < 0.5)
    errors = {}
    for value in (0.96, 1.0):
        mask = np.where(loops, np.float32(value), scene.alpha)
        alphas = [cut(scene.clean, mask, openings=openings).picture.alpha for openings in ("off", "auto")]
        errors[value] = [sad(alpha, scene.alpha) for alpha in alphas]
    assert errors[0.96][1] < 0.5 * errors[0.96][0]
    assert errors[1.0][1] == errors[1.0][0]


@pytest.mark.parametrize("name", ["jug", "camera", "watch", "toiletries"])
def test_solid_products_on_ground_of_a_like_colour_stay_solid(name):
    scene = render(name, megapixels=0.4)
    for value in (1.0, 0.9):
        mask = scene.alpha * np.float32(value)
        assert find_openings(scene.photo, mask, mask) is None


def studio(ground):
    """Ground with falloff; where it is white, without."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    fall = 0 if min(ground) == 255 else 0.05
    return to_bytes(np.float32(ground) * (1 - fall * (x * x + y * y))[..., None])


def keyboard(ground):
    photo, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(mask, (75, 150), (525, 310), 1, -1)
    photo[mask > 0] = 60
    for top in range(156, 300, 31):
        for left in range(82, 500, 32):
            photo[top : top + 26, left : left + 27] = ground[top : top + 26, left : left + 27]
    return photo, mask


def ball(ground):
    """White panels parted by dark seams in all directions; rounded by its shading."""
    random = np.random.default_rng(1)
    mask, seams = np.zeros((HEIGHT, WIDTH), np.float32), cv2.Subdiv2D((0, 0, WIDTH, HEIGHT))
    cv2.circle(mask, (300, 225), 150, 1, -1)
    for x, y in random.uniform((150, 75), (450, 375), (40, 2)):
        seams.insert((float(x), float(y)))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shade = 1 - 0.1 * np.clip(np.hypot(x - 300, y - 225) / 150, 0, 1) ** 2
    surface = to_bytes(ground * shade[..., None])
    cv2.polylines(surface, [np.int32(cell) for cell in seams.getVoronoiFacetList([])[0]], True, (30, 30, 30), 3)
    return np.where(mask[..., None] > 0, surface, ground), mask


def label(ground):
    photo, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(mask, (150, 75), (450, 375), 1, -1)
    photo[mask > 0] = (40, 80, 160)
    photo[85:365, 160:440] = ground[85:365, 160:440]
    for line in range(5):
        cv2.putText(photo, "imgflow label", (175, 130 + 45 * line), 0, 1, (20, 20, 20), 2, cv2.LINE_AA)
    return photo, mask


def clock(ground):
    photo, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(mask, (300, 225), 150, 1, -1)
    cv2.circle(photo, (300, 225), 145, (30, 30, 30), 12)
    for hour in range(12):
        tip = np.array([np.cos(hour * np.pi / 6), np.sin(hour * np.pi / 6)])
        ends = [(round(300 + tip[0] * length), round(225 + tip[1] * length)) for length in (115, 132)]
        cv2.line(photo, *ends, (30, 30, 30), 3, cv2.LINE_AA)
    cv2.line(photo, (300, 225), (350, 150), (20, 20, 20), 5, cv2.LINE_AA)
    return photo, mask


@pytest.mark.parametrize("certainty", [1.0, 0.97])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("product", [keyboard, ball, label, clock])
def test_parts_of_the_ground_s_very_colour_stay(product, ground, certainty):
    """Even as bright as the ground to the level, which hardly happens: shape alone must tell."""
    photo, mask = product(studio(GROUNDS[ground]))
    noise = np.random.default_rng(0).normal(0, 1, photo.shape)
    mask = mask * np.float32(certainty)
    assert find_openings(to_bytes(photo + noise), mask, mask) is None


def wheel(ground):
    random = np.random.default_rng(0)
    photo, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(mask, (300, 225), 150, 1, -1)
    cv2.circle(photo, (300, 225), 143, (150, 30, 30), 15)
    for turn in range(24):
        end = (int(300 + 140 * np.cos(turn * np.pi / 12)), int(225 + 140 * np.sin(turn * np.pi / 12)))
        cv2.line(photo, (300, 225), end, (150, 30, 30), 2, cv2.LINE_AA)
    open_parts = (mask > 0) & (photo == ground).all(2)
    return to_bytes(photo + random.normal(0, 1, photo.shape)), mask, open_parts


def found_share(photo, mask, open_parts):
    """Of what is open, how much is marked so; nothing else may be."""
    found = find_openings(photo, mask, mask)
    assert found is not None
    alpha, depth = (cv2.resize(picture, mask.shape[::-1], interpolation=cv2.INTER_AREA) for picture in found)
    assert not (depth[~open_parts] > DEEP).any()
    return (alpha[open_parts] < 0.5).mean()


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_wheel_is_found_on_any_even_ground(ground):
    assert found_share(*wheel(studio(GROUNDS[ground]))) > 0.85


def test_a_shade_on_the_ground_behind_a_wheel_is_ground():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shade = 1 - 0.06 * np.exp(-((x - 340) ** 2 + (y - 270) ** 2) / 60**2)
    assert found_share(*wheel(to_bytes(studio(GROUNDS["grey"]) * shade[..., None]))) > 0.7


@pytest.mark.parametrize("ground", ["dark", "uneven", "hidden"])
def test_where_the_ground_cannot_be_told_nothing_opens(ground):
    even = studio(GROUNDS["grey"])
    patches = np.random.default_rng(2).uniform(0.6, 1, (30, 40)).astype(np.float32)
    uneven = to_bytes(even * cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)[..., None])
    photo, mask, _ = wheel({"dark": even // 8, "uneven": uneven, "hidden": even}[ground])
    if ground == "hidden":
        photo, mask = photo[95:355, 170:430], mask[95:355, 170:430]
    mask = np.ascontiguousarray(mask)
    assert find_openings(np.ascontiguousarray(photo), mask, mask) is None


@pytest.mark.parametrize("size", [(16, 16), (17, 320), (300, 16)])
def test_tiny_photos(size):
    mask = np.zeros(size, np.float32)
    mask[4:-4, 4:-4] = 1
    assert find_openings(np.full((*size, 3), 200, np.uint8), mask, mask) is None


def ring(sure):
    """A blue ring on pure white, compressed, of which the segmenter makes a disc that it half believes in."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(y - HEIGHT / 2, x - WIDTH / 2)
    truth = np.clip(np.minimum(180.5 - radius, radius - 119.5), 0, 1).astype(np.float32)
    photo = to_bytes(truth[..., None] * (30, 60, 160) + (1 - truth[..., None]) * 255.0)
    _, file = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    inside = np.clip(180.5 - radius, 0, 1).astype(np.float32)
    belief = np.where(truth > 0, inside, inside * sure).astype(np.float32)
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].copy(), truth, inside, belief


def test_the_very_colour_of_a_ground_of_one_colour_is_ground_unless_the_segmenter_is_sure():
    photo, truth, filled_in, belief = ring(sure=0.8)
    found = find_openings(photo, filled_in, belief)
    assert found is not None
    alpha = found.cut_mask(filled_in)
    assert np.abs(alpha - truth).sum() < 0.06 * np.abs(filled_in - truth).sum()
    photo, _, filled_in, belief = ring(sure=0.99)
    found = find_openings(photo, filled_in, belief)
    assert found is None or found.share() == 0
