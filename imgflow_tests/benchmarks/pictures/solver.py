"""Closed-form matting alone: the same photo and trimap to imgflow's solver and to pymatting's.

At 12 and 24 MP the trimap is the literal one, 20 px to either side of u2netp's mask; imgflow's solver also
gets the mask, as prior. For all scenes, smaller, both are made from the truth, so that the solvers alone are judged.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import psutil

from imgflow.recipe import MatteConfig
from imgflow.samples import SCENES
from imgflow.stages.matte.trimap import trimap
from imgflow_tests.benchmarks import literal
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import sad
from imgflow_tests.benchmarks.pictures.bench import Bench, bench, timing
from imgflow_tests.benchmarks.pictures.inputs import LARGE, scenes, write

OURS, FIRM, LITERAL = "solver", "solver, firm edges", "solver, literal"

QUICK_SCENES = ("mug", "plush")

BLUR = 0.003
"""Sigma by which the truth is blurred, as a share of the longer side."""

ALIKE = 1.02
"""Times pymatting's error up to which a scene is no worse."""

NEEDS = 0.6e9
"""Bytes that pymatting takes for each megapixel of such a photo, rounded up (measured: 12 GB for 24 MP)."""


def rows(options: Options) -> Iterator[Row]:
    """All scenes; then one at 12 and 24 MP, with pymatting only where its memory is free."""
    with bench(options) as prepared:
        for megapixels in (0.1,) if options.quick else (0.5, 2):
            yield _near_truth(prepared, megapixels, QUICK_SCENES if options.quick else tuple(SCENES))
        if prepared.model is None:
            return
        for megapixels in (0.5,) if options.quick else (12, 24):
            yield _row(prepared, megapixels, LARGE[0])


def _near_truth(prepared: Bench, megapixels: float, names: Sequence[str]) -> Row:
    folder, given = prepared.scratch / f"near-{megapixels}", list[Path]()
    for file in scenes(folder, megapixels, names):
        scene = np.load(file)
        longer = max(scene["alpha"].shape)
        mask = cv2.GaussianBlur(scene["alpha"], (0, 0), BLUR * longer)
        band = MatteConfig().band * longer
        regions = trimap(mask.astype(np.float32) / 255, band)
        given.append(
            write(folder / "given", file.stem, photo=scene["photo"], trimap=regions, mask=mask, band=np.float32(band))
        )
    ran = prepared.run((OURS, FIRM, LITERAL), given, 1)
    figures: dict[str, float | str] = {}
    for label, way in (("", OURS), ("firm: ", FIRM)):
        ratios = {}
        for name, file in zip(names, given, strict=True):
            truth = np.load(folder / f"{name}.npz")["alpha"].astype(np.float32) / 255
            ratios[name] = sad(ran[way].result(file), truth) / sad(ran[LITERAL].result(file), truth)
        worst = max(ratios, key=lambda name: ratios[name])
        figures |= {
            f"{label}SAD ratio, geometric mean": float(np.exp(np.mean(np.log(list(ratios.values()))))),
            f"{label}worse": float(sum(ratio > ALIKE for ratio in ratios.values())),
            f"{label}worst": f"{worst} {ratios[worst]:.2f}",
        }
    name = f"solver, {len(names)} scenes of {megapixels} MP, trimap near the truth; reference: pymatting"
    return timing(name, ran[OURS], ran[LITERAL], figures)


def _row(prepared: Bench, megapixels: float, scene: str) -> Row:
    (file,) = scenes(prepared.scratch / f"{megapixels}", megapixels, [scene])
    mask = prepared.run(("matte, raw mask",), [file], 1)["matte, raw mask"].result(file)
    photo, truth = np.load(file)["photo"], np.load(file)["alpha"].astype(np.float32) / 255
    regions = np.rint(literal.trimap(mask) * 255).astype(np.uint8)
    given = _write(prepared, photo, regions, mask)
    enough = psutil.virtual_memory().available > NEEDS * megapixels
    if not enough:
        prepared.options.note(f"solver: too little free memory for pymatting at {megapixels} MP")
    ran = prepared.run((OURS, LITERAL) if enough else (OURS,), [given])
    figures: dict[str, float | str] = {
        "unknown %": 100 * float(((regions > 0) & (regions < 255)).mean()),
        "SAD/1000": sad(ran[OURS].result(given), truth),
    }
    if enough:
        theirs = ran[LITERAL].result(given)
        figures["reference SAD/1000"] = sad(theirs, truth)
        figures["mean difference"] = float(np.abs(ran[OURS].result(given) - theirs).mean())
    name = f"solver, {scene} of {megapixels} MP; reference: pymatting"
    return timing(name, ran[OURS], ran.get(LITERAL), figures)


def _write(prepared: Bench, photo: np.ndarray, regions: np.ndarray, mask: np.ndarray) -> Path:
    folder = prepared.scratch / f"trimap-{photo.shape[0]}"
    return write(folder, "given", photo=photo, trimap=regions, mask=mask, band=np.float32(literal.BAND))
