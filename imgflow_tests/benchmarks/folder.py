"""A folder of photos: `imgflow process` against the literal pipeline and, where it can be installed, rembg.

All variants get the same photo files and write PNGs, each in a process of its own: its start counts.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imgflow.errors import ModelUnavailableError
from imgflow.models.store import ModelStore
from imgflow.settings import load_settings
from imgflow_tests.benchmarks.frame import (
    Measured,
    Options,
    Row,
    interleaved,
    measure,
    median_cpu_seconds,
    median_seconds,
    peak_memory,
)
from imgflow_tests.benchmarks.rembg_program import Rembg, install_rembg

PHOTOS = ("backpack", "bicycle", "bottle", "plush")
LITERAL_PHOTOS = ("bottle", "plush")
"""Those that the literal pipeline is given: its closed form takes more than three minutes for the bicycle alone."""
MEGAPIXELS = 12
QUICK_PHOTOS = ("mug", "camera", "scissors")
QUICK_MEGAPIXELS = 0.3

MASK_ONLY = ("--steps", "matte", "--set", "matte.refine=none", "--set", "matte.second_look=off")

PAIRS = (
    ("imgflow", "rembg p"),
    ("imgflow", "rembg p -a"),
    ("imgflow, mask only", "rembg p"),
)
"""What is compared: the default recipe, and the segmenter's mask as it is."""

SLOW = ("literal", "rembg p -a")
"""Variants that take minutes: they are run once, however often the others are."""

FIGURES = {"SAD/1000": "sad", "IoU": "iou", "edge error": "edge", "edge dE": "edge_delta_e"}
"""Figures of a row, as `accuracy.py` calls them."""

_RENDER = """
import sys
from pathlib import Path
from imgflow.samples import SCENES, render, write_truth
from imgflow.samples.files import encoded
photos, truth, megapixels, *names = sys.argv[1:]
Path(photos).mkdir()
for name in names:
    file = Path(photos, name + Path(SCENES[name].file).suffix)
    file.write_bytes(encoded(render(name, megapixels=float(megapixels)), SCENES[name]))
write_truth(Path(truth), names, float(megapixels))
"""


@dataclass(frozen=True)
class _Folder:
    """Photos, their truth, and where each variant writes."""

    place: Path
    photos: Path
    count: int
    megapixels: float

    def out(self, variant: str) -> Path:
        return self.place / variant.replace(" ", "_")

    def emptied(self, variant: str) -> Path:
        """Without the results of an earlier run, which rembg would leave as they are."""
        shutil.rmtree(self.out(variant), ignore_errors=True)
        return self.out(variant)

    def accuracy(self, variant: str) -> dict[str, float]:
        command = [sys.executable, "-m", "imgflow_tests.benchmarks.accuracy", self.out(variant), self.place / "truth"]
        return json.loads(measure([str(part) for part in command]).output)


def rows(options: Options) -> Iterator[Row]:
    """imgflow against each reference: seconds, memory, and how far both are from the truth."""
    try:
        model = ModelStore(load_settings().models_location).ensure("u2netp") / "u2netp.onnx"
    except ModelUnavailableError as error:
        options.note(f"folder: left out: {error}")
        return
    with tempfile.TemporaryDirectory(prefix="imgflow-folder-") as scratch:
        place = Path(scratch)
        names = QUICK_PHOTOS if options.quick else PHOTOS
        folder = _render(place / "all", names, options)
        few = _render(place / "few", QUICK_PHOTOS if options.quick else LITERAL_PHOTOS, options)
        yield from _compared(few, _imgflow_and_literal(few, model), [("imgflow", "literal")], options)
        rembg = install_rembg(place, model, options)
        if rembg:
            yield from _compared(folder, _imgflow_and_rembg(folder, rembg), PAIRS, options)


def _compared(
    folder: _Folder, variants: dict[str, Callable[[], Measured]], pairs: Sequence[tuple[str, str]], options: Options
) -> Iterator[Row]:
    options.note(f"folder: {folder.count} photos, {', '.join(variants)}")
    runs = interleaved(variants, 1)
    quick = {name: run for name, run in variants.items() if name not in SLOW}
    again = interleaved(quick, options.repetitions - 1)
    runs = {name: runs[name] + again.get(name, []) for name in variants}
    accuracy = {variant: folder.accuracy(variant) for variant in variants}
    for ours, theirs in pairs:
        name = f"{folder.count} photos of {folder.megapixels:g} MP: {ours}; reference: {theirs}"
        yield _row(name, runs[ours], runs[theirs], accuracy[ours], accuracy[theirs])


def _row(
    name: str,
    ours: Sequence[Measured],
    theirs: Sequence[Measured],
    accuracy: dict[str, float],
    reference_accuracy: dict[str, float],
) -> Row:
    cpu, reference_cpu = median_cpu_seconds(ours), median_cpu_seconds(theirs)
    figures: dict[str, float] = {}
    for label, key in FIGURES.items():
        figures |= {label: accuracy[key], f"reference {label}": reference_accuracy[key]}
    told = {
        "CPU s": cpu,
        "reference CPU s": reference_cpu,
        "times faster": median_seconds(theirs) / median_seconds(ours),
    }
    told["times less CPU"] = reference_cpu / cpu
    memory, reference_memory = peak_memory(ours), peak_memory(theirs)
    return Row(name, median_seconds(ours), median_seconds(theirs), memory, reference_memory, told | figures)


def _render(place: Path, names: Sequence[str], options: Options) -> _Folder:
    megapixels = QUICK_MEGAPIXELS if options.quick else MEGAPIXELS
    options.note(f"folder: rendering {len(names)} photos")
    place.mkdir()
    folder = _Folder(place, place / "photos", len(names), megapixels)
    measure([sys.executable, "-c", _RENDER, str(folder.photos), str(place / "truth"), str(megapixels), *names])
    return folder


def _imgflow_and_literal(folder: _Folder, model: Path) -> dict[str, Callable[[], Measured]]:
    return {"imgflow": partial(_imgflow, folder, "imgflow"), "literal": partial(_literal, folder, model)}


def _imgflow_and_rembg(folder: _Folder, rembg: Rembg) -> dict[str, Callable[[], Measured]]:
    return {
        "imgflow": partial(_imgflow, folder, "imgflow"),
        "imgflow, mask only": partial(_imgflow, folder, "imgflow, mask only", *MASK_ONLY),
        "rembg p": partial(_rembg, folder, rembg, "rembg p", False),
        "rembg p -a": partial(_rembg, folder, rembg, "rembg p -a", True),
    }


def _imgflow(folder: _Folder, variant: str, *options: str) -> Measured:
    program = str(Path(sys.executable).with_name("imgflow"))
    out = str(folder.emptied(variant))
    return measure([program, "process", str(folder.photos), "--out", out, "--set", "matte.model=u2netp", *options])


def _literal(folder: _Folder, model: Path) -> Measured:
    out = str(folder.emptied("literal"))
    return measure([sys.executable, "-m", "imgflow_tests.benchmarks.literal", str(folder.photos), out, str(model)])


def _rembg(folder: _Folder, rembg: Rembg, variant: str, matting: bool) -> Measured:
    return rembg.run(folder.photos, folder.emptied(variant), matting)
