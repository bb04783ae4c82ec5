"""Closed-form matting alone: the same photo and trimap to imgflow's solver and to pymatting's.

The trimap is the literal one, 20 px to either side of u2netp's mask. imgflow's solver also gets the mask, as prior.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from imgflow_tests.benchmarks import literal
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import sad
from imgflow_tests.benchmarks.pictures.bench import Bench, bench, timing
from imgflow_tests.benchmarks.pictures.inputs import LARGE, scenes, write

OURS, LITERAL = "solver", "solver, literal"

NEEDS = 0.6e9
"""Bytes that pymatting takes for each megapixel of such a photo, rounded up (measured: 12 GB for 24 MP)."""


def rows(options: Options) -> Iterator[Row]:
    """At 12 and 24 MP; pymatting only where its memory is free."""
    with bench(options) as prepared:
        if prepared.model is None:
            return
        for megapixels in (0.5,) if options.quick else (12, 24):
            yield _row(prepared, megapixels, LARGE[0])


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
