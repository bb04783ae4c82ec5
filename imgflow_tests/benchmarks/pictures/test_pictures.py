"""The picture benchmark measures what it says, on the inputs it says."""

import importlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imgflow_tests.benchmarks.frame import Options
from imgflow_tests.benchmarks.pictures import PARTS, inputs
from imgflow_tests.benchmarks.pictures.bench import Bench, timing
from imgflow_tests.benchmarks.pictures.drawn import PRODUCTS, drawn, on_every_ground
from imgflow_tests.benchmarks.pictures.matte import _Told
from imgflow_tests.benchmarks.pictures.ways import WAYS

QUICK = Options(True, 1, lambda text: None)


def test_every_part_has_rows_and_its_ways_exist():
    for part in PARTS:
        module = importlib.import_module(f"imgflow_tests.benchmarks.pictures.{part}")
        assert callable(module.rows)
        named = [
            getattr(module, name)
            for name in ("OURS", "LITERAL", "RAW", "BILATERAL", "PYMATTING", "MATTE")
            if hasattr(module, name)
        ]
        assert set(named) <= set(WAYS), part


def test_scenes_are_given_with_their_truth(tmp_path: Path):
    (noisy,) = inputs.scenes(tmp_path / "noisy", 0.05, ["mug"])
    (clean,) = inputs.scenes(tmp_path / "clean", 0.05, ["mug"], noise=False)
    scene, bare = np.load(noisy), np.load(clean)
    product, ground = scene["alpha"] == 255, scene["alpha"] == 0
    assert not np.array_equal(scene["photo"], bare["photo"])
    assert np.abs(bare["photo"].astype(int) - bare["foreground"])[product].max() <= 1
    assert (bare["lit"].astype(int) - bare["photo"])[ground].max() > 20  # it has a shadow


def test_drawings_are_given_with_their_truth(tmp_path: Path):
    (shoe,) = map(np.load, drawn(tmp_path, ["shoe-white"], side=200, noise=0))
    product, ground = shoe["alpha"] == 255, shoe["alpha"] == 0
    assert 0.05 < product.mean() < 0.2
    assert np.array_equal(shoe["photo"][product], shoe["lit"][product])
    assert (shoe["lit"].astype(int) - shoe["photo"])[ground].max() > 20  # it has a shadow
    assert len(on_every_ground(PRODUCTS)) == len(PRODUCTS) * 10


def test_ways_are_run_in_processes_of_their_own_on_the_same_inputs(tmp_path: Path):
    rng = np.random.default_rng(0)
    files = [
        inputs.write(tmp_path / "in", name, photo=rng.integers(90, 110, (64, 80, 3), dtype=np.uint8)) for name in "ab"
    ]
    ran = Bench(tmp_path, QUICK, None).run(("denoise, literal", "denoise, bilateral"), files)
    for way in ran.values():
        results = [way.result(file) for file in files]
        assert [result.shape for result in results] == [(64, 80, 3)] * 2
        assert all(result.std() < np.load(file)["photo"].std() for result, file in zip(results, files, strict=True))
        assert way.cpu_seconds > 0 and way.memory > 20e6
    row = timing("x", ran["denoise, bilateral"], ran["denoise, literal"], {"gain": 1})
    assert row.figures["CPU ratio"] == pytest.approx(row.figures["CPU s"] / row.figures["reference CPU s"])
    assert list(row.figures)[-1] == "gain"


def test_files_are_read_back_as_bytes(tmp_path: Path):
    cutout = np.zeros((20, 30, 4), np.uint8)
    cutout[5:15, 5:20] = (10, 200, 30, 255)
    (file,) = [inputs.write(tmp_path / "in", "a", cutout=cutout)]
    ran = Bench(tmp_path, QUICK, None).run(("encode PNG", "encode PNG, Pillow"), [file])
    for way in ran.values():
        decoded = cv2.imdecode(way.result(file), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded[..., [2, 1, 0, 3]], cutout)


def test_masks_of_real_photos_are_upright_and_of_their_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:10, :15] = 250
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgb).save(tmp_path / "turned.jpg", exif=exif, quality=100, subsampling=0)
    painted = np.dstack([rgb, np.full((40, 60), 255, np.uint8)])
    Image.fromarray(painted).save(tmp_path / "turned_mask.png")
    Image.fromarray(np.dstack([rgb, rgb[..., 0]])).save(tmp_path / "cut.png")
    Image.fromarray(rgb).save(tmp_path / "plain.jpg", quality=100, subsampling=0)
    lines = [
        "file\trole\tpair_id\tnote",
        "turned.jpg\tinput\tturned\t",
        "turned_mask.png\tgt_mask\tturned\tmask is in the STORED frame",
        "plain.jpg\tinput\tplain\t",
        "cut.png\tref_alpha\tplain\t",
        "gone.jpg\tinput\tgone\t",
        "cut.png\tref_alpha\tgone\t",
        "cut.png\tref_mask\tplain\t",
    ]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(lines))
    monkeypatch.setenv(inputs.PHOTOS, str(tmp_path))
    files = inputs.matte_pairs(tmp_path / "in")
    assert [file.stem for file in files] == ["turned", "plain"]
    for file in files:
        given = np.load(file)
        bright = given["photo"][..., 0] > 128
        assert given["alpha"].shape == bright.shape
        assert ((given["alpha"] > 128) == bright).mean() > 0.98
    assert np.load(files[0])["alpha"].shape == (60, 40)


def test_noise_pairs_are_found_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "set" / "crops"
    folder.mkdir(parents=True)
    for name, value in (("a_real", 100), ("a_mean", 101), ("a_ours", 0), ("b_real", 5)):
        pixels = np.full((20, 20, 3), value, np.uint8)
        pixels[10:] = 200
        Image.fromarray(pixels).save(folder / f"{name}.png")
    monkeypatch.setenv(inputs.NOISE_PAIRS, os.pathsep.join([str(folder), ""]))
    ((name, (pair,)),) = inputs.noise_pairs().items()
    assert (name, pair.name, pair.noisy[0, 0, 0], pair.truth[0, 0, 0]) == ("set", "a", 100, 101)


def test_worse_photos_are_counted():
    ours = _Told([1, 2, 3, 4], [0.9, 0.9, 0.9, 0.9], [0] * 4)
    theirs = _Told([1, 3, 2, 5], [0.9, 0.9, 0.9, 0.95], [0] * 4)
    assert ours.worse_than(theirs) == 2
