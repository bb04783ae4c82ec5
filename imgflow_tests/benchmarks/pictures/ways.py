"""Ways to do one stage's work: imgflow's own, the literal one, other people's libraries.

A way is prepared once (imports, models, compiled kernels) and then takes inputs one after the other: each a mapping of
names to arrays, as `inputs.py` writes them. What it returns is an array or the bytes of a file.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Input = Mapping[str, NDArray[Any]]
Way = Callable[[Input], NDArray[Any] | bytes]


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to do.

    Attributes:
        way: in `WAYS`.
        inputs: .npz files.
        out: folder for the results, by the inputs' names.
        model: u2netp.onnx; empty where no segmenter is wanted.
    """

    way: str
    inputs: list[str]
    out: str
    model: str = ""


# -- denoise -----------------------------------------------------------------------------------------------------------


def _denoise(method: str, task: Task) -> Way:
    from imgflow.photos.picture import Picture
    from imgflow.recipe import DenoiseConfig
    from imgflow.stages.denoise.stage import denoise

    config = DenoiseConfig(method=method)
    return lambda given: denoise(Picture(given["photo"]), config).picture.rgb


def _literal_denoise(task: Task) -> Way:
    from imgflow_tests.benchmarks import literal

    return lambda given: literal.denoise(given["photo"])


# -- shadow ------------------------------------------------------------------------------------------------------------


def _shadow(task: Task) -> Way:
    from imgflow.photos.picture import Picture
    from imgflow.recipe import ShadowConfig
    from imgflow.stages.shadow.stage import remove_shadow

    segmenter = _segmenter(task)
    return lambda given: remove_shadow(Picture(given["photo"]), ShadowConfig(), segmenter).picture.rgb


def _literal_shadow(task: Task) -> Way:
    from imgflow_tests.benchmarks import literal

    return lambda given: literal.remove_shadow(given["photo"])


# -- matte: H x W, uint8 -----------------------------------------------------------------------------------------------


def _matte(task: Task) -> Way:
    """Colours and alpha: H x W x 4."""
    from imgflow.photos.picture import Picture
    from imgflow.recipe import MatteConfig
    from imgflow.stages.matte.stage import matte

    segmenter = _segmenter(task)
    return lambda given: matte(Picture(given["photo"]), MatteConfig(), segmenter).picture.rgba


def _raw_mask(task: Task) -> Way:
    from imgflow_tests.benchmarks import literal

    session = _session(task)
    return lambda given: literal.segment(session, given["photo"])


def _literal_matte(task: Task) -> Way:
    from imgflow_tests.benchmarks import literal

    session = _session(task)

    def run(given: Input) -> NDArray[Any]:
        mask = literal.segment(session, given["photo"])
        regions = literal.trimap(mask)
        if not (regions == 1).any() or not (regions == 0).any():
            # The solver refuses such a trimap: what is not sure is lost.
            return np.where(regions == 1, 255, 0).astype(np.uint8)
        return literal.refine(given["photo"], mask)

    return run


# -- closed form alone -------------------------------------------------------------------------------------------------


def _solve(task: Task) -> Way:
    from imgflow.stages.matte.closed_form.solve import solve_alpha

    def run(given: Input) -> NDArray[Any]:
        guess = given["mask"].astype(np.float32) / 255
        return solve_alpha(given["photo"], given["trimap"], guess, float(given["band"])).alpha

    return run


def _solve_firmly(task: Task) -> Way:
    from imgflow.stages.matte.edges.firm_edges import firm_edges

    solve = _solve(task)
    return lambda given: firm_edges(given["photo"], given["trimap"], np.asarray(solve(given)))


def _literal_solve(task: Task) -> Way:
    from pymatting import estimate_alpha_cf

    return lambda given: estimate_alpha_cf(given["photo"] / 255.0, given["trimap"] / 255.0).astype(np.float32)


# -- colours -----------------------------------------------------------------------------------------------------------


def _colours(task: Task) -> Way:
    from imgflow.stages.matte.edges.foreground import clean_colours

    return lambda given: clean_colours(given["photo"], given["alpha"])


def _pymatting_colours(task: Task) -> Way:
    """As rembg -a does it."""
    from pymatting import estimate_foreground_ml

    def run(given: Input) -> NDArray[Any]:
        colours = estimate_foreground_ml(given["photo"] / 255.0, given["alpha"] / 255.0)
        return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)

    return run


# -- encode ------------------------------------------------------------------------------------------------------------


def _encode(changes: Mapping[str, Any], task: Task) -> Way:
    from imgflow.photos.encode import encode
    from imgflow.photos.picture import Picture
    from imgflow.recipe import PublishConfig

    config = PublishConfig(**changes)
    return lambda given: encode(Picture(given["cutout"][..., :3], given["cutout"][..., 3]), config)


def _pillow(options: Mapping[str, Any], task: Task) -> Way:
    def run(given: Input) -> bytes:
        image = Image.fromarray(given["cutout"])
        if options["format"] == "JPEG":
            ground = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(ground, image).convert("RGB")
        file = io.BytesIO()
        image.save(file, **options)
        return file.getvalue()

    return run


def _segmenter(task: Task) -> Any:
    from imgflow.models.loader import load_model
    from imgflow.models.registry import find_model
    from imgflow.models.runtime import Runtime

    return load_model(find_model("u2netp"), Path(task.model).parent, Runtime())


def _session(task: Task) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(task.model, providers=["CPUExecutionProvider"])


ENCODED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "PNG": ({"format": "png"}, {"format": "PNG", "compress_level": 6}),
    "WebP, lossless": ({"format": "webp"}, {"format": "WEBP", "lossless": True, "exact": True}),
    "WebP, lossy 95": ({"format": "webp", "lossless": False}, {"format": "WEBP", "quality": 95}),
    "JPEG 95 on white": ({"format": "jpeg"}, {"format": "JPEG", "quality": 95}),
}
"""By name: how imgflow's recipe and how Pillow's `save` are told."""


def _bound(function: Callable[[Any, Task], Way], value: Any) -> Callable[[Task], Way]:
    return lambda task: function(value, task)


WAYS: dict[str, Callable[[Task], Way]] = {
    "denoise": _bound(_denoise, "auto"),
    "denoise, bilateral": _bound(_denoise, "bilateral"),
    "denoise, literal": _literal_denoise,
    "shadow": _shadow,
    "shadow, literal": _literal_shadow,
    "matte": _matte,
    "matte, raw mask": _raw_mask,
    "matte, literal": _literal_matte,
    "solver": _solve,
    "solver, firm edges": _solve_firmly,
    "solver, literal": _literal_solve,
    "colour": _colours,
    "colour, pymatting": _pymatting_colours,
    **{f"encode {name}": _bound(_encode, ours) for name, (ours, _) in ENCODED.items()},
    **{f"encode {name}, Pillow": _bound(_pillow, theirs) for name, (_, theirs) in ENCODED.items()},
}
"""By name: what prepares it."""
