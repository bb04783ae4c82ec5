"""The segmenter with a tiny network whose answer is known, then with the real one."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgflow.errors import DeviceUnavailableError, ModelUnavailableError, UsageError
from imgflow.models.base import Segmenter
from imgflow.models.loader import Models, load_model
from imgflow.models.registry import MODELS, Model
from imgflow.models.runtime import Runtime
from imgflow.models.store import ModelStore
from imgflow_tests.models.conftest import WEIGHTS

SHARED = Path(__file__).parents[3] / "shared" / "photos" / "bgremoval"


def load_segmenter(name: str, store: ModelStore, **runtime: Any) -> Segmenter:
    return load_model(store.find(name, "segment"), store.ensure(name), Runtime(**runtime))  # type: ignore[return-value]


@pytest.fixture
def tiny(register: Callable[..., Model], store: ModelStore) -> ModelStore:
    """A store that holds the model `tiny`."""
    register()
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "tiny.onnx").write_bytes(WEIGHTS)
    return store


def noise(height: int, width: int, highest: int = 256) -> NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, highest, (height, width, 3), np.uint8)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


# -- with the tiny network -----------------------------------------------------------------------------------------


def expected(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the tiny network says about a picture of its own size."""
    x = rgb.astype(np.float64) / rgb.max()
    return 1 / (1 + np.exp(-((x - MODELS["tiny"].mean) / MODELS["tiny"].std).mean(axis=2)))


def test_the_answer_is_the_networks_own(tiny: ModelStore) -> None:
    segmenter = load_segmenter("tiny", tiny)
    rgb = noise(320, 320, highest=200)
    likely = segmenter(rgb)
    assert likely.dtype == np.float32
    np.testing.assert_allclose(likely, expected(rgb), atol=1e-5)


def test_a_picture_with_no_product_is_not_stretched_into_one(tiny: ModelStore) -> None:
    plain = np.full((400, 300, 3), 130, np.uint8)
    likely = load_segmenter("tiny", tiny)(plain)
    np.testing.assert_allclose(likely, expected(plain)[0, 0], atol=1e-4)


def test_exposure_does_not_matter(tiny: ModelStore) -> None:
    """x / max: a photo taken at half the light gives the same answer."""
    segmenter = load_segmenter("tiny", tiny)
    rgb = noise(320, 320, highest=128)
    np.testing.assert_allclose(segmenter(rgb), segmenter(rgb * 2), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (700, 1), (37, 2001), (320, 320), (1500, 1000)])
def test_any_size_and_always_within_0_to_1(tiny: ModelStore, shape: tuple[int, int]) -> None:
    likely = load_segmenter("tiny", tiny)(noise(*shape))
    assert likely.shape == shape
    assert 0 <= likely.min() <= likely.max() <= 1


def test_a_black_photo(tiny: ModelStore) -> None:
    assert np.isfinite(load_segmenter("tiny", tiny)(np.zeros((50, 60, 3), np.uint8))).all()


def test_an_edge_keeps_its_place(tiny: ModelStore) -> None:
    """Scaling down and up again must not shift the mask: half a pixel of the network's grid would show."""
    rgb = np.zeros((960, 960, 3), np.uint8)
    rgb[:, 480:] = 255
    likely = load_segmenter("tiny", tiny)(rgb)
    middle = (likely.min() + likely.max()) / 2
    assert abs(int((likely[500] > middle).argmax()) - 480) <= 1


def test_views_of_arrays_are_taken_as_they_are(tiny: ModelStore) -> None:
    segmenter = load_segmenter("tiny", tiny)
    rgb = noise(200, 300)
    np.testing.assert_array_equal(segmenter(rgb[:, ::-1]), segmenter(rgb[:, ::-1].copy()))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)],
)
def test_other_arrays_are_refused(tiny: ModelStore, wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="H x W x 3 uint8"):
        load_segmenter("tiny", tiny)(wrong)


def test_it_says_what_it_is(tiny: ModelStore) -> None:
    segmenter = load_segmenter("tiny", tiny, device="cpu", threads=1)
    assert (segmenter.name, segmenter.device, segmenter.fallback) == ("tiny", "cpu", None)
    assert segmenter.weights_hash == MODELS["tiny"].weights_hash


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(tiny: ModelStore, device: str) -> None:
    import onnxruntime

    if load_segmenter("tiny", tiny, device=device).device == device:
        pytest.skip(f"this machine has {device}")
    assert "CPUExecutionProvider" in onnxruntime.get_available_providers()
    with pytest.raises(DeviceUnavailableError, match=f"{device} was wanted, but"):
        load_segmenter("tiny", tiny, device=device, strict=True)
    segmenter = load_segmenter("tiny", tiny, device=device)
    assert segmenter.device == "cpu"
    assert segmenter.fallback is not None
    assert segmenter.fallback.startswith(f"{device} was wanted, but")
    np.testing.assert_array_equal(segmenter(noise(99, 99)), load_segmenter("tiny", tiny)(noise(99, 99)))


