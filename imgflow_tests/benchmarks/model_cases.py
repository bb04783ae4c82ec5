"""The models of the benchmark, what each is compared with, and on how much."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgflow.models.known.onnx import ONNX
from imgflow.models.model import Model, ModelFile
from imgflow.models.registry import MODELS
from imgflow.models.store import ModelStore

CODE = "BENCH_BIREFNET"
"""The environment variable that names a folder with the authors' repositories of BiRefNet: `BiRefNet_lite` (Swin-T) and
`BiRefNet` (Swin-L), each as cloned from the hub (without the weights) or from GitHub (with that backbone chosen in its
config.py). Their code is run.
"""

PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "fp16", "bf16"), "mps": ("fp32", "fp16")}
"""On each device, as far as the model bears them; two of them with --quick."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way for imgflow to run a model: what `Runtime` takes."""

    device: str
    precision: str = "auto"
    compile: str = "off"

    def __str__(self) -> str:
        return " ".join([self.device, self.precision, *(["compiled"] if self.compile == "auto" else [])])


OF_FILES: dict[str, tuple[Setting, ...]] = {
    "cpu": (Setting("cpu"),),
    "cuda": (Setting("cuda"), Setting("tensorrt"), Setting("tensorrt", "fp16")),
    "mps": (Setting("mps"),),
}
"""Of models whose precision is that of their file, which TensorRT alone can change."""


def settings_of(case: "Case", device: str, quick: bool) -> list[Setting]:
    """All that a model is tried in on a device, the one it would run in by itself first; what falls back to something
    else is then left out.
    """
    if case.in_file:
        return list(OF_FILES[device])
    precisions = PRECISIONS[device][: 2 if quick else None]
    compiled = (
        [Setting(device, each, "auto") for each in precisions] if case.can_be_compiled and device == "cuda" else []
    )
    return [*(Setting(device, each) for each in precisions), *compiled]


@dataclass(frozen=True, slots=True)
class Size:
    """How much a model is given: photos, and megapixels of each."""

    count: int
    megapixels: float


@dataclass(frozen=True, slots=True)
class Case:
    """One model against its reference.

    Attributes:
        name: of the row.
        model: known to `description`.
        way: of the reference, in `model_ways.WAYS`.
        requirements: what the reference needs; empty if imgflow's own environment has it.
        quick, cpu, gpu: how much: with --quick, on the CPU, on another device.
        code: BiRefNet: the folder of the authors' code below `BENCH_BIREFNET`.
        half: on a GPU the authors document half precision.
        in_file: the precision is that of the file.
        can_be_compiled: PyTorch may compile it (`IMGFLOW_COMPILE`).
        only_full: not with --quick.
    """

    name: str
    model: str
    way: str
    requirements: tuple[str, ...]
    quick: Size
    cpu: Size
    gpu: Size
    code: str = ""
    half: bool = False
    in_file: bool = False
    can_be_compiled: bool = False
    only_full: bool = False

    def size(self, quick: bool, device: str) -> Size:
        """How much to do there."""
        return self.quick if quick else self.cpu if device == "cpu" else self.gpu


_CUTOUTS = (Size(1, 3), Size(3, 12), Size(8, 12))
_SMALL = (Size(3, 0.1), Size(2, 0.5), Size(6, 2))
_AUTHORS = ("timm", "kornia", "einops")

