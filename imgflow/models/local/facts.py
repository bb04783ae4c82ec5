"""What one file of a model says about itself, read once and noted."""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from imgflow.errors import UsageError
from imgflow.models.contents import read_contents, write_durably
from imgflow.models.local.onnx_header import FLOAT, FLOAT16, UnreadableOnnxError, read_header
from imgflow.models.local.weight_keys import UnreadableWeightsError, weight_keys
from imgflow.models.model import CHECKPOINTS, ModelFile, Purpose

KEYS: tuple[tuple[str, Purpose, tuple[str, ...]], ...] = (
    ("birefnet", "segment", ("bb.", "squeeze_module.", "decoder.")),
    ("inspyrenet", "segment", ("backbone.", "context1.", "decoder.")),
    ("vitmatte", "matte", ("backbone.embeddings.", "decoder.convstream.")),
)
"""Families and purposes by how the keys of their state dicts begin. spandrel tells its own architectures apart."""

FACTS = 1
"""Raised whenever `Facts` are found in another way, so that no older note of them is believed."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is found in one file.

    Attributes:
        input: side of an ONNX file's square input; 0 if not fixed.
        elsewhere: files that hold weights of an ONNX file.
        wrong: why it is no model; empty if it may be one.
    """

    sha256: str
    size: int
    family: str = ""
    purpose: str = ""
    input: int = 0
    probability: bool = False
    elsewhere: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    wrong: str = ""


_in_memory: dict[tuple[str, int, int], Facts] = {}


def facts_of(path: Path, notes: Path, read: Callable[[Path], Facts]) -> Facts:
    """What a file says, read again only when its size or time has changed.

    Args:
        path: the file.
        notes: the folder of the notes; where it cannot be written the file is read every time.
        read: `read_weights`, or `read_hash` for files that are no weights.

    Raises:
        UsageError: it cannot be read.
    """
    found = path.stat()
    key = (str(path), found.st_size, found.st_mtime_ns)
    if key not in _in_memory:
        note = notes / f"{hashlib.sha256(f'{FACTS} {path}'.encode()).hexdigest()[:32]}.json"
        told = _noted(note, path, lambda: asdict(read(path)))
        _in_memory[key] = Facts(**told | {name: tuple(told[name]) for name in ("keys", "elsewhere")})
    return _in_memory[key]


def read_hash(path: Path) -> Facts:
    """Size and hash alone."""
    try:
        contents = read_contents(path, ModelFile("weights"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    return Facts(contents.sha256, contents.size)


def read_weights(path: Path) -> Facts:
    """All that the file says; `wrong` if it is no model."""
    if path.suffix.lower() == ".onnx":
        return _read_onnx(path, read_hash(path))
    if path.suffix.lower() in CHECKPOINTS:
        return _read_keys(path, read_hash(path))
    return replace(read_hash(path), wrong=f"the ending {path.suffix!r} is none of {', '.join((*CHECKPOINTS, '.onnx'))}")


def _read_keys(path: Path, facts: Facts) -> Facts:
    try:
        keys = weight_keys(path)
    except UnreadableWeightsError as error:
        return replace(facts, wrong=str(error))
    bare = {key.removeprefix("module.") for key in keys}
    for family, purpose, beginnings in KEYS:
        if all(any(key.startswith(beginning) for key in bare) for beginning in beginnings):
            return replace(facts, family=family, purpose=purpose)
    dotted = (key for key in keys if "." in key and re.fullmatch(r"[\w.]+", key))
    return replace(facts, keys=tuple(sorted(dotted)[:3]))


def _read_onnx(path: Path, facts: Facts) -> Facts:
    try:
        header = read_header(path)
    except UnreadableOnnxError as error:
        return replace(facts, wrong=str(error))
    tensor = header.inputs[0]
    shape = " x ".join(str(length or "?") for length in tensor.shape)
    if len(header.inputs) > 1 or len(tensor.shape) != 4 or tensor.shape[1] not in (0, 3):
        return replace(
            facts, wrong=f"{len(header.inputs)} inputs, the first {shape}; one of 1 x 3 x size x size is due"
        )
    if tensor.shape[2] != tensor.shape[3]:
        return replace(facts, wrong=f"its input is {shape}, which is not square")
    if tensor.dtype not in (FLOAT, FLOAT16):
        return replace(facts, wrong=f"its input has element type {tensor.dtype}, which is not a float")
    elsewhere = tuple(sorted(header.elsewhere))
    return replace(facts, input=tensor.shape[2], probability=header.is_probability(), elsewhere=elsewhere)


def _noted(note: Path, path: Path, compute: Callable[[], Any]) -> Any:
    """A JSON-like value that depends on a file's content alone, computed again only when size or time has changed.

    Args:
        note: where it is kept; where that cannot be written it is computed every time.
        path: the file.
        compute: makes the value.
    """
    found = path.stat()
    seen = {"path": str(path), "size": found.st_size, "mtime_ns": found.st_mtime_ns}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(note.read_text())
        if kept["seen"] == seen:
            return kept["value"]
    value = compute()
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_durably(note, json.dumps({"seen": seen, "value": value}))
    return value