def test_a_device_that_does_not_start(tiny: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CUDA build of ONNX Runtime on a machine without CUDA: the provider is listed, and dropped at the start."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this is the CUDA build")
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: session(path, options, providers=providers[-1:]),
    )
    for device in ("auto", "cuda"):
        segmenter = load_segmenter("tiny", tiny, device=device)
        assert segmenter.device == "cpu"
        assert "CUDAExecutionProvider did not start" in str(segmenter.fallback)
        with pytest.raises(DeviceUnavailableError, match="did not start"):
            load_segmenter("tiny", tiny, device=device, strict=True)


def test_a_file_that_is_no_network(register: Callable[..., Model], store: ModelStore) -> None:
    register(weights=b"not a network")
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "tiny.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load_segmenter("tiny", store)


def test_models_stay_loaded_and_are_loaded_once(tiny: ModelStore) -> None:
    models = Models(tiny, Runtime(device="cpu", threads=1))
    start, seen = threading.Barrier(8), list[object]()

    def use() -> None:
        start.wait()
        seen.append(models.segmenter("tiny"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len({id(segmenter) for segmenter in seen}) == 1
    models.unload()
    assert models.segmenter("tiny") is not seen[0]
    with pytest.raises(UsageError):
        models.segmenter("nonsense")


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'onnxruntime', 'cv2', 'torch', 'dagster', 'rich'}"
    code = f"import sys, imgflow.models.loader, imgflow.models.onnx_segmenter; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# -- with the real network -----------------------------------------------------------------------------------------


def bottle(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A shaded red bottle on a grey ground, and which pixels it covers."""
    y, x = np.mgrid[0:height, 0:width]
    v, u = y / height, np.abs(x / width - 0.5)
    body = (u < 0.16) & (v > 0.4) & (v < 0.88)
    neck = (u < 0.05) & (v > 0.15) & (v <= 0.42)
    covered = body | neck
    rgb = np.dstack([np.full_like(v, 190), np.full_like(v, 192), np.full_like(v, 196)]) + 20 * (v[..., None] - 0.5)
    shade = (1 - 2.5 * u)[..., None]
    rgb[covered] = (np.asarray([200, 40, 50]) * shade)[covered]
    return np.clip(rgb, 0, 255).astype(np.uint8), covered


@pytest.mark.parametrize("shape", [(900, 700), (1500, 2000)])
def test_a_drawn_product_is_found(u2netp: ModelStore, shape: tuple[int, int]) -> None:
    rgb, covered = bottle(*shape)
    likely = load_segmenter("u2netp", u2netp)(rgb)
    assert likely.shape == shape
    assert iou(likely > 0.5, covered) > 0.93


PHOTOS = {
    "dreambooth_cutout/bear_plushie_03": ("_alpha.png", 0.97),
    "dreambooth_cutout/grey_sloth_plushie_01": ("_alpha.png", 0.96),
    "dreambooth_cutout/wolf_plushie_00": ("_alpha.png", 0.95),
    "dreambooth_cutout/backpack_02": ("_alpha.png", 0.92),
    "carvekit/cat": ("_mask.png", 0.87),
    "ners_espresso/PXL_20210526_021858651": ("_mask.png", 0.85),
}
"""Photos with a mask, and the least intersection over union."""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared photos are not here")
@pytest.mark.parametrize("photo", PHOTOS)
def test_real_photos(u2netp: ModelStore, photo: str) -> None:
    ending, least = PHOTOS[photo]
    rgb = np.asarray(Image.open(SHARED / f"{photo}.jpg").convert("RGB"))
    truth = np.asarray(Image.open(SHARED / f"{photo}{ending}").convert("L")) > 127
    assert iou(load_segmenter("u2netp", u2netp)(rgb) > 0.5, truth) > least


@pytest.mark.parametrize(("name", "photos"), [("tiny", 150), ("u2netp", 20)])
def test_memory_does_not_grow_over_a_batch(
    tiny: ModelStore, request: pytest.FixtureRequest, name: str, photos: int
) -> None:
    """Photos of all sizes: the real network for its own memory, the tiny one for many photos in little time."""
    segmenter = load_segmenter(name, tiny if name == "tiny" else request.getfixturevalue(name))
    large = noise(1600, 1600)
    process, resident = psutil.Process(), list[int]()
    for height, width in np.random.default_rng(1).integers(100, 1600, (photos, 2)):
        segmenter(large[:height, :width])
        resident.append(process.memory_info().rss)
    assert max(resident[photos // 3 :]) - max(resident[: photos // 3]) < 30 << 20
