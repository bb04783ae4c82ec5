"""Every model family against its own reference way of running: same weights, photos and device, taking turns.

| models | reference | from photo file to |
|---|---|---|
| on ONNX Runtime: those in the model store | rembg: a session, `remove(..., only_mask=True)` | mask |
| BiRefNet | the model card's snippet for transformers, with the authors' code | PNG |
| InSPyReNet | transparent-background's `Remover` | PNG |
| EDSR, A2N | super-image's snippet | PNG |
| NAFNet, Real-ESRGAN | spandrel's usage: the photo as a whole, and Real-ESRGAN's tiles | PNG |

All but the ONNX models have random weights in the published layout: the time does not depend on their values. The
references are installed by pip into environments of their own; where that fails, a row stands without reference and
says why. The code of BiRefNet's authors is run only from the folder that BENCH_BIREFNET names (see model_cases.py).
Where there is a GPU the models run on it, in each precision that they bear, those that can be compiled also compiled,
and those on ONNX Runtime also through TensorRT; IMGFLOW_DEVICE chooses another device.

Seconds are the median of a photo, model loaded; memory is the process's peak, the GPU's beside it. `difference` is the
mean one of both results, in levels of 255: of masks, of alpha, or of colours. (That to rembg is not small: it stretches
each mask to the full range.)
"""

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from imgflow.errors import ModelUnavailableError
from imgflow.models.store import ModelStore
from imgflow.settings import load_settings
from imgflow_tests.benchmarks.frame import Measured, Options, Row, interleaved, measure, peak_memory
from imgflow_tests.benchmarks.model_cases import (
    Case,
    Setting,
    Size,
    cases,
    code_of,
    reference_precision,
    settings_of,
)
from imgflow_tests.benchmarks.model_ways import Task
from imgflow_tests.benchmarks.reference_environment import last_words, reference_environment

PHOTOS = ("bicycle", "plush", "sneaker", "mug", "camera", "bottle", "scissors", "watch")

_PACKAGE = "imgflow_tests.benchmarks"


@dataclass(frozen=True, slots=True)
class Runs:
    """What one variant's processes told.

    Attributes:
        told: what the first of them said, see `model_run.timed`.
        seconds: of a photo, the median over all.
        cpu_seconds: the same, of all cores together: on a busy machine it says more.
        load: seconds until the model was ready, imports included.
        memory: peak resident, bytes.
    """

    told: Mapping[str, Any]
    seconds: float
    cpu_seconds: float
    load: float
    memory: int


def rows(options: Options) -> Iterator[Row]:
    """One row for each model, device and precision."""
    settings = load_settings()
    store = ModelStore(settings.models_location)
    try:
        store.ensure("u2netp")
    except ModelUnavailableError as error:
        options.note(f"models: u2netp is left out: {error}")
    with tempfile.TemporaryDirectory(prefix="imgflow-models-") as scratch:
        bench = _Bench(Path(scratch), store, settings.device, options)
        for case in cases(store, options.quick):
            try:
                yield from bench.rows(case)
            except RuntimeError as error:
                options.note(f"models: {case.name} is left out: {error}")
                yield Row(case.name, figures={"left out": last_words(str(error))})


