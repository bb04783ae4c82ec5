"""`imgflow compare`: what is matched, what the figures say, what the page and the strip show."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from imgflow.compare import page as page_module
from imgflow.compare.comparison import fit
from imgflow.compare.figures import measure
from imgflow.compare.grounds import parse_grounds
from imgflow.compare.matching import match
from imgflow.compare.page import pictures_folder
from imgflow.compare.strip import GAIN, difference
from imgflow.errors import UsageError
from imgflow.photos.picture import Picture
from imgflow_tests.cli.calls import imgflow

Pixels = NDArray[np.uint8]


def disc(radius: float, width: int = 120, height: int = 90, colour: tuple[int, int, int] = (200, 40, 30)) -> Pixels:
    """A disc with a soft edge and a gradient inside, H x W x 4."""
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(radius + 0.5 - np.hypot(x - (width - 1) / 2, y - (height - 1) / 2), 0, 1)
    rgb = np.broadcast_to(np.array(colour, np.float64), (height, width, 3)).copy()
    rgb[..., 2] += x / width * 60
    return np.dstack([rgb, alpha * 255]).round().astype(np.uint8)


def picture(rgba: Pixels) -> Picture:
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def save(path: Path, pixels: Pixels, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def compared(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    result = imgflow("compare", *arguments, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


class Scripts(HTMLParser):
    """The scripts of a page by id, its attributes, and whether all that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.links: list[str] = []
        self.open: list[str] = []
        self._id = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in ("meta", "link", "input", "img", "br"):
            self.open.append(tag)
        self._id = (named.get("id") or "code") if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._id = ""

    def handle_data(self, data: str) -> None:
        if self._id:
            self.scripts[self._id] = self.scripts.get(self._id, "") + data


def read_page(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Data and pictures of a page, after a look at whether it stands on its own."""
    text = path.read_text(encoding="utf-8")
    parsed = Scripts(text)
    assert parsed.open == []
    assert parsed.links == []
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bfetch\(|XMLHttp|import\(", parsed.scripts["code"])
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in text
    return json.loads(parsed.scripts["data"]), json.loads(parsed.scripts["pictures"])


def from_data_uri(uri: str) -> Pixels:
    kind, _, encoded = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three pairs which differ not at all, a little and much, and a file on each side without partner."""
    a, b = tmp_path / "before", tmp_path / "after"
    for name, radius in (("same", 30), ("cups/little", 30.5), ("cups/much", 38)):
        save(a / f"{name}.png", disc(30))
        save(b / f"{name}.webp", disc(radius), lossless=True, exact=True)
    save(a / "old.png", disc(20))
    save(b / "new.png", disc(20))
    return a, b


# -- matching ---------------------------------------------------------------------------------------------------------


def test_files_are_matched_by_path_without_extension(folders: tuple[Path, Path]):
    (folders[0] / "notes.txt").write_text("no picture")
    (folders[0] / ".hidden.png").write_bytes(b"")
    matched = match(*folders)
    assert [pair.name for pair in matched.pairs] == ["cups/little.png", "cups/much.png", "same.png"]
    assert matched.pairs[0].b == folders[1] / "cups/little.webp"
    assert (matched.only_a, matched.only_b) == ([folders[0] / "old.png"], [folders[1] / "new.png"])


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (["a.jpg", "a.png"], ["a.jpg", "a.png"], {"a.jpg": "a.jpg", "a.png": "a.png"}),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"], {"a.jpg": "a.jpg.png", "a.png": "a.png.png"}),
        (["a.jpg.png"], ["a.jpg"], {"a.jpg.png": "a.jpg"}),
        (["a.b.jpg", "a.c.jpg"], ["a.c.png"], {"a.c.jpg": "a.c.png"}),
        (["a.jpg", "a.png", "b.jpg"], ["a.webp", "b.png"], {"b.jpg": "b.png"}),
        (["x/a.jpg", "a.jpg"], ["a.png"], {"a.jpg": "a.png"}),
    ],
)
def test_partners_are_never_guessed(tmp_path: Path, left: list[str], right: list[str], pairs: dict[str, str]):
    for side, names in (("l", left), ("r", right)):
        for name in names:
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).touch()
    matched = match(tmp_path / "l", tmp_path / "r")
    assert {pair.name: pair.b.name for pair in matched.pairs} == pairs
    assert len(matched.only_a) == len(left) - len(pairs)
    assert len(matched.only_b) == len(right) - len(pairs)


