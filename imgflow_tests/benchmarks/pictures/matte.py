"""Alpha with u2netp: imgflow's against the raw mask, the literal 20 px closed form and rembg -a, on the same photos.

Figures are means: SAD in thousands, IoU of what is more than half opaque, and the mean error of alpha at the truth's
soft edge (0 for truths that are coarse masks: they say nothing of edges). `worse than` counts the photos for which
imgflow's SAD is larger, or its IoU smaller by more than 0.001.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imgflow.samples import SCENES
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import Floats, edge_error, iou, sad
from imgflow_tests.benchmarks.pictures.bench import Bench, bench, mean, timing
from imgflow_tests.benchmarks.pictures.drawn import PRODUCTS, drawn, on_every_ground
from imgflow_tests.benchmarks.pictures.inputs import LARGE, matte_pairs, scenes
from imgflow_tests.benchmarks.rembg_program import Rembg, install_rembg

OURS, RAW, LITERAL = "matte", "matte, raw mask", "matte, literal"
LABELS = {OURS: "", RAW: "raw ", LITERAL: "literal "}

QUICK_SCENES = ("bicycle", "mug", "tumbler", "scissors")
QUICK_DRAWN = ("wheel-grey", "chair-blue", "mug-wood")


def rows(options: Options) -> Iterator[Row]:
    """Rendered scenes in all sizes, drawings, then real photos with masks or alpha, where they are present."""
    with bench(options) as prepared:
        if prepared.model is None:
            return
        # rembg compiles pymatting's kernels first, which takes longer than all else here.
        rembg = None if options.quick else install_rembg(prepared.scratch, prepared.model, options)
        for megapixels, names in _sizes(options).items():
            files = scenes(prepared.scratch / f"{megapixels}", megapixels, names)
            yield _row(prepared, f"{len(files)} scenes of {megapixels} MP", files, rembg)
        yield _drawn_row(prepared, QUICK_DRAWN if options.quick else on_every_ground(PRODUCTS))
        pairs = matte_pairs(prepared.scratch / "photos")
        if options.quick:
            pairs = pairs[:: max(1, len(pairs) // 3)]
        if pairs:
            yield _row(prepared, f"{len(pairs)} real photos with masks or alpha", pairs, rembg)
        else:
            options.note("matte: no real photos with masks are present")


def _sizes(options: Options) -> dict[float, Sequence[str]]:
    """Scenes by megapixels."""
    if options.quick:
        return {0.1: QUICK_SCENES, 0.5: QUICK_SCENES[:2]}
    return {0.1: tuple(SCENES), 0.5: tuple(SCENES), 2: tuple(SCENES), 12: (*LARGE, "mug", "tumbler")}


def _row(prepared: Bench, name: str, files: Sequence[Path], rembg: Rembg | None) -> Row:
    ran = prepared.run((OURS, RAW, LITERAL), files, 1)
    truths = {file.stem: _share(np.load(file)["alpha"]) for file in files}
    found = {label: {file.stem: _alpha(ran[way].result(file)) for file in files} for way, label in LABELS.items()}
    if rembg:
        found["rembg -a "] = _rembg(prepared, rembg, files)
    figures = _figures({label: _Told.of(alphas, truths) for label, alphas in found.items()})
    return timing(f"matte, {name}; reference: literal 20 px closed form", ran[OURS], ran[LITERAL], figures)


def _drawn_row(prepared: Bench, names: Sequence[str]) -> Row:
    """Against the raw mask alone."""
    files = drawn(prepared.scratch / "drawn", names)
    ran = prepared.run((OURS, RAW), files, 1)
    truths = {file.stem: _share(np.load(file)["alpha"]) for file in files}
    told = {LABELS[way]: _Told.of({file.stem: _alpha(ran[way].result(file)) for file in files}, truths) for way in ran}
    figures = _figures(told)
    figures["SAD, geometric mean of the ratio to raw"] = float(
        np.exp(np.mean(np.log(np.array(told[""].sad) + 0.1) - np.log(np.array(told["raw "].sad) + 0.1)))
    )
    return timing(f"matte, {len(files)} drawings; reference: raw mask", ran[OURS], ran[RAW], figures)


def _figures(told: dict[str, "_Told"]) -> dict[str, float | str]:
    """Means of each, by its label; and how many photos are worse than theirs in ours, whose label is empty."""
    figures: dict[str, float | str] = {}
    for label, theirs in told.items():
        figures |= {
            f"{label}SAD/1000": mean(theirs.sad),
            f"{label}IoU": mean(theirs.iou),
            f"{label}edge error": mean(theirs.edge),
        }
    for label, theirs in told.items():
        if label:
            figures[f"worse than {label.strip()}"] = told[""].worse_than(theirs)
    return figures


@dataclass(frozen=True)
class _Told:
    """Figures of each photo."""

    sad: list[float]
    iou: list[float]
    edge: list[float]

    @staticmethod
    def of(found: dict[str, Floats], truths: dict[str, Floats]) -> "_Told":
        pairs = [(found[name], truth) for name, truth in truths.items()]
        return _Told(*([figure(alpha, truth) for alpha, truth in pairs] for figure in (sad, iou, edge_error)))

    def worse_than(self, other: "_Told") -> int:
        """Photos with a larger SAD, or an IoU smaller by more than 0.001."""
        return sum(self.sad[k] > other.sad[k] or self.iou[k] < other.iou[k] - 0.001 for k in range(len(self.sad)))


def _rembg(prepared: Bench, rembg: Rembg, files: Sequence[Path]) -> dict[str, Floats]:
    photos = prepared.scratch / f"rembg-{files[0].parent.name}"
    photos.mkdir()
    for file in files:
        Image.fromarray(np.load(file)["photo"]).save(photos / f"{file.stem}.png", compress_level=1)
    prepared.options.note(f"pictures: {len(files)} x rembg p -a")
    out = photos.with_name(f"{photos.name}-out")
    rembg.run(photos, out, matting=True)
    return {file.stem: _share(np.asarray(Image.open(out / f"{file.stem}.png").getchannel("A"))) for file in files}


def _alpha(result: np.ndarray) -> Floats:
    return _share(result if result.ndim == 2 else result[..., 3])


def _share(alpha: np.ndarray) -> Floats:
    return alpha.astype(np.float32) / 255
