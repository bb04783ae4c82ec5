"""Models that are paths of the user's own, and what `auto` takes."""

import dataclasses
import hashlib
import json
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models import contents, devices, registry
from imgflow.models.local import facts
from imgflow.models.model import Model, ModelFile, Purpose
from imgflow.models.store import ModelStore
from imgflow_tests.models.tiny_onnx import tiny_onnx

BIREFNET = ("bb.patch_embed.proj.weight", "squeeze_module.0.conv_in.weight", "decoder.conv_out1.0.weight")
INSPYRENET = ("backbone.patch_embed.proj.weight", "context1.branch0.conv.weight", "decoder.conv1.conv.weight")
VITMATTE = ("backbone.embeddings.position_embeddings", "decoder.convstream.convs.0.conv.weight")
NAFNET = ("intro.weight", "ending.weight", "middle_blks.0.beta")


def safetensors(*keys: str) -> bytes:
    table = {key: {"dtype": "F32", "shape": [1], "data_offsets": [4 * n, 4 * n + 4]} for n, key in enumerate(keys)}
    header = json.dumps({"__metadata__": {"format": "pt"}} | table).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * len(keys))


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import sys; sys.modules['it_was_run'] = sys",)


def checkpoint(path: Path, *keys: str, zipped: bool = True) -> Path:
    """As torch.save writes it since 1.6, or did before: and with something in it that must not be run."""
    state = {key: Malicious() for key in keys}
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(state, 2))
            archive.writestr("archive/data/0", bytes(8))
    else:
        parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, state, ["0"]]
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts) + bytes(64))
    return path


# -- what it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "purpose", "family"),
    [
        (BIREFNET, "segment", "birefnet"),
        (tuple(f"module.{key}" for key in BIREFNET), "segment", "birefnet"),
        (INSPYRENET, "segment", "inspyrenet"),
        (VITMATTE, "matte", "vitmatte"),
        (NAFNET, "denoise", "spandrel"),
        (("conv_first.weight", "body.0.rdb1.conv1.weight"), "upscale", "spandrel"),
    ],
)
@pytest.mark.parametrize("form", ["safetensors", "zip", "old"])
def test_a_checkpoint_is_known_by_its_keys(
    store: ModelStore, tmp_path: Path, keys: tuple[str, ...], purpose: Purpose, family: str, form: str
) -> None:
    path = tmp_path / ("a.safetensors" if form == "safetensors" else "a.pth")
    if form == "safetensors":
        path.write_bytes(safetensors(*keys))
    else:
        checkpoint(path, *keys, zipped=form == "zip")
    model = store.find(str(path), purpose)
    assert (model.name, model.family, model.purpose) == (str(path), family, purpose)
    (file,) = model.files
    assert (file.name, file.sha256) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    assert store.ensure(str(path)) == store.folder(str(path)) == tmp_path
    assert "it_was_run" not in sys.modules
    other: Purpose = "matte" if purpose != "matte" else "segment"
    with pytest.raises(UsageError, match=f"is not understood|is one to {purpose}"):
        store.find(str(path), other)


def test_keys_that_nobody_knows_are_named(store: ModelStore, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pt", "strange.weight", "stranger.bias")
    with pytest.raises(UsageError, match=r"a.pt is not understood: its keys \(strange.weight.*birefnet, inspyrenet"):
        store.find(str(path), "segment")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.safetensors", b"short", "no file of weights"),
        ("a.safetensors", struct.pack("<Q", 1 << 60), "a header of"),
        ("a.pth", b"<html>404</html>", "no file of weights"),
        ("a.pth", b"", "no file of weights"),
        ("a.onnx", b"version https://git-lfs.github.com/spec/v1\n", "no ONNX model"),
        ("a.onnx", b"", "no ONNX model"),
        ("a.onnx", tiny_onnx()[:90], "no ONNX model"),
        ("a.onnx", tiny_onnx(shape=(1, 1, 320, 320)), "the first 1 x 1 x 320 x 320"),
        ("a.onnx", tiny_onnx(shape=(1, 3, 320, 480)), "not square"),
        ("a.onnx", tiny_onnx(shape=(1, 3, 0, 0)), "no fixed size"),
        ("a.txt", b"", "'.txt' is none of"),
    ],
)
def test_files_that_are_no_model(store: ModelStore, tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"{name} is not understood: .*{why}"):
        store.find(str(tmp_path / name), "segment")


def test_an_onnx_file_tells_its_size_and_whether_it_ends_in_logits(store: ModelStore, tmp_path: Path) -> None:
    expected = {
        "u2net": (tiny_onnx(320), 320, {}, (0.485, 0.456, 0.406)),
        "isnet": (tiny_onnx(1024), 1024, {"white": 255}, (0.5, 0.5, 0.5)),
        "birefnet": (tiny_onnx(1024, logits=True), 1024, {"white": 255, "output": "logits"}, (0.485, 0.456, 0.406)),
        "half": (
            tiny_onnx(512, logits=True, half=True),
            512,
            {"white": 255, "output": "logits"},
            (0.485, 0.456, 0.406),
        ),
    }
    for name, (content, size, options, mean) in expected.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        model = store.find(str(path), "segment")
        assert (model.family, model.input_size, model.options, model.mean) == ("u2net_onnx", size, options, mean)


