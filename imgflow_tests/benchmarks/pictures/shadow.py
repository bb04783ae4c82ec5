"""Shadow removal: imgflow's against the literal LAB rule, on rendered scenes.

The scenes are without noise, as after denoising; the truth is the scene without its shadow.

| figure | mean ΔE |
|---|---|
| product | of what is at least half product, to the photo as it was |
| ground | of the shadowed ground to the truth, before and after |
| rim | the same next to the product, up to 0.6 % of the longer side |
| lit ground | of the ground without shadow, to the photo as it was |

`texture` is the share of the truth's local contrast that the ground keeps where it was in shadow: 1 is all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgflow.samples import SCENES
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import Bytes, Flags, Floats, delta_e, rim, texture_kept
from imgflow_tests.benchmarks.pictures.bench import Bench, bench, mean, timing
from imgflow_tests.benchmarks.pictures.drawn import TEXTURED, drawn, on_every_ground
from imgflow_tests.benchmarks.pictures.inputs import LARGE, scenes

OURS, LITERAL = "shadow", "shadow, literal"

SHADOWED, LIT = 3.0, 1.0
"""ΔE between the scene with and without its shadow, above which ground is in shadow, and below which it is lit."""

RIM = (1.0, 0.006)
"""Nearest pixel, and farthest as a share of the longer side."""

GROUPS = {
    "dark products": ("camera", "backpack", "bicycle"),
    "white on white": ("jug",),
    "thin parts": ("bicycle", "chair", "scissors"),
    "all": tuple(SCENES),
}
STANDING = ("box", "mug", "wheel", "bottle", "ball", "shoe")
QUICK_DRAWN = ("shoe-white", "ball-table")
QUICK_GROUPS = {"4 scenes": ("camera", "jug", "scissors", "sneaker")}


@dataclass(frozen=True)
class _Scene:
    """What is measured where, of one scene."""

    photo: Bytes
    truth: Bytes
    product: Flags
    ground: Flags
    lit: Flags
    rim: Flags


def rows(options: Options) -> Iterator[Row]:
    """Speed at 12 MP (ours with its segmenter), then figures for groups of scenes, and for drawings by their ground."""
    with bench(options) as prepared:
        if prepared.model is None:
            return
        large = 1 if options.quick else 12
        ran = prepared.run((OURS, LITERAL), scenes(prepared.scratch / "speed", large, LARGE[:1], noise=False))
        yield timing(f"shadow, {large} MP, with u2netp; reference: literal LAB rule", ran[OURS], ran[LITERAL])
        groups = QUICK_GROUPS if options.quick else GROUPS
        names = sorted({name for group in groups.values() for name in group})
        files = dict(
            zip(
                names, scenes(prepared.scratch / "scenes", 0.5 if options.quick else 2, names, noise=False), strict=True
            )
        )
        ran = prepared.run((OURS, LITERAL), list(files.values()), 1)
        ours, theirs = (_told(files, {name: ran[way].result(files[name]) for name in names}) for way in (OURS, LITERAL))
        for group, members in groups.items():
            figures: dict[str, float | str] = {"scenes": len(members)}
            figures |= _means("", ours, members) | _means("reference ", theirs, members)
            yield Row(f"shadow, {group}; reference: literal LAB rule", figures=figures)
        yield from _drawn_rows(prepared, QUICK_DRAWN if options.quick else on_every_ground(STANDING))


def _drawn_rows(prepared: Bench, names: Sequence[str]) -> Iterator[Row]:
    """A row for each ground."""
    files = dict(zip(names, drawn(prepared.scratch / "drawn", names, noise=0), strict=True))
    ran = prepared.run((OURS,), list(files.values()), 1)
    told = _told(files, {name: ran[OURS].result(file) for name, file in files.items()})
    for ground in dict.fromkeys(name.split("-")[1] for name in names):
        members = [name for name in names if name.endswith(f"-{ground}")]
        figures = {"drawings": len(members), **_means("", told, members)}
        if ground not in TEXTURED:
            del figures["texture"]
        yield Row(f"shadow, drawn on {ground}", figures=figures)


def _told(files: dict[str, Path], results: dict[str, Bytes]) -> dict[str, dict[str, float]]:
    return {name: _figures(_scene(files[name]), result) for name, result in results.items()}


def _scene(file: Path) -> _Scene:
    given = np.load(file)
    photo, truth = given["photo"], given["lit"]
    alpha = given["alpha"].astype(np.float32) / 255
    shade, empty = delta_e(photo, truth), alpha == 0
    near = rim(alpha, RIM[0], RIM[1] * max(alpha.shape))
    shadowed = empty & (shade > SHADOWED)
    return _Scene(photo, truth, alpha >= 0.5, shadowed, empty & (shade < LIT), near & shadowed)


def _figures(scene: _Scene, result: Bytes) -> dict[str, float]:
    before, after = delta_e(scene.photo, scene.truth), delta_e(result, scene.truth)
    moved = delta_e(result, scene.photo)
    return {
        "product dE": _within(moved, scene.product),
        "ground dE before": _within(before, scene.ground),
        "ground dE": _within(after, scene.ground),
        "rim dE before": _within(before, scene.rim),
        "rim dE": _within(after, scene.rim),
        "lit ground dE": _within(moved, scene.lit),
        "texture": texture_kept(result, scene.truth, scene.ground),
    }


def _within(values: Floats, where: Flags) -> float:
    """Mean; of nothing, nothing differs."""
    return float(values[where].mean()) if where.any() else 0.0


def _means(label: str, told: dict[str, dict[str, float]], members: Sequence[str]) -> dict[str, float | str]:
    chosen = [told[name] for name in members]
    means = {key: mean([one[key] for one in chosen]) for key in chosen[0]}
    removed = [1 - one["ground dE"] / one["ground dE before"] for one in chosen]
    worst = {
        "product dE worst": max(one["product dE"] for one in chosen),
        "shadow removed %": 100 * mean(removed),
        "least removed %": 100 * min(removed),
    }
    both = means | worst
    if label:  # what was before is the same for both
        both = {key: value for key, value in both.items() if not key.endswith("before")}
    return {f"{label}{key}": value for key, value in both.items()}
