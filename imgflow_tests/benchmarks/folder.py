"""A folder of photos: `imgflow process` against the literal pipeline and, where it can be installed, rembg.

All variants get the same photo files and write PNGs. Besides the whole folder, one photo of it is done in a process of
its own; what each further photo takes is the difference of the two.
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

PHOTOS = ("bicycle", "plush", "sneaker", "mug", "camera", "bottle", "scissors", "watch")
MEGAPIXELS = 12
QUICK_PHOTOS = ("mug", "camera", "scissors")
QUICK_MEGAPIXELS = 0.3

MASK_ONLY = ("--steps", "matte", "--set", "matte.refine=none", "--set", "matte.second_look=off")

PAIRS = (
    ("imgflow", "literal"),
    ("imgflow", "rembg p"),
    ("imgflow", "rembg p -a"),
    ("imgflow, mask only", "rembg p"),
)
"""What is compared: the default recipe, and the segmenter's mask as it is."""

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


Runs = dict[str, list[Measured]]


def rows(options: Options) -> Iterator[Row]:
    """imgflow against each reference: the folder with the accuracy of both, and one photo in a fresh process."""
    try:
        model = ModelStore(load_settings().models_location).ensure("u2netp") / "u2netp.onnx"
    except ModelUnavailableError as error:
        options.note(f"folder: left out: {error}")
        return
    with tempfile.TemporaryDirectory(prefix="imgflow-folder-") as scratch:
        folder = _render(Path(scratch), options)
        one = _first_of(folder, Path(scratch, "one"))
        rembg = install_rembg(Path(scratch), model, options)
        variants, single = _variants(folder, model, rembg), _variants(one, model, rembg)
        options.note(f"folder: one photo and {folder.count}, {options.repetitions} times {', '.join(variants)}")
        alone, runs = interleaved(single, options.repetitions), interleaved(variants, options.repetitions)
        accuracy = {variant: folder.accuracy(variant) for variant in variants}
        for ours, theirs in PAIRS:
            if theirs not in variants:
                continue
            title = f"of {folder.megapixels:g} MP: {ours}; reference: {theirs}"
            yield _row(f"one photo {title}", alone[ours], alone[theirs], {})
            figures = _each_further(folder.count, alone, runs, ours, theirs)
            for label, key in FIGURES.items():
                figures |= {label: accuracy[ours][key], f"reference {label}": accuracy[theirs][key]}
            yield _row(f"{folder.count} photos {title}", runs[ours], runs[theirs], figures)


def _row(name: str, ours: Sequence[Measured], theirs: Sequence[Measured], figures: dict[str, float]) -> Row:
    cpu, reference_cpu = median_cpu_seconds(ours), median_cpu_seconds(theirs)
    told = {
        "CPU s": cpu,
        "reference CPU s": reference_cpu,
        "times faster": median_seconds(theirs) / median_seconds(ours),
    }
    told["times less CPU"] = reference_cpu / cpu
    memory, reference_memory = peak_memory(ours), peak_memory(theirs)
    return Row(name, median_seconds(ours), median_seconds(theirs), memory, reference_memory, told | figures)


def _each_further(count: int, alone: Runs, runs: Runs, ours: str, theirs: str) -> dict[str, float]:
    """Seconds of a photo when all is loaded."""
    figures: dict[str, float] = {}
    for label, variant in (("", ours), ("reference ", theirs)):
        for name, median in (("s", median_seconds), ("CPU s", median_cpu_seconds)):
            figures[f"{label}{name} each further"] = (median(runs[variant]) - median(alone[variant])) / (count - 1)
    return figures


def _render(place: Path, options: Options) -> _Folder:
    names = QUICK_PHOTOS if options.quick else PHOTOS
    megapixels = QUICK_MEGAPIXELS if options.quick else MEGAPIXELS
    options.note(f"folder: rendering {len(names)} photos")
    folder = _Folder(place, place / "photos", len(names), megapixels)
    measure([sys.executable, "-c", _RENDER, str(folder.photos), str(place / "truth"), str(megapixels), *names])
    return folder


def _first_of(folder: _Folder, place: Path) -> _Folder:
    one = _Folder(place, place / "photos", 1, folder.megapixels)
    one.photos.mkdir(parents=True)
    first = min(folder.photos.iterdir())
    (one.photos / first.name).write_bytes(first.read_bytes())
    return one


def _variants(folder: _Folder, model: Path, rembg: Rembg | None) -> dict[str, Callable[[], Measured]]:
    variants: dict[str, Callable[[], Measured]] = {
        "imgflow": partial(_imgflow, folder, "imgflow"),
        "imgflow, mask only": partial(_imgflow, folder, "imgflow, mask only", *MASK_ONLY),
        "literal": partial(_literal, folder, model),
    }
    if rembg:
        variants |= {
            "rembg p": partial(_rembg, folder, rembg, "rembg p", False),
            "rembg p -a": partial(_rembg, folder, rembg, "rembg p -a", True),
        }
    return variants


def _imgflow(folder: _Folder, variant: str, *options: str) -> Measured:
    program = str(Path(sys.executable).with_name("imgflow"))
    out = str(folder.emptied(variant))
    return measure([program, "process", str(folder.photos), "--out", out, "--set", "matte.model=u2netp", *options])


def _literal(folder: _Folder, model: Path) -> Measured:
    out = str(folder.emptied("literal"))
    return measure([sys.executable, "-m", "imgflow_tests.benchmarks.literal", str(folder.photos), out, str(model)])


def _rembg(folder: _Folder, rembg: Rembg, variant: str, matting: bool) -> Measured:
    return rembg.run(folder.photos, folder.emptied(variant), matting)