def test_weights_that_lie_beside_an_onnx_file_count_too(store: ModelStore, tmp_path: Path) -> None:
    path, data = tmp_path / "a.onnx", tmp_path / "a.onnx_data"
    path.write_bytes(tiny_onnx(elsewhere="a.onnx_data"))
    with pytest.raises(UsageError, match=r"its weights are in 'a.onnx_data', which is not beside it"):
        store.find(str(path), "segment")
    data.write_bytes(b"one")
    first = store.find(str(path), "segment")
    assert [file.name for file in first.files] == ["a.onnx", "a.onnx_data"]
    data.write_bytes(b"other")
    assert store.find(str(path), "segment").weights_hash != first.weights_hash
    path.write_bytes(tiny_onnx(elsewhere="../../secret.data"))
    with pytest.raises(UsageError, match="which is not beside it"):
        store.find(str(path), "segment")


def test_a_known_file_is_known_wherever_it_lies(
    store: ModelStore, tmp_path: Path, register: Callable[..., Model]
) -> None:
    """By its hash: it gets the colours of its row, not those that it looks like."""
    row = dataclasses.replace(register(), mean=(0.1, 0.2, 0.3))
    registry.MODELS["tiny"] = row
    path = tmp_path / "renamed.onnx"
    path.write_bytes(tiny_onnx())
    model = store.find(str(path), "segment")
    assert (model.name, model.mean, model.licence) == (str(path), (0.1, 0.2, 0.3), row.licence)


def test_a_folder_in_the_hubs_layout(store: ModelStore, tmp_path: Path) -> None:
    """Its code is neither read nor run; its config.json counts in the hash."""
    folder = tmp_path / "BiRefNet"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors(*BIREFNET))
    (folder / "config.json").write_text('{"architectures": ["BiRefNet"]}')
    (folder / "birefnet.py").write_text("import sys; sys.modules['it_was_run'] = sys")
    model = store.find(str(folder), "segment")
    assert model.family == "birefnet"
    assert [file.name for file in model.files] == ["model.safetensors", "config.json"]
    assert store.ensure(str(folder)) == folder
    assert "it_was_run" not in sys.modules
    (folder / "config.json").write_text('{"architectures": ["BiRefNet"], "bb": "swin_v1_t"}')
    assert store.find(str(folder), "segment").weights_hash != model.weights_hash


def test_other_folders(store: ModelStore, tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, bytes]) -> str:
        for file, content in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_bytes(content)
        return str(tmp_path / name)

    edsr = {"config.json": b'{"model_type": "EDSR"}', "pytorch_model_2x.pt": b"x", "pytorch_model_4x.pt": b"x"}
    both = folder("edsr", {name: content if "json" in name else b"" for name, content in edsr.items()})
    for scale in (2, 4):
        checkpoint(Path(both) / f"pytorch_model_{scale}x.pt", "head.0.weight")
    with pytest.raises(UsageError, match=r"EDSR.* several files of weights: pytorch_model_2x.pt, pytorch_model_4x.pt"):
        store.find(both, "upscale")
    model = store.find(f"{both}/pytorch_model_4x.pt", "upscale")
    assert (model.family, model.scale) == ("super_image", 4)
    assert [file.name for file in model.files] == ["pytorch_model_4x.pt", "config.json"]

    config = {"config.json": b'{"model_type": "vitmatte"}', "model.safetensors": safetensors(*VITMATTE)}
    assert store.find(folder("vitmatte", config), "matte").family == "vitmatte"

    told = b'{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1], "size": {"height": 512, "width": 512}}'
    onnx = folder("onnx-hub", {"onnx/model.onnx": tiny_onnx(0), "preprocessor_config.json": told})
    model = store.find(onnx, "segment")
    assert (model.input_size, model.mean, model.files[0].name) == (512, (0.1, 0.2, 0.3), "onnx/model.onnx")

    with pytest.raises(UsageError, match="holds no file of weights"):
        store.find(folder("empty", {"readme.md": b""}), "segment")
    with pytest.raises(UsageError, match=r"config.json is not understood"):
        store.find(folder("broken", {"config.json": b"{"}), "segment")


# -- where it is, and that it is read once ---------------------------------------------------------------------------


