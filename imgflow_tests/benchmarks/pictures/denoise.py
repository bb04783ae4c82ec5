"""Noise removal: `auto` against literal non-local means.

Gain is PSNR over that of the noisy photo, against the truth; `worse` counts photos that lose more than 0.1 dB.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imgflow.samples import SCENES
from imgflow_tests.benchmarks.camera_noise import CAMERAS
from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.merit import psnr
from imgflow_tests.benchmarks.pictures.bench import Bench, Ran, bench, mean, timing
from imgflow_tests.benchmarks.pictures.inputs import LARGE, noise_pairs, scenes, write

OURS, BILATERAL, LITERAL = "denoise", "denoise, bilateral", "denoise, literal"

TOLERATED = 0.1
"""dB that a photo may lose."""

QUICK_SCENES = ("bicycle", "sneaker", "mug")


def rows(options: Options) -> Iterator[Row]:
    """Speed, simulated noise, real pairs, and photos without noise."""
    with bench(options) as prepared:
        yield _speed(prepared)
        yield from _simulated(prepared)
        yield from _real(prepared)


def _speed(prepared: Bench) -> Row:
    """A photo with strong noise, from which both methods take some."""
    megapixels = 1 if prepared.options.quick else 12
    given = scenes(prepared.scratch / "speed", megapixels, LARGE[-1:])
    ran = prepared.run((OURS, LITERAL), given)
    return timing(f"denoise, {megapixels} MP; reference: literal NLM", ran[OURS], ran[LITERAL])


def _simulated(prepared: Bench) -> Iterator[Row]:
    """Every scene through every camera, and every scene without noise."""
    names = QUICK_SCENES if prepared.options.quick else tuple(SCENES)
    clean = scenes(prepared.scratch / "clean", 0.3 if prepared.options.quick else 1, names, noise=False)
    folder = prepared.scratch / "simulated"
    given: list[Path] = []
    for number, (camera_name, camera) in enumerate(CAMERAS.items()):
        for file in clean:
            scene = np.load(file)["photo"]
            even = scene[: len(scene) // 2 * 2, : scene.shape[1] // 2 * 2]
            noisy, truth = camera.photograph(even, np.random.default_rng(number))
            given.append(write(folder, f"{camera_name}-{file.stem}", photo=noisy, truth=truth))
    yield _gains(prepared, f"{len(given)} scenes with simulated camera noise", given)
    yield _untouched(prepared, f"{len(clean)} rendered scenes without noise", clean)


def _real(prepared: Bench) -> Iterator[Row]:
    """Public pairs, where a folder of them is given."""
    for name, pairs in noise_pairs().items():
        chosen = pairs[:: max(1, len(pairs) // 4)] if prepared.options.quick else pairs
        folder = prepared.scratch / name
        given = [write(folder, pair.name, photo=pair.noisy, truth=pair.truth) for pair in chosen]
        if given:
            yield _gains(prepared, f"{len(given)} real pairs ({name})", given)
            means = [write(folder / "means", pair.name, photo=pair.truth) for pair in chosen]
            yield _untouched(prepared, f"{len(means)} means of many shots ({name})", means)


def _gains(prepared: Bench, name: str, given: Sequence[Path]) -> Row:
    ran = prepared.run((OURS, BILATERAL, LITERAL), given, 1)
    loaded = [np.load(file) for file in given]
    before = [psnr(pair["photo"], pair["truth"]) for pair in loaded]

    def gains(one: Ran) -> list[float]:
        after = [psnr(one.result(file), pair["truth"]) for file, pair in zip(given, loaded, strict=True)]
        return [better - noisy for better, noisy in zip(after, before, strict=True)]

    figures: dict[str, float | str] = {"noisy dB": mean(before)}
    for label, way in (("", OURS), ("bilateral ", BILATERAL), ("reference ", LITERAL)):
        gained = gains(ran[way])
        figures |= {
            f"{label}gain dB": mean(gained),
            f"{label}worst dB": min(gained),
            f"{label}worse": sum(gain < -TOLERATED for gain in gained),
        }
    return timing(f"denoise, {name}; reference: literal NLM", ran[OURS], ran[LITERAL], figures)


def _untouched(prepared: Bench, name: str, given: Sequence[Path]) -> Row:
    ran = prepared.run((OURS, LITERAL), given, 1)
    figures: dict[str, float | str] = {}
    for label, way in (("", OURS), ("reference ", LITERAL)):
        pairs = [(ran[way].result(file), np.load(file)["photo"]) for file in given]
        changed = [psnr(result, photo) for result, photo in pairs if not np.array_equal(result, photo)]
        figures |= {f"{label}bit-identical": len(pairs) - len(changed)}
        if changed:
            figures |= {f"{label}least dB": min(changed)}
    return timing(f"denoise, {name}; reference: literal NLM", ran[OURS], ran[LITERAL], figures)
