"""The segmenter with a tiny network whose answer is known, then with the real one."""

import re
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

from imgflow.errors import DeviceMemoryError, DeviceUnavailableError, ModelUnavailableError, UsageError
from imgflow.models.base import Segmenter
from imgflow.models.families import load_model
from imgflow.models.loader import Models
from imgflow.models.model import Model
from imgflow.models.registry import MODELS
from imgflow.models.runtime import Runtime
from imgflow.models.store import ModelStore
from imgflow.recipe import Chain
from imgflow_tests.models.conftest import WEIGHTS
from imgflow_tests.models.tiny_onnx import tiny_onnx

SHARED = Path(__file__).parents[4] / "shared" / "photos" / "bgremoval"


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


def at_path(path: Path, content: bytes, **runtime: Any) -> Segmenter:
    """The segmenter of a file of the user's own, described by what is in it."""
    path.write_bytes(content)
    store = ModelStore(path.parent / "models")
    model = store.find(str(path), "segment")
    return load_model(model, store.ensure(str(path)), Runtime(device="cpu", **runtime))  # type: ignore[return-value]


IMAGENET = np.asarray((0.485, 0.456, 0.406)), np.asarray((0.229, 0.224, 0.225))
LAYOUTS = {
    # what is published                 the file                                        mean and deviation, white
    "u2net": ({"size": 320}, IMAGENET, None),
    "isnet": ({"size": 1024}, (0.5, 1.0), 255),
    "birefnet": ({"size": 1024, "logits": True}, IMAGENET, 255),
    "birefnet 512 fp16": ({"size": 512, "logits": True, "half": True}, IMAGENET, 255),
    "without channel": ({"size": 320, "flat": True}, IMAGENET, None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_published_layout_gets_its_own_colours_and_gives_probabilities(tmp_path: Path, layout: str) -> None:
    """The tiny network's answer is the sigmoid of the normalised picture's mean, whether the file has it or not."""
    form, (mean, std), white = LAYOUTS[layout]
    segmenter = at_path(tmp_path / "tiny.onnx", tiny_onnx(**form))
    rgb = noise(form["size"], form["size"], highest=200)
    x = rgb / float(white or rgb.max())
    truth = 1 / (1 + np.exp(-((x - mean) / std).mean(axis=2)))
    half = form.get("half", False)
    np.testing.assert_allclose(segmenter(rgb), truth, atol=2e-3 if half else 1e-5)
    assert segmenter.precision == ("fp16" if half else "fp32")


@pytest.mark.parametrize("shape", [(1200, 900), (321, 1777), (200, 100)])
def test_the_picture_is_scaled_as_pillow_does(tiny: ModelStore, shape: tuple[int, int]) -> None:
    """The short way through four bytes a pixel gives what the plain way gives, bit by bit."""
    segmenter: Any = load_segmenter("tiny", tiny)
    rgb = noise(*shape)
    x = np.asarray(Image.fromarray(rgb).resize((320, 320), Image.Resampling.BILINEAR), np.float32)
    x = (x / x.max() - np.float32(MODELS["tiny"].mean)) / np.float32(MODELS["tiny"].std)
    np.testing.assert_array_equal(segmenter._prepared(rgb), x.transpose(2, 0, 1)[None])


def test_strong_logits_overflow_nowhere(tmp_path: Path) -> None:
    from imgflow.models.onnx.segmenter import _sigmoid

    likely = _sigmoid(np.float32([[-1e4, -88.0, 0.0, 88.0, 1e4]]))
    np.testing.assert_allclose(likely, [[0, 0, 0.5, 1, 1]], atol=1e-6)


def test_a_network_that_gives_no_map(register: Callable[..., Model], store: ModelStore) -> None:
    """Five pictures at once, or classes, are not stretched into one."""
    weights = tiny_onnx(320, channels=True)
    register(weights=weights)
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "tiny.onnx").write_bytes(weights)
    with pytest.raises(ModelUnavailableError, match=r"gives \(1, 3, 320, 320\), which is no map"):
        load_segmenter("tiny", store)(noise(50, 50))


# -- devices, precision, memory --------------------------------------------------------------------------------------


def test_a_precision_that_the_file_does_not_have(tiny: ModelStore) -> None:
    segmenter = load_segmenter("tiny", tiny, device="cpu", precision="fp16")
    assert segmenter.precision == "fp32"
    assert segmenter.fallback == "fp16 was wanted, but tiny computes in fp32"
    with pytest.raises(DeviceUnavailableError, match=r"computes in fp32. Set IMGFLOW_PRECISION=auto"):
        load_segmenter("tiny", tiny, device="cpu", precision="fp16", strict=True)
    assert load_segmenter("tiny", tiny, device="cpu", precision="fp32", strict=True).fallback is None


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[Any]]]:
    """An ONNX Runtime whose build has these providers, and in which those of the second list start; tells all asked."""
    import onnxruntime

    session = onnxruntime.InferenceSession
    asked: list[list[Any]] = []

    def install(built: list[str], starting: list[str]) -> list[list[Any]]:
        def start(path: str, options: Any, providers: list[Any]) -> Any:
            asked.append(providers)
            names = [provider if isinstance(provider, str) else provider[0] for provider in providers]
            opened = session(path, options, providers=["CPUExecutionProvider"])
            monkeypatch.setattr(opened, "get_providers", lambda: [name for name in names if name in starting])
            return opened

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: built)
        monkeypatch.setattr(onnxruntime, "InferenceSession", start)
        return asked

    return install


TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("device", "starting", "provider", "told"),
    [
        ("tensorrt", [TENSORRT, CUDA, CPU], TENSORRT, None),
        ("tensorrt", [CUDA, CPU], CUDA, "tensorrt was wanted, but .* did not start.*; running on cuda"),
        ("tensorrt", [CPU], CPU, "tensorrt was wanted, .*; nor is cuda: .* did not start.*; running on the CPU"),
        ("cuda", [CUDA, CPU], CUDA, None),
        ("auto", [CUDA, CPU], CUDA, None),
    ],
)
def test_a_device_gives_way_to_the_next_one_and_says_so(
    tiny: ModelStore, starts: Any, device: str, starting: list[str], provider: str, told: str | None
) -> None:
    starts([TENSORRT, CUDA, CPU], starting)
    segmenter: Any = load_segmenter("tiny", tiny, device=device)
    assert segmenter.provider == provider
    assert segmenter.device == ("cpu" if provider == CPU else "cuda")
    assert (segmenter.fallback is None) == (told is None)
    if told:
        assert re.fullmatch(told, segmenter.fallback)
        with pytest.raises(DeviceUnavailableError, match="was wanted"):
            load_segmenter("tiny", tiny, device=device, strict=True)


def test_tensorrt_keeps_its_engines_beside_the_model(tiny: ModelStore, starts: Any) -> None:
    asked = starts([TENSORRT, CUDA, CPU], [TENSORRT, CUDA, CPU])
    segmenter = load_segmenter("tiny", tiny, device="tensorrt", precision="fp16")
    assert segmenter.precision == "fp16"
    (name, options), (cuda, _), cpu = asked[0]
    assert (name, cuda, cpu) == (TENSORRT, CUDA, CPU)
    assert options["trt_fp16_enable"]
    assert Path(options["trt_engine_cache_path"]) == tiny.root / "tiny" / ".tensorrt"
    assert tiny.verify("tiny")[0].state == "ok"


def test_a_device_that_nobody_knows(tiny: ModelStore) -> None:
    with pytest.raises(DeviceUnavailableError, match=r"no device 'abacus'.*cpu, cuda, tensorrt, mps"):
        load_segmenter("tiny", tiny, device="abacus")


@pytest.mark.parametrize(
    "words",
    [
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : BFCArena::AllocateRawInternal(unsigned long) Failed to allocate "
        "memory for requested buffer of size 1073741824",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUDNN_STATUS_ALLOC_FAILED",
        "bad allocation",
    ],
)
def test_memory_that_is_exhausted_is_told_as_such(
    tiny: ModelStore, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """`Models` then makes room and tries again; other errors stay what they are."""
    segmenter: Any = load_segmenter("tiny", tiny)
    for told, expected in ((words, DeviceMemoryError), ("INVALID_ARGUMENT : Got invalid dimensions", RuntimeError)):

        class Failing:
            def run(self, *_: object, told: str = told) -> None:
                raise RuntimeError(told)

        monkeypatch.setattr(segmenter, "_session", Failing())
        with pytest.raises(expected, match=re.escape(told[-20:])):
            segmenter(noise(9, 9))


def test_threads_are_those_that_are_given(tiny: ModelStore) -> None:
    from imgflow.cores import compute_cores

    for threads, expected in ((1, 1), (3, 3), (0, compute_cores())):
        segmenter: Any = load_segmenter("tiny", tiny, threads=threads)
        assert segmenter._session.get_session_options().intra_op_num_threads == expected


def test_models_stay_loaded_and_are_loaded_once(tiny: ModelStore) -> None:
    models = Models(tiny, Runtime(device="cpu", threads=1))
    start, seen = threading.Barrier(8), list[object]()

    def use() -> None:
        start.wait()
        seen.append(models.choose(Chain(("tiny",), "segment")).model)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len({id(segmenter) for segmenter in seen}) == 1
    models.unload()
    assert models.choose(Chain(("tiny",), "segment")).model is not seen[0]
    with pytest.raises(UsageError):
        models.choose(Chain(("nonsense",), "segment"))


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'onnxruntime', 'cv2', 'torch', 'dagster', 'rich'}"
    code = f"import sys, imgflow.models.loader, imgflow.models.onnx.segmenter; print({heavy} & set(sys.modules))"
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
