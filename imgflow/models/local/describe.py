"""A model that is a path of the user's own: a checkpoint, an .onnx file, or a folder in the hub's layout.

What it is, is told by its contents: config.json, the keys of its state dict, the input of its network, and above all
its hash, if that is a known model's. Nothing that lies beside the weights is run.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imgflow.errors import UsageError
from imgflow.models.known.colours import FULL, HALF, IMAGENET
from imgflow.models.local.facts import KEYS, Facts, facts_of, read_hash, read_weights
from imgflow.models.model import CHECKPOINTS, Model, ModelFile, Purpose
from imgflow.models.registry import MODELS

SUPER_IMAGE = ("a2n", "awsrn", "carn", "ddbpn", "drln", "edsr", "han", "mdsr", "msrn", "pan", "rcan", "rnan")

TYPES: dict[str, tuple[str, Purpose]] = {
    "vitmatte": ("vitmatte", "matte"),
    **dict.fromkeys(SUPER_IMAGE, ("super_image", "upscale")),
}
"""Families and purposes by the `model_type` of config.json."""

BESIDE = ("config.json", "preprocessor_config.json")
"""Files of the hub's layout that say how the weights are to be used. They count in the weights' hash."""


def is_path(name: str) -> bool:
    """Whether a model's name is a path: it has a separator, begins with `~`, or is a file."""
    if name in MODELS:
        return False
    separators = [os.sep, "/", *([os.altsep] if os.altsep else [])]
    return name.startswith("~") or any(separator in name for separator in separators) or Path(name).is_file()


def folder_of_path(name: str) -> Path:
    """The folder in which a path's files are.

    Raises:
        UsageError: there is nothing.
    """
    path = Path(name).expanduser().absolute()
    if path.is_dir():
        return path
    if not path.is_file():
        raise UsageError(f"There is no model file or folder {path}. Known models: {', '.join(sorted(MODELS))}.")
    return path.parent


def describe(name: str, purpose: Purpose, notes: Path) -> Model:
    """The model at a path.

    Args:
        name: the path as the user gave it; relative to the working directory.
        purpose: what it is wanted for, where the file could be for several.
        notes: a folder for what was found, so that a file is read again only when its size or time has changed.

    Raises:
        UsageError: there is nothing, or it is not understood; the message says what was looked at.
    """
    folder, path = folder_of_path(name), Path(name).expanduser().absolute()
    config = _read_json(folder / "config.json")
    weights = _weights_of_folder(path, config) if path.is_dir() else path
    facts = facts_of(weights, notes, read_weights)
    kind = str(config.get("model_type", "")).lower()
    takes_more = path.is_dir() or facts.family or kind in TYPES or weights.suffix.lower() == ".onnx"
    beside = _beside(folder) if takes_more else []
    more = [(one, facts_of(one, notes, read_hash)) for one in (*_elsewhere(weights, facts), *beside)]
    files = tuple(_file(one, folder, its) for one, its in [(weights, facts), *more])
    known = _known(facts.sha256)
    if known:
        return replace(known, name=name, files=files, folder=folder)
    if facts.wrong:
        raise UsageError(f"{weights} is not understood: {facts.wrong}.")
    if weights.suffix.lower() == ".onnx":
        return _onnx(name, weights, folder, files, facts)
    return _checkpoint(name, purpose, weights, folder, files, facts, kind)


def _checkpoint(
    name: str,
    purpose: Purpose,
    weights: Path,
    folder: Path,
    files: tuple[ModelFile, ...],
    facts: Facts,
    kind: str,
) -> Model:
    # The keys are the weights' own; a config.json beside a file may belong to another.
    family, found_purpose = (facts.family, facts.purpose) if facts.family else TYPES.get(kind, ("", ""))
    if not family and purpose in ("denoise", "upscale"):
        family, found_purpose = "spandrel", purpose
    if not family:
        families = ", ".join(family for family, fits, _ in KEYS if fits == purpose)
        raise UsageError(
            f"{weights} is not understood: its keys ({', '.join(facts.keys)}, ...) are of no model to {purpose} that "
            f"imgflow knows ({families})."
        )
    scale = _scale(weights) if family == "super_image" else int(found_purpose != "upscale")
    size = 1024 if found_purpose == "segment" else 0
    return _model(name, family, found_purpose, folder, files, input_size=size, scale=scale)