class _Bench:
    """What the cases share: a folder, and environments and photos that are made once."""

    def __init__(self, scratch: Path, store: ModelStore, device: str, options: Options) -> None:
        self._scratch = scratch
        self._store = store
        self._device = device
        self._options = options
        self._pythons: dict[tuple[str, ...], Path | RuntimeError] = {(): Path(sys.executable)}

    def rows(self, case: Case) -> Iterator[Row]:
        """One for each setting that the model bears on the device."""
        weights = self._weights(case)
        task = Task("imgflow", case.model, str(weights), device=self._device)
        device = self._try(task, Path(sys.executable))["device"]
        settings = self._borne(task, settings_of(case, device, self._options.quick))
        reference = self._reference(case, weights, device)
        variants = {
            ("imgflow", str(setting)): (replace(task, **asdict(setting)), Path(sys.executable)) for setting in settings
        }
        if not isinstance(reference, str):
            needed = {reference_precision(case, device, setting.precision) for setting in settings}
            other, python = reference
            variants |= {(case.way, each): (replace(other, precision=each), python) for each in sorted(needed)}
        size = case.size(self._options.quick, device)
        runs = self._run(case, size, variants)
        for setting in settings:
            key = (case.way, reference_precision(case, device, setting.precision))
            ours, theirs = runs["imgflow", str(setting)], runs.get(key)
            told = str(reference) if theirs is None else theirs.told["software"]
            results = self._out("imgflow", str(setting))
            difference = None if theirs is None else mean_difference(results, self._out(*key))
            yield row(case.name, setting, size, ours, theirs, told, difference)
        shutil.rmtree(self._scratch / "out", ignore_errors=True)
        if not case.in_file:
            shutil.rmtree(weights)

    def _weights(self, case: Case) -> Path:
        if case.in_file:
            return self._store.folder(case.model)
        self._options.note(f"models: making weights of {case.name}")
        folder = self._scratch / "weights"
        measure([sys.executable, "-m", f"{_PACKAGE}.model_inputs", "weights", case.model, str(folder)])
        return folder

    def _photos(self, size: Size) -> Path:
        folder = self._scratch / f"photos-{size.megapixels}-{size.count}"
        if not folder.exists():
            command = [sys.executable, "-m", f"{_PACKAGE}.model_inputs", "photos", str(folder), str(size.megapixels)]
            measure([*command, *PHOTOS[: size.count]])
        return folder

    def _out(self, way: str, setting: str) -> Path:
        return self._scratch / "out" / f"{way} {setting}".replace(" ", "-")

    def _borne(self, task: Task, settings: Sequence[Setting]) -> list[Setting]:
        """The settings that do not fall back to another; the first stays in any case."""
        tried = [(each, self._try(replace(task, **asdict(each)), Path(sys.executable))) for each in settings]
        return [each for each, told in tried if each == settings[0] or not told["fallback"]]

    def _reference(self, case: Case, weights: Path, device: str) -> tuple[Task, Path] | str:
        """Its task and Python; or why there is none, which is also found out by loading the model."""
        try:
            code = code_of(case)
            python = self._python(case.requirements)
            task = Task(case.way, case.model, str(weights), str(code or ""), device, "fp32")
            self._try(task, python)
        except RuntimeError as error:
            self._options.note(f"models: {case.name} has no reference: {error}")
            return f"none: {last_words(str(error))}"
        return task, python

    def _python(self, requirements: tuple[str, ...]) -> Path:
        if requirements not in self._pythons:
            self._options.note(f"models: installing {' '.join(requirements)} into an environment of its own")
            try:
                place = self._scratch / f"environment-{len(self._pythons)}"
                self._pythons[requirements] = reference_environment(place, requirements)
            except RuntimeError as error:
                self._pythons[requirements] = error
        found = self._pythons[requirements]
        if isinstance(found, RuntimeError):
            raise found
        return found

    def _run(
        self, case: Case, size: Size, variants: Mapping[tuple[str, str], tuple[Task, Path]]
    ) -> dict[tuple[str, str], Runs]:
        photos = self._photos(size)
        calls: dict[str, Callable[[], Measured]] = {}
        for (way, setting), (task, python) in variants.items():
            given = replace(task, photos=str(photos), out=str(self._out(way, setting)), count=size.count)
            calls[f"{way} {setting}"] = partial(self._measure, given, python)
        repetitions = self._options.repetitions
        self._options.note(f"models: {case.name}, {size.count} photos, {repetitions} times {', '.join(calls)}")
        runs = interleaved(calls, repetitions)
        return {key: summed_up(runs[" ".join(key)]) for key in variants}

    def _try(self, task: Task, python: Path) -> dict[str, Any]:
        return told_by(self._measure(task, python))

    def _measure(self, task: Task, python: Path) -> Measured:
        home = self._scratch / "home"
        env = {
            # rembg finds the file here, and takes it as it is; nothing is asked for elsewhere.
            "U2NET_HOME": task.weights,
            "MODEL_CHECKSUM_DISABLED": "1",
            "NUMBA_CACHE_DIR": str(self._scratch / "numba"),
            "TRANSPARENT_BACKGROUND_FILE_PATH": str(home),
            "NO_ALBUMENTATIONS_UPDATE": "1",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(home),
        }
        return measure([str(python), "-m", f"{_PACKAGE}.model_run", json.dumps(asdict(task))], env)


def told_by(run: Measured) -> dict[str, Any]:
    """What `model_run` printed, after whatever the libraries did."""
    return json.loads(run.output.strip().splitlines()[-1])


def summed_up(runs: Sequence[Measured]) -> Runs:
    """All runs of one variant."""
    told = [told_by(run) for run in runs]

    def median(name: str) -> float:
        return statistics.median(each for one in told for each in one[name])

    load = statistics.median(one["load"] for one in told)
    return Runs(told[0], median("seconds"), median("cpu_seconds"), load, peak_memory(runs))


def row(
    name: str,
    setting: Setting,
    size: Size,
    ours: Runs,
    theirs: Runs | None,
    reference: str,
    difference: float | None,
) -> Row:
    """Both in a line of the table."""
    device = ours.told["card"] or ours.told["device"]
    if setting.device == "tensorrt":
        device += " with TensorRT"
    figures: dict[str, float | str] = {"megapixels": size.megapixels, "reference": reference}
    if theirs is not None:
        figures["reference precision"] = theirs.told["precision"]
        figures["times as fast"] = theirs.seconds / ours.seconds
        figures["times less CPU"] = theirs.cpu_seconds / ours.cpu_seconds
        figures["reference CPU s"] = theirs.cpu_seconds
        figures["reference load s"] = theirs.load
    figures |= {"CPU s": ours.cpu_seconds, "load s": ours.load}
    if difference is not None:
        figures["difference"] = difference
    for prefix, runs in (("", ours), ("reference ", theirs)):
        if runs is not None and runs.told["device_memory"] is not None:
            figures[f"{prefix}GPU MB"] = runs.told["device_memory"] / 1e6
        if runs is not None and runs.told["fallback"]:
            figures[f"{prefix}fallback"] = runs.told["fallback"]
    return Row(
        f"{name}, {device}, {ours.told['precision']}",
        ours.seconds,
        None if theirs is None else theirs.seconds,
        ours.memory,
        None if theirs is None else theirs.memory,
        figures,
    )


def mean_difference(ours: Path, theirs: Path) -> float:
    """Mean absolute difference of the pictures of the same name: of alpha if both have it, else of the colours.

    Raises:
        RuntimeError: there are none, or they are of different sizes.
    """
    import numpy as np
    from PIL import Image

    differences: list[float] = []
    for file in sorted(ours.glob("*.png")):
        with Image.open(file) as one, Image.open(theirs / file.name) as other:
            if one.size != other.size:
                raise RuntimeError(f"{file.name} has {one.size} pixels, the reference's has {other.size}")
            have_alpha = one.mode == other.mode == "RGBA"
            a, b = (
                np.asarray(image.getchannel("A") if have_alpha else image.convert("RGB"), np.float32)
                for image in (one, other)
            )
        differences.append(float(np.abs(a - b).mean()))
    if not differences:
        raise RuntimeError("there are no results to compare")
    return statistics.mean(differences)
