"""Colours at soft edges: mean ΔE against the true cutout in its soft edge, laid on black, white, green and red.

With the true alpha, colours alone are judged; with imgflow's own, what a person sees. How near an alpha must be for its
colours to count shows the true one, moved by a twentieth of a pixel.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imgflow.samples import SCENES
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import GROUNDS, Bytes, Floats, edge_colour
from imgflow_tests.benchmarks.pictures.bench import Bench, bench, mean, timing
from imgflow_tests.benchmarks.pictures.inputs import LARGE, scenes, write

OURS, PYMATTING, MATTE = "colour", "colour, pymatting", "matte"

MOVED = 0.05
"""Pixels."""

QUICK_SCENES = ("bicycle", "plush", "mug", "jug")


def rows(options: Options) -> Iterator[Row]:
    """Speed at 12 MP, then both kinds of figures."""
    with bench(options) as prepared:
        large = 1 if options.quick else 12
        ran = prepared.run((OURS, PYMATTING), scenes(prepared.scratch / "speed", large, LARGE[1:2]))
        yield timing(f"colour, {large} MP; reference: pymatting's multi-level", ran[OURS], ran[PYMATTING])
        names = QUICK_SCENES if options.quick else tuple(SCENES)
        for megapixels in (0.3,) if options.quick else (0.5, 2):
            files = scenes(prepared.scratch / f"{megapixels}", megapixels, names)
            yield _true_alpha(prepared, megapixels, files)
            yield _moved_alpha(prepared, megapixels, files)
            if prepared.model:
                yield _own_alpha(prepared, megapixels, files)


def _true_alpha(prepared: Bench, megapixels: float, files: Sequence[Path]) -> Row:
    ran = prepared.run((OURS, PYMATTING), files, 1)
    given = [np.load(file) for file in files]
    raw = [_error(file, scene["photo"], scene["alpha"]) for file, scene in zip(files, given, strict=True)]
    ours, theirs = (
        [_error(file, ran[way].result(file), scene["alpha"]) for file, scene in zip(files, given, strict=True)]
        for way in (OURS, PYMATTING)
    )
    name = f"colour, {len(files)} scenes of {megapixels} MP, true alpha; reference: pymatting's multi-level"
    return timing(name, ran[OURS], ran[PYMATTING], _figures(raw, ours) | _reference(raw, theirs))


def _moved_alpha(prepared: Bench, megapixels: float, files: Sequence[Path]) -> Row:
    folder, raw, moved = prepared.scratch / f"moved-{megapixels}", list[dict[str, float]](), list[Path]()
    for file in files:
        scene = np.load(file)
        alpha = (1 - MOVED) * scene["alpha"] + MOVED * np.roll(scene["alpha"], 1, axis=1)
        alpha = np.rint(alpha).astype(np.uint8)
        raw.append(_error(file, scene["photo"], alpha))
        moved.append(write(folder, file.stem, photo=scene["photo"], alpha=alpha))
    ran = prepared.run((OURS,), moved, 1)
    ours = [_error(file, ran[OURS].result(one), np.load(one)["alpha"]) for file, one in zip(files, moved, strict=True)]
    name = f"colour, {len(files)} scenes of {megapixels} MP, true alpha moved by {MOVED} pixels"
    return Row(name, figures=_figures(raw, ours))


def _own_alpha(prepared: Bench, megapixels: float, files: Sequence[Path]) -> Row:
    ran = prepared.run((MATTE,), files, 1)
    cutouts = [ran[MATTE].result(file) for file in files]
    raw = [_error(file, np.load(file)["photo"], cutout[..., 3]) for file, cutout in zip(files, cutouts, strict=True)]
    ours = [_error(file, cutout[..., :3], cutout[..., 3]) for file, cutout in zip(files, cutouts, strict=True)]
    return Row(f"colour, {len(files)} scenes of {megapixels} MP, own alpha", figures=_figures(raw, ours))


def _error(file: Path, colours: Bytes, alpha: Bytes) -> dict[str, float]:
    """ΔE, by ground, of colours with an alpha (0 to 255) against the truth in a scene's file."""
    scene = np.load(file)
    truth: tuple[Bytes, Floats] = scene["foreground"], scene["alpha"].astype(np.float32) / 255
    return edge_colour(colours, alpha.astype(np.float32) / 255, *truth)


def _figures(raw: Sequence[dict[str, float]], ours: Sequence[dict[str, float]]) -> dict[str, float | str]:
    """Means over the scenes, by ground; `smaller` is how many times the raw colours' ΔE is ours."""
    figures: dict[str, float | str] = {"times smaller": _all(raw) / _all(ours), "raw dE": _all(raw), "dE": _all(ours)}
    for ground in GROUNDS:
        figures[f"{ground}: raw"] = mean([one[ground] for one in raw])
        figures[ground] = mean([one[ground] for one in ours])
    return figures


def _reference(raw: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> dict[str, float | str]:
    return {"reference times smaller": _all(raw) / _all(theirs), "reference dE": _all(theirs)}


def _all(told: Sequence[dict[str, float]]) -> float:
    return mean([one[ground] for one in told for ground in GROUNDS])