# -- figures ----------------------------------------------------------------------------------------------------------


def test_equal_pictures_differ_by_nothing():
    figures = measure(picture(disc(30)), picture(disc(30)))
    assert (figures.delta_e, figures.differing, figures.visible, figures.alpha_sad) == (0, 0, 0, 0)
    assert figures.psnr_white is None
    assert figures.psnr_black is None


def test_colours_below_transparent_pixels_do_not_count():
    other = disc(30)
    other[other[..., 3] == 0, :3] = (0, 255, 0)
    assert measure(picture(disc(30)), picture(other)).differing == 0


def test_figures_of_one_changed_patch_are_those_of_the_formulas():
    # Rows beyond one strip of the computation, so that strips are added up.
    a = np.full((600, 100, 3), 255, np.uint8)
    b = a.copy()
    b[280:380, 20:60] = (255, 0, 0)  # Lab 53.24, 80.09, 67.20; white is 100, 0, 0
    figures = measure(Picture(a), Picture(b))
    share = 100 * 40 / (600 * 100)
    delta_e = np.linalg.norm([100 - 53.24, 80.09, 67.20])
    assert figures.delta_e_white == pytest.approx(share * delta_e, rel=2e-3)
    assert figures.delta_e_black == figures.delta_e_white
    assert figures.differing == figures.visible == pytest.approx(share)
    assert figures.psnr_white == pytest.approx(10 * np.log10(1 / (share * 2 / 3)))
    assert figures.alpha_sad == 0
    assert figures.place == (pytest.approx(40, abs=16), pytest.approx(330, abs=16))


def test_delta_e_agrees_with_the_definition_of_lab():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 256, (2, 40, 50, 3), np.uint8)
    expected = np.linalg.norm(_lab(a) - _lab(b), axis=2).mean()
    assert measure(Picture(a), Picture(b)).delta_e_white == pytest.approx(expected, rel=2e-3)