def _onnx(name: str, weights: Path, folder: Path, files: tuple[ModelFile, ...], facts: Facts) -> Model:
    """The colours of the family that the network looks like, unless preprocessor_config.json tells them."""
    preprocessor = _read_json(folder / "preprocessor_config.json")
    size = facts.input or _size(preprocessor.get("size"))
    if not size:
        raise UsageError(
            f"{weights} is not understood: its input has no fixed size, and no preprocessor_config.json tells one."
        )
    options: dict[str, Any] = {} if facts.probability else {"output": "logits"}
    colours = HALF if facts.probability and size > 512 else IMAGENET
    if not facts.probability or size > 512:
        options["white"] = FULL
    if "image_mean" in preprocessor and "image_std" in preprocessor:
        colours = {"mean": tuple(preprocessor["image_mean"]), "std": tuple(preprocessor["image_std"])}
        options["white"] = FULL
    return _model(name, "u2net_onnx", "segment", folder, files, input_size=size, options=options, **colours)


def _model(name: str, family: str, purpose: Any, folder: Path, files: tuple[ModelFile, ...], **more: Any) -> Model:
    # Whose they are and on which terms only the user knows; what they gave us by its path may be used.
    return Model(name, purpose, family, "unknown", True, "", files, folder=folder, **more)


def _weights_of_folder(folder: Path, config: dict[str, Any]) -> Path:
    """The one file of weights in a folder.

    Raises:
        UsageError: there is none, or it is not clear which.
    """
    usual = [folder / name for name in ("model.safetensors", "pytorch_model.bin", "model.onnx", "onnx/model.onnx")]
    for path in usual:
        if path.is_file():
            return path
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in (*CHECKPOINTS, ".onnx") and p.is_file())
    if len(found) == 1:
        return found[0]
    kind = f" (config.json says {config['model_type']})" if config.get("model_type") else ""
    if found:
        names = ", ".join(path.name for path in found)
        raise UsageError(f"{folder}{kind} holds several files of weights: {names}. Give the path of one.")
    endings = ", ".join((*CHECKPOINTS, ".onnx"))
    raise UsageError(f"{folder}{kind} is not understood: it holds no file of weights ({endings}).")


def _file(path: Path, folder: Path, facts: Facts) -> ModelFile:
    return ModelFile(path.relative_to(folder).as_posix(), facts.sha256, facts.size)


def _beside(folder: Path) -> Sequence[Path]:
    return [folder / name for name in BESIDE if (folder / name).is_file()]


def _elsewhere(weights: Path, facts: Facts) -> list[Path]:
    files = [weights.parent / name for name in facts.elsewhere]
    for name, file in zip(facts.elsewhere, files, strict=True):
        if ".." in Path(name).parts or not file.is_file() or weights.parent not in file.parents:
            raise UsageError(f"{weights} is not understood: its weights are in {name!r}, which is not beside it.")
    return files


def _known(sha256: str) -> Model | None:
    """The known model whose weights these are."""
    return next((model for model in MODELS.values() if any(file.sha256 == sha256 for file in model.files)), None)


def _scale(weights: Path) -> int:
    """Of super-image's `pytorch_model_4x.pt`: 4."""
    digits = weights.stem.rpartition("_")[2].removesuffix("x")
    if not digits.isdecimal():
        raise UsageError(f"{weights} is not understood: super-image's files are named like pytorch_model_2x.pt.")
    return int(digits)


def _size(told: Any) -> int:
    """Of `1024` or `{"height": 1024, "width": 1024}`: 1024."""
    if isinstance(told, dict):
        return int(told.get("height") or told.get("shortest_edge") or 0)
    return told if isinstance(told, int) else 0


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not understood: {error}.") from error
    return told if isinstance(told, dict) else {}
