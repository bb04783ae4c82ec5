"""A folder of photos: `imgflow process` against the literal pipeline and, where it can be installed, rembg."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
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
from imgflow_tests.benchmarks.reference_environment import reference_environment

PHOTOS = ("bicycle", "plush", "sneaker", "mug", "camera", "bottle", "scissors", "watch")
MASK_ONLY = ("--steps", "matte", "--set", "matte.refine=none", "--set", "matte.second_look=off")

PAIRS = (
    ("imgflow", "literal"),
    ("imgflow", "rembg p"),
    ("imgflow", "rembg p -a"),
    ("imgflow, mask only", "rembg p"),
)
"""What is compared: the default recipe, and the segmenter's mask as it is."""

QUICK_PHOTOS = ("mug", "camera", "scissors")
QUICK_MEGAPIXELS = 0.3

_RENDER = """
import sys
from pathlib import Path
from imgflow.samples import SCENES, render, write_truth
from imgflow.samples.files import encoded
photos, truth, megapixels, *names = sys.argv[1:]
Path(photos).mkdir()
for name in names:
    file = Path(photos, name + Path(SCENES[name].file).suffix)
    file.write_bytes(encoded(render(name, megapixels=float(megapixels) or None), SCENES[name]))
write_truth(Path(truth), names, float(megapixels) or None)
"""


@dataclass(frozen=True)
class _Folder:
    """The photos, their truth, and where each variant writes."""

    place: Path
    count: int

    @property
    def photos(self) -> Path:
        return self.place / "photos"

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
    """imgflow against each reference; the accuracy of both."""
    try:
        model = ModelStore(load_settings().models_location).ensure("u2netp") / "u2netp.onnx"
    except ModelUnavailableError as error:
        options.note(f"folder: left out: {error}")
        return
    with tempfile.TemporaryDirectory(prefix="imgflow-folder-") as scratch:
        folder = _render(Path(scratch), options)
        variants: dict[str, Callable[[], Measured]] = {
            "imgflow": partial(_imgflow, folder, "imgflow"),
            "imgflow, mask only": partial(_imgflow, folder, "imgflow, mask only", *MASK_ONLY),
            "literal": partial(_literal, folder, model),
            **_rembg(Path(scratch), folder, model, options),
        }
        options.note(f"folder: {folder.count} photos, {options.repetitions} times {', '.join(variants)}")
        runs = interleaved(variants, options.repetitions)
        accuracy = {variant: folder.accuracy(variant) for variant in variants}
        for ours, theirs in PAIRS:
            if theirs not in variants:
                continue
            yield Row(
                f"{folder.count} photos: {ours}; reference: {theirs}",
                median_seconds(runs[ours]),
                median_seconds(runs[theirs]),
                peak_memory(runs[ours]),
                peak_memory(runs[theirs]),
                {
                    "CPU s": median_cpu_seconds(runs[ours]),
                    "reference CPU s": median_cpu_seconds(runs[theirs]),
                    "SAD/1000": accuracy[ours]["sad"],
                    "reference SAD/1000": accuracy[theirs]["sad"],
                    "IoU": accuracy[ours]["iou"],
                    "reference IoU": accuracy[theirs]["iou"],
                },
            )


def _render(place: Path, options: Options) -> _Folder:
    names = QUICK_PHOTOS if options.quick else PHOTOS
    options.note(f"folder: rendering {len(names)} photos")
    folder = _Folder(place, len(names))
    megapixels = QUICK_MEGAPIXELS if options.quick else 0
    measure([sys.executable, "-c", _RENDER, str(folder.photos), str(place / "truth"), str(megapixels), *names])
    return folder


def _imgflow(folder: _Folder, variant: str, *options: str) -> Measured:
    program = str(Path(sys.executable).with_name("imgflow"))
    out = str(folder.emptied(variant))
    return measure([program, "process", str(folder.photos), "--out", out, "--set", "matte.model=u2netp", *options])


def _literal(folder: _Folder, model: Path) -> Measured:
    out = str(folder.emptied("literal"))
    return measure([sys.executable, "-m", "imgflow_tests.benchmarks.literal", str(folder.photos), out, str(model)])


def _rembg(scratch: Path, folder: _Folder, model: Path, options: Options) -> dict[str, Callable[[], Measured]]:
    """`rembg p`, plain and with alpha matting, from an environment of its own; nothing if it cannot be installed."""
    place = scratch / "rembg-environment"
    try:
        options.note("folder: installing rembg into an environment of its own")
        reference_environment(place, ["rembg[cpu,cli]"])
        weights = place / "weights"
        weights.mkdir()
        (weights / "u2netp.onnx").write_bytes(model.read_bytes())
        # pymatting compiles its kernels at the first run.
        one = _Folder(scratch / "one", 1)
        one.photos.mkdir(parents=True)
        smallest = min(folder.photos.iterdir(), key=lambda file: file.stat().st_size)
        (one.photos / smallest.name).write_bytes(smallest.read_bytes())
        _run_rembg(place, one, "rembg p -a")
    except (OSError, RuntimeError) as error:
        options.note(f"folder: rembg is left out: {' '.join(str(error).split())[-300:]}")
        return {}
    return {name: partial(_run_rembg, place, folder, name) for name in ("rembg p", "rembg p -a")}


def _run_rembg(place: Path, folder: _Folder, name: str) -> Measured:
    matting = ["-a"] if name.endswith("-a") else []
    command = [str(place / "bin" / "rembg"), "p", "-m", "u2netp", *matting, str(folder.photos)]
    env = {"U2NET_HOME": str(place / "weights"), "NUMBA_CACHE_DIR": str(place / "numba")}
    return measure([*command, str(folder.emptied(name))], env)