def _lab(rgb: Pixels) -> NDArray[np.float64]:
    """CIE 15 with IEC 61966-2-1 and D65."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
    xyz = linear @ np.array(matrix).T / [0.950456, 1, 1.088754]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_a_white_product_differs_on_black_only():
    white, half = np.full((40, 40, 4), 255, np.uint8), np.full((40, 40, 4), 255, np.uint8)
    half[:, 20:, 3] = 128
    figures = measure(picture(white), picture(half))
    assert figures.delta_e_white == 0
    assert figures.psnr_white is None
    assert figures.delta_e_black > 15
    assert figures.differing == 0.5
    assert figures.alpha_mean == pytest.approx(0.5 * 127 / 255)
    assert figures.alpha_sad == pytest.approx(800 * 127 / 255 / 1000)


def test_the_place_is_at_the_edge_that_differs_not_where_colours_do():
    a = np.zeros((800, 1200, 4), np.uint8)
    a[100:700, 100:1100] = (90, 90, 90, 255)
    b = a.copy()
    b[300:600, 200:500, :3] = 250  # a large change inside
    b[200:240, 1100:1110] = (90, 90, 90, 120)  # a smear beside the right edge
    assert measure(picture(a), picture(b)).place == (pytest.approx(1105, abs=16), pytest.approx(220, abs=16))


def test_sizes_that_differ_are_compared_at_the_smaller_one(tmp_path: Path):
    small, large = save(tmp_path / "a.png", disc(30)), save(tmp_path / "b.png", disc(60, 240, 180))
    (record,) = compared(small, large)
    assert record["compared_size"] == [120, 90]
    assert "sizes differ" in record["notes"][0]
    assert len(record["notes"]) == 1
    assert record["figures"]["psnr_white"] is None
    assert record["figures"]["delta_e"] < 0.3  # the same disc, but for its edge
    assert record["b"]["width"] == 240


def test_shapes_that_differ_are_fitted_and_told(tmp_path: Path):
    (record,) = compared(save(tmp_path / "a.png", disc(30)), save(tmp_path / "b.png", disc(60, 240, 240)))
    assert "shapes differ" in record["notes"][1]
    fitted = fit(picture(np.full((100, 50, 4), 255, np.uint8)), 40, 40)
    assert fitted.alpha is not None
    assert fitted.alpha.sum() == 20 * 40 * 255
    assert fitted.alpha[:, 10:30].min() == 255


def test_scaling_bleeds_no_hidden_colour_into_edges():
    rgba = disc(60, 240, 180, (200, 200, 200))
    rgba[rgba[..., 3] == 0, :3] = (0, 255, 0)
    small = fit(picture(rgba), 120, 90)
    assert small.alpha is not None
    seen = small.rgb[small.alpha > 40].astype(int)
    assert np.abs(seen[:, 1] - seen[:, 0]).max() <= 3


# -- the command ------------------------------------------------------------------------------------------------------


def test_json_has_a_record_for_each_pair(folders: tuple[Path, Path]):
    records = compared(*folders)
    by_name = {record["name"]: record for record in records}
    assert [record["status"] for record in records] == ["compared"] * 3
    assert by_name["same.png"]["figures"]["differing"] == 0
    little, much = (by_name[f"cups/{name}.png"]["figures"] for name in ("little", "much"))
    assert 0 < little["delta_e"] < much["delta_e"]
    truth = np.pi * (38**2 - 30**2) / 1000
    assert much["alpha_sad"] == pytest.approx(truth, rel=0.02)
    grown = by_name["cups/much.png"]
    share = grown["b"]["alpha_coverage"] - grown["a"]["alpha_coverage"]
    assert share == pytest.approx(1000 * truth / (120 * 90), rel=0.02)


def test_pictures_are_upright_and_in_srgb_before_they_are_compared(tmp_path: Path):
    upright = disc(30)[..., :3]
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.ascontiguousarray(np.rot90(upright))
    a, b = save(tmp_path / "a.png", upright), save(tmp_path / "b.png", turned, exif=exif)
    assert compared(a, b)[0]["figures"]["differing"] == 0


def test_the_stamp_of_a_file_is_told(tmp_path: Path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "imgflow 1.2, recipe 3fa9c1d2")
    a = save(tmp_path / "a.png", disc(30), pnginfo=info)
    exif = Image.Exif()
    exif[0x0131] = "imgflow 1.3"
    b = save(tmp_path / "b.webp", disc(31), exif=exif)
    camera = Image.Exif()
    camera[0x0131] = "Camera 7"
    c = save(tmp_path / "c.jpg", disc(31)[..., :3], exif=camera)
    assert [compared(a, other)[0]["b"]["stamp"] for other in (b, c)] == ["imgflow 1.3", ""]
    assert compared(a, b)[0]["a"]["stamp"] == "imgflow 1.2, recipe 3fa9c1d2"


def test_what_cannot_be_read_is_named_and_stops_nobody(folders: tuple[Path, Path], tmp_path: Path):
    broken = folders[1] / "same.webp"
    broken.write_bytes(broken.read_bytes()[:100])
    result = imgflow("compare", *folders, "--out", tmp_path / "page.html")
    assert result.exit_code == 1
    assert f"{broken}: truncated: " in result.stderr
    data, _ = read_page(tmp_path / "page.html")
    assert len(data["pairs"]) == 2
    assert data["failed"][0]["error"]["path"] == str(broken)
    records = compared(*folders, code=1)
    assert [record["status"] for record in records] == ["compared", "compared", "failed"]
    assert records[2]["error"]["code"] == "truncated"


def test_nothing_is_written_when_nothing_could_be_compared(tmp_path: Path):
    a = save(tmp_path / "a.png", disc(30))
    (tmp_path / "b.png").write_bytes(b"")
    out = tmp_path / "page.html"
    out.write_text("older")
    result = imgflow("compare", a, tmp_path / "b.png", "--out", out)
    assert result.exit_code == 1
    assert "nothing could be compared" in result.stderr
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "page.html"]


def test_mistakes_are_told_before_any_work(folders: tuple[Path, Path], tmp_path: Path):
    a, b = folders
    file = a / "same.png"
    (tmp_path / "empty").mkdir()
    page = tmp_path / "page.html"
    for arguments, said in (
        ((a, file, "--out", page), "is a folder and"),
        ((a, a, "--out", page), "compared with itself"),
        ((a, tmp_path / "empty", "--out", page), "nothing to compare"),
        ((a, "--out", page), "and --set"),
        ((a, b, "--set", "matte.refine=none", "--out", page), "and --set"),
        ((a, b), "--out FILE.html"),
        ((a, b, "--out", tmp_path / "page.pdf"), "must end in"),
        ((a, b, "--out", tmp_path), "must end in"),
        ((file, b / "new.png", "--out", file), "would be overwritten"),
        ((a, b, "--out", page, "--background", "blurple"), "--background blurple"),
        ((a, b, "--out", tmp_path / "s.png", "--background", "#12"), "--background #12"),
        ((a, "--set", "matte.refine", "--out", page), "stage.option=value"),
        ((a / "nothing.png", b, "--out", page), "does not exist"),
        ((a, b, "--out", file / "page.html"), "cannot be written"),
    ):
        result = imgflow("compare", *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert said in result.stderr, (arguments, result.stderr)
    assert not page.exists()


def test_settings_are_compared_with_the_photos_own_recipe(tmp_path: Path):
    photos = tmp_path / "photos"
    noise = np.random.default_rng(1).normal(0, 12, (90, 120, 3))
    noisy = np.clip(disc(30)[..., :3] + noise, 0, 255).astype(np.uint8)
    save(photos / "sub/one.png", noisy)
    (photos / "sub/recipe.yaml").write_text("steps: [denoise]\ndenoise: {method: bilateral, strength: 0}\n")
    save(photos / "sub/two.jpg", disc(30)[..., :3]).write_bytes(b"broken")
    out = tmp_path / "page.html"
    result = imgflow("compare", photos, "--set", "denoise.strength=1", "--out", out, "--json")
    assert result.exit_code == 1
    assert f"{photos / 'sub/two.jpg'}: " in result.stderr
    (record,) = map(json.loads, result.stdout.splitlines())
    assert record["name"] == "sub/one.png"
    assert record["a"]["path"].endswith("one.png, own recipe")
    assert record["b"]["path"].endswith("one.png, denoise.strength=1")
    assert record["figures"]["delta_e"] > 1
    data, pictures = read_page(out)
    assert np.array_equal(from_data_uri(pictures[data["pairs"][0]["a"]["full"]])[..., :3], noisy)


# -- the page ---------------------------------------------------------------------------------------------------------


def test_a_page_stands_on_its_own_and_shows_the_very_pixels(folders: tuple[Path, Path], tmp_path: Path):
    out = tmp_path / "pages/page.html"
    result = imgflow("compare", *folders, "--out", out, "--background", "magenta")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]
    data, pictures = read_page(out)
    assert data["folder"] == ""
    assert data["titles"] == [str(folder) for folder in folders]
    names = [ground["name"] for ground in data["grounds"]]
    assert names == ["magenta", "white", "black", "green", "checkerboard"]
    assert (data["only_a"], data["only_b"]) == ([str(folders[0] / "old.png")], [str(folders[1] / "new.png")])
    assert f"{folders[0] / 'old.png'}: has no partner" in result.stderr
    much = next(pair for pair in data["pairs"] if pair["name"] == "cups/much.png")
    for side, radius in (("a", 30), ("b", 38)):
        shown, truth = from_data_uri(pictures[much[side]["full"]]), disc(radius)
        assert np.array_equal(shown[..., 3], truth[..., 3])
        assert np.array_equal(shown[truth[..., 3] > 0], truth[truth[..., 3] > 0])


def test_a_name_cannot_break_out_of_the_page(tmp_path: Path):
    evil = "<script>alert(1)<" + "∕script><!--&'\".png"
    for side, radius in (("a", 30), ("b", 31)):
        save(tmp_path / side / evil, disc(radius))
    imgflow("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "page.html")
    data, _ = read_page(tmp_path / "page.html")
    assert data["pairs"][0]["name"] == evil
    assert "<script>alert" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    code = Scripts((tmp_path / "page.html").read_text(encoding="utf-8")).scripts["code"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_many_or_large_pictures_lie_beside_the_page(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_module, "MOST_INLINE", 1000)
    monkeypatch.setattr(page_module, "PREVIEW_SIDE", 60)
    save(folders[0] / "same.png", disc(30)[..., :3])
    out = folders[0] / "my page.html"  # in one of the folders: its pictures are not compared the next time
    for _ in range(2):
        assert imgflow("compare", *folders, "--out", out).exit_code == 0
        data, pictures = read_page(out)
        assert pictures == {}
        assert data["folder"] == "my%20page_files/"
        assert len(data["pairs"]) == 3
        for pair in data["pairs"]:
            for side in (pair["a"], pair["b"]):
                with Image.open(pictures_folder(out) / side["preview"]) as preview:
                    assert preview.size == (60, 45)
                with Image.open(pictures_folder(out) / side["full"]) as full:
                    assert full.size == (120, 90)
        assert len(list(pictures_folder(out).iterdir())) == 12
    monkeypatch.setattr(page_module, "MOST_INLINE", 10_000_000)
    assert imgflow("compare", *folders, "--out", out).exit_code == 0
    assert not pictures_folder(out).exists()
    assert not [path for path in folders[0].iterdir() if path.name.startswith(".")]


def test_a_folder_of_somebody_elses_is_never_deleted(folders: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files/thesis.txt").write_text("years of work")
    result = imgflow("compare", *folders, "--out", tmp_path / "page.html")
    assert result.exit_code == 2
    assert "in the way" in result.stderr
    assert (tmp_path / "page_files/thesis.txt").read_text() == "years of work"


# -- the strip --------------------------------------------------------------------------------------------------------


def test_a_strip_shows_a_b_and_the_difference_on_each_ground(tmp_path: Path):
    a, b = disc(30, colour=(0, 0, 255)), disc(38, colour=(0, 0, 255))
    out = tmp_path / "strip.png"
    result = imgflow(
        *("compare", save(tmp_path / "a.png", a), save(tmp_path / "b.png", b), "--out", out),
        *("--background", "white", "--background", "black,#ff00ff"),
    )
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        strip = np.asarray(image.convert("RGB"))
    assert strip.shape[1] <= 1300
    found = 0
    for colour in ((255, 255, 255), (0, 0, 0), (255, 0, 255)):
        three = [picture(a).over(colour), picture(b).over(colour)]
        three.append(difference(*three))
        rows = {_rows_with(strip, pixels) for pixels in three}
        assert len(rows) == 1  # side by side
        found += len(rows - {None})
    assert found == 3


def _rows_with(strip: Pixels, pixels: Pixels) -> int | None:
    """The first row of the strip in which these pixels begin, exactly."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 2]
    for top in range(len(strip) - height + 1):
        row = strip[top + height // 2]
        for left in np.flatnonzero((row[: row.shape[0] - width + 1] == middle[0]).all(1)):
            if np.array_equal(strip[top : top + height, left : left + width], pixels):
                return top
    return None


def test_a_large_pair_has_a_crop_at_its_worst_edge(tmp_path: Path):
    a, b = disc(600, 1600, 1400), disc(600, 1600, 1400)
    b[650:750, 1395:1425] = (200, 40, 30, 200)  # a flaw at the right edge of the disc
    out = tmp_path / "strip.png"
    arguments = (save(tmp_path / "a.png", a), save(tmp_path / "b.png", b), "--out", out, "--background", "white")
    assert imgflow("compare", *arguments).exit_code == 0
    with Image.open(out) as image:
        strip = np.asarray(image.convert("RGB"))
    flaw = picture(b).over((255, 255, 255))[640:760, 1380:1440]
    assert _rows_with(strip, flaw) is not None  # at full size, pixel by pixel


def test_a_strip_of_folders_shows_the_most_different_first(tmp_path: Path):
    for number in range(6):
        save(tmp_path / "a" / f"{number}.png", disc(30))
        save(tmp_path / "b" / f"{number}.png", disc(30 + number, colour=(10, 40 * number, 30)))
    for extension in ("jpg", "webp", "png"):
        result = imgflow("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / f"strip.{extension}")
        assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "strip.png") as image:
        strip = np.asarray(image.convert("RGB"))
    tops = [
        _rows_with(strip, picture(disc(30 + number, colour=(10, 40 * number, 30))).over((255, 255, 255)))
        for number in range(6)
    ]
    deltas = [
        measure(picture(disc(30)), picture(disc(30 + number, colour=(10, 40 * number, 30)))).delta_e
        for number in range(6)
    ]
    shown = sorted((top, number) for number, top in enumerate(tops) if top is not None)
    best = sorted(range(6), key=lambda number: -deltas[number])[:4]
    assert [number for _, number in shown] == best


def test_differences_are_amplified_and_do_not_wrap():
    a, b = np.array([[[10, 200, 0]]], np.uint8), np.array([[[12, 100, 0]]], np.uint8)
    assert difference(a, b).tolist() == [[[2 * GAIN, 255, 0]]]
    assert np.array_equal(difference(a, b), difference(b, a))


def test_grounds_have_names_and_numbers():
    grounds = parse_grounds(["White, #010203", "checkerboard"], [])
    assert [ground.colour for ground in grounds] == [(255, 255, 255), (1, 2, 3), None]
    assert [ground.name for ground in parse_grounds([], ["black"])] == ["black"]
    clear = Picture(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8))
    assert set(np.unique(grounds[2].under(clear))) == {214, 255}
    with pytest.raises(UsageError, match="magenta"):
        parse_grounds(["no colour"], [])