TORCH: tuple[Case, ...] = (
    Case(
        "BiRefNet Swin-T at 1024",
        "birefnet-lite",
        "transformers",
        _AUTHORS,
        *_CUTOUTS,
        "BiRefNet_lite",
        half=True,
        can_be_compiled=True,
    ),
    Case(
        "BiRefNet Swin-L at 1024",
        "birefnet",
        "transformers",
        _AUTHORS,
        *_CUTOUTS,
        "BiRefNet",
        half=True,
        can_be_compiled=True,
        only_full=True,
    ),
    Case("InSPyReNet at 1024", "inspyrenet", "remover", ("transparent-background",), *_CUTOUTS, can_be_compiled=True),
    Case("EDSR base x2", "edsr-base", "super_image", ("super-image",), *_SMALL),
    Case("A2N x2", "a2n", "super_image", ("super-image",), *_SMALL),
    Case("NAFNet width 32", "nafnet-sidd-width32", "spandrel", (), *_SMALL),
    Case(
        "NAFNet width 32 in tiles",
        "nafnet-sidd-width32",
        "spandrel_tiles",
        (),
        Size(1, 1),
        Size(2, 2),
        Size(6, 12),
    ),
    Case(
        "Real-ESRGAN x4plus",
        "realesrgan-x4plus",
        "spandrel",
        (),
        Size(1, 0.03),
        Size(2, 0.06),
        Size(6, 0.5),
    ),
    Case(
        "Real-ESRGAN general-x4v3 in tiles",
        "realesr-general-x4v3",
        "spandrel_tiles",
        (),
        Size(1, 1.5),
        Size(2, 1.5),
        Size(6, 3),
        only_full=True,
    ),
)
"""Random weights, made by `model_inputs`."""


def cases(store: ModelStore, quick: bool) -> list[Case]:
    """The ONNX models that are present, and all on PyTorch."""
    present = [model.name for model in ONNX if store.is_present(model)]
    onnx = [
        Case(name, name, "rembg", ("rembg[cpu]",), Size(3, 3), Size(6, 12), Size(8, 12), in_file=True)
        for name in present
    ]
    return [*onnx, *(case for case in TORCH if not (quick and case.only_full))]


def description(name: str) -> Model:
    """The model as imgflow's loaders want it."""
    if name.startswith("birefnet") and MODELS[name].family == "birefnet":
        # The order of patches in the authors' code of today.
        return replace(_pinned(MODELS[name]), options={**MODELS[name].options, "patch_order": "c_hg_wg"})
    return _UNREGISTERED[name] if name in _UNREGISTERED else _pinned(MODELS[name])


def code_of(case: Case) -> Path | None:
    """Where the authors' code is; None: the case needs none.

    Raises:
        RuntimeError: it is not there; the message says what to do.
    """
    if not case.code:
        return None
    folder = os.environ.get(CODE)
    if not folder:
        raise RuntimeError(f"set {CODE} to a folder with the authors' {case.code}")
    code = Path(folder, case.code).absolute()
    if not any((code / name).is_file() for name in ("birefnet.py", "models/birefnet.py")):
        raise RuntimeError(f"{CODE} has no {case.code}/birefnet.py nor {case.code}/models/birefnet.py")
    return code


def reference_precision(case: Case, device: str, precision: str) -> str:
    """What the reference runs in, where ours runs in `precision`: half only where its authors document that."""
    return "fp16" if case.half and device == "cuda" and precision != "fp32" else "fp32"


def _pinned(model: Model) -> Model:
    """Random weights have no pinned hash."""
    return replace(model, files=tuple(replace(file, sha256=file.sha256 or "0" * 64) for file in model.files))


def _row(name: str, purpose: str, family: str, file: str, scale: int) -> Model:
    files: Sequence[ModelFile] = (ModelFile(file, "0" * 64, 1, ()),)
    return Model(name, purpose, family, "", True, "", tuple(files), scale=scale)  # type: ignore[arg-type]


_UNREGISTERED = {
    row.name: row
    for row in (
        _row("edsr-base", "upscale", "super_image", "pytorch_model_2x.pt", 2),
        _row("a2n", "upscale", "super_image", "pytorch_model_2x.pt", 2),
        _row("nafnet-sidd-width32", "denoise", "spandrel", "weights.pth", 1),
        _row("realesrgan-x4plus", "upscale", "spandrel", "weights.pth", 4),
        _row("realesr-general-x4v3", "upscale", "spandrel", "weights.pth", 4),
    )
}
"""With the file names that `model_inputs` gives them."""