def test_what_counts_as_a_path(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("below").mkdir()
    for name in ("mine.onnx", "below/mine.onnx"):
        Path(name).write_bytes(tiny_onnx())
    names = ["mine.onnx", "./mine.onnx", "below/mine.onnx", "~/mine.onnx", str(tmp_path / "mine.onnx")]
    models = [store.find(name, "segment") for name in names]
    assert [model.name for model in models] == names
    assert len({model.weights_hash for model in models}) == 1
    assert store.folder("~/mine.onnx") == tmp_path
    Path("u2netp").write_bytes(b"")
    assert store.find("u2netp", "segment") == registry.MODELS["u2netp"]
    for name in ("nothing/here", "~/nothing", "/nothing.onnx"):
        with pytest.raises(UsageError, match=r"no model file or folder .*nothing.*u2netp"):
            store.find(name, "segment")
    with pytest.raises(UsageError, match="no model 'below'"):
        store.find("below", "segment")
    for call in (store.pull, store.verify, store.remove):
        with pytest.raises(UsageError, match=r"mine.onnx is a path"):
            call("./mine.onnx")


def test_a_file_is_read_once_until_it_changes(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(*BIREFNET))
    reads: list[Path] = []
    read = contents.read_contents

    def counted(at: Path, file: ModelFile) -> contents.Contents:
        reads.append(at)
        return read(at, file)

    monkeypatch.setattr(facts, "read_contents", counted)
    first = store.find(str(path), "segment").weights_hash
    for _ in range(3):
        facts._in_memory.clear()  # another process
        assert ModelStore(store.root).find(str(path), "segment").weights_hash == first
    assert reads == [path]
    path.write_bytes(safetensors(*BIREFNET, "decoder.more"))
    assert store.find(str(path), "segment").weights_hash != first
    before = path.stat()
    path.write_bytes(safetensors(*BIREFNET, "decoder.less"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    store.find(str(path), "segment")
    assert reads == [path] * 3


# -- auto ------------------------------------------------------------------------------------------------------------


def pretend(monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], gpu_builds: tuple[str, ...]) -> None:
    monkeypatch.setattr("imgflow.models.store.is_installed", lambda library: library in installed)
    monkeypatch.setattr(devices, "_is_built_for_gpus", lambda library: library in gpu_builds)


@pytest.fixture
def ranked(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the table hold these models alone, all present."""
    monkeypatch.setattr("imgflow.models.store.MODELS", {})

    def add(
        name: str,
        rank: int,
        rank_cpu: int | None = None,
        commercial: bool = True,
        here: bool = True,
        family: str = "u2net_onnx",
    ) -> None:
        file = ModelFile(f"{name}.onnx", hashlib.sha256(name.encode()).hexdigest(), len(name))
        model = Model(name, "segment", family, "", commercial, "", (file,), 320, rank=rank, rank_cpu=rank_cpu)
        monkeypatch.setitem(sys.modules["imgflow.models.store"].MODELS, name, model)
        if here:
            (store.root / name).mkdir(parents=True)
            (store.root / name / file.name).write_bytes(name.encode())

    return add


def test_auto_takes_the_best_that_is_present_and_suits_the_device(
    store: ModelStore, ranked: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked("small", 10)
    ranked("good", 40)
    ranked("slow", 70, rank_cpu=0)
    ranked("slow on torch", 80, rank_cpu=0, family="birefnet")
    ranked("best", 90, here=False)
    ranked("unfree", 100, commercial=False)
    ranked("special", 0)
    both = ("onnxruntime", "torch")
    for installed, gpu_builds, device, expected in (
        (both, both, "cpu", "good"),
        (both, both, "cuda", "slow on torch"),
        (both, both, "tensorrt", "slow on torch"),
        (both, both, "mps", "slow on torch"),
        (both, ("onnxruntime",), "cuda", "slow"),
        (("onnxruntime",), both, "cuda", "slow"),
        (("onnxruntime",), both, "mps", "good"),  # Core ML does not run ONNX networks as a whole
        (both, (), "cuda", "good"),  # a GPU, and libraries that cannot use it
    ):
        pretend(monkeypatch, installed, gpu_builds)
        assert store.find("auto", "segment", device).name == expected, (installed, gpu_builds, device)


def test_auto_takes_the_smallest_when_none_is_present(store: ModelStore) -> None:
    assert store.find("auto", "segment").name == "u2netp"
    with pytest.raises(ModelUnavailableError, match="No model to matte is in"):
        store.find("auto", "matte")


def test_auto_looks_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, (), ("torch", "onnxruntime"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    monkeypatch.setattr(devices, "nvidia", lambda _field: ["0"])
    assert devices.has_gpu("auto", "torch") and devices.has_gpu("auto", "onnxruntime")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not devices.has_gpu("auto", "torch")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(devices, "nvidia", lambda _field: [])
    assert not devices.has_gpu("auto", "torch")
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
    assert devices.has_gpu("auto", "torch") and not devices.has_gpu("auto", "onnxruntime")


def test_which_libraries_are_here() -> None:
    assert devices.is_installed("onnxruntime")
    assert devices._is_built_for_gpus("onnxruntime") == ("CUDAExecutionProvider" in _providers())


def _providers() -> list[str]:
    import onnxruntime

    return onnxruntime.get_available_providers()
