from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from imgflow.samples import SCENES, render, write_photos, write_truth
from imgflow.samples.__main__ import main
from imgflow.samples.profiles import display_p3

SIZE = 0.05
SUFFIX_FORMAT = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    paths = write_photos(folder, megapixels=SIZE)
    assert paths == [folder / description.file for description in SCENES.values()]
    return folder


def test_every_photo_is_in_its_folder_format_and_size(photos: Path) -> None:
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*") if path.is_file())
    assert files == sorted(description.file for description in SCENES.values())  # and no temporary file is left
    for description in SCENES.values():
        with Image.open(photos / description.file) as image:
            assert image.format == SUFFIX_FORMAT[Path(description.file).suffix]
            size = description.size(SIZE)
            assert image.size == (size[::-1] if description.orientation == 6 else size)
    assert {Path(description.file).suffix for description in SCENES.values()} == {".jpg", ".png", ".webp"}


@pytest.mark.parametrize("name", SCENES)
def test_a_decoded_upright_srgb_photo_is_what_was_rendered(photos: Path, name: str) -> None:
    with Image.open(photos / SCENES[name].file) as image:
        upright = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
        if profile:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            upright = ImageCms.profileToProfile(upright, source, ImageCms.createProfile("sRGB"))
        assert upright is not None
        pixels = np.asarray(upright.convert("RGB"))
    expected = render(name, megapixels=SIZE).photo
    if SCENES[name].file.endswith(".png"):
        np.testing.assert_array_equal(pixels, expected)
    else:
        assert psnr(pixels, expected) > 29


def test_one_photo_lies_on_its_side_and_one_has_a_wide_profile(photos: Path) -> None:
    turned = [d for d in SCENES.values() if d.orientation == 6]
    wide = [d for d in SCENES.values() if d.profile == "Display P3"]
    assert turned
    assert wide
    with Image.open(photos / turned[0].file) as image:
        assert image.getexif()[0x0112] == 6
    with Image.open(photos / wide[0].file) as image:
        assert image.info["icc_profile"] == display_p3()


def test_the_display_p3_profile_has_the_published_colours() -> None:
    profile = ImageCms.ImageCmsProfile(BytesIO(display_p3()))
    assert "Display P3" in ImageCms.getProfileDescription(profile)
    pixels = Image.fromarray(np.array([[[255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 128, 255]]], np.uint8))
    converted = ImageCms.profileToProfile(pixels, ImageCms.createProfile("sRGB"), profile)
    assert converted is not None
    # sRGB red is (234, 51, 35) in Display P3; greys stay; the blue by the published matrices
    expected = [[255, 255, 255], [128, 128, 128], [234, 51, 35], [53, 126, 247]]
    np.testing.assert_allclose(np.asarray(converted)[0].astype(int), expected, atol=2)


def test_truth_is_written_as_png(tmp_path: Path) -> None:
    paths = write_truth(tmp_path, ["mug"], megapixels=SIZE)
    assert [path.name for path in paths] == ["mug.png", "mug.ground.png", "mug.shadow.png", "mug.clean.png"]
    rgba, ground, shadow, clean = (np.asarray(Image.open(path)).astype(float) for path in paths)
    scene = render("mug", megapixels=SIZE)
    np.testing.assert_array_equal(rgba[..., :3], scene.foreground)
    assert np.abs(rgba[..., 3] / 255 - scene.alpha).max() <= 0.5 / 255 + 1e-6
    alpha = rgba[..., 3:] / 255
    composite = alpha * rgba[..., :3] + (1 - alpha) * ground * shadow[..., None] / 255
    assert np.abs(composite - clean).max() < 2


def test_the_command_writes_photos_and_truth(tmp_path: Path) -> None:
    from click.testing import CliRunner

    arguments = [str(tmp_path / "out"), "--truth", str(tmp_path / "truth"), "--megapixels", "0.02"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) == 5 * len(SCENES)
    assert all(Path(line).is_file() for line in result.output.splitlines())
    assert len(list((tmp_path / "truth").iterdir())) == 4 * len(SCENES)
