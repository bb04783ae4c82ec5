"""The stamp: which imgflow, with which recipe and which models, made a published file. It is in the file itself.

EXIF `Software` names imgflow and its version, for every viewer. The XMP packet has the rest below its own namespace,
where exiftool (`exiftool -XMP-imgflow:all`), Pillow (`info["xmp"]`) and `read_stamp` find it. No time, no path and
nothing of the machine is in it: the same photo and recipe give the same bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from imgflow import __version__
from imgflow.photos.limits import Limits
from imgflow.photos.metadata import xmp_of
from imgflow.photos.pillow_terms import pillow_terms
from imgflow.photos.source import open_photo
from imgflow.photos.xmp import xmp_list, xmp_text
from imgflow.recipe import digest


@dataclass(frozen=True, slots=True)
class StampedStage:
    """One stage that the photo went through.

    Attributes:
        code: the stage's code version; empty where it is not known.
        parameters: of the recipe, as JSON has them. Of a path to a model only the last part is kept.
        models: hash of the weights by the name of each model that was used.
    """

    stage: str
    code: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    models: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        plain = {name: _without_folders(value) for name, value in self.parameters.items()}
        object.__setattr__(self, "parameters", plain)
        object.__setattr__(self, "models", {_without_folders(name): value for name, value in self.models.items()})

    def as_json(self) -> dict[str, Any]:
        """Without what is empty."""
        told = {"stage": self.stage, "code": self.code, "parameters": self.parameters, "models": self.models}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What made a file.

    Attributes:
        stages: in the order in which they ran.
        version: of imgflow.
        recipe: digest of the stages with code versions, parameters, models and weights: files of the same digest were
            made in the same way.
    """

    stages: Sequence[StampedStage]
    version: str = __version__
    recipe: str = ""

    def __post_init__(self) -> None:
        if not self.recipe:
            object.__setattr__(self, "recipe", digest([stage.as_json() for stage in self.stages]))

    @property
    def software(self) -> str:
        """For EXIF's `Software` and XMP's `CreatorTool`."""
        return f"imgflow {self.version}"

    def as_xmp(self) -> dict[str, str | Sequence[str]]:
        """The properties of an XMP packet."""
        stages = [json.dumps(stage.as_json(), ensure_ascii=False) for stage in self.stages]
        return {
            "xmp:CreatorTool": self.software,
            "imgflow:Version": self.version,
            "imgflow:Recipe": self.recipe,
            "imgflow:Stages": stages,
        }

    def as_json(self) -> dict[str, Any]:
        """For `imgflow inspect --json`."""
        return {"version": self.version, "recipe": self.recipe, "stages": [stage.as_json() for stage in self.stages]}


def read_stamp(data: bytes, limits: Limits = Limits()) -> Stamp | None:  # noqa: B008 (frozen)
    """The stamp in a file that imgflow wrote, also after other programs edited its metadata. None: there is none.

    Args:
        data: the whole file.
        limits: what is taken in.

    Raises:
        PhotoError: it is not a sound picture file.
    """
    with pillow_terms():
        xmp = xmp_of(open_photo(data, limits).im.info)
    version, recipe = xmp_text(xmp, "imgflow:Version"), xmp_text(xmp, "imgflow:Recipe")
    if not version or not recipe:
        return None
    stages = [stage for text in xmp_list(xmp, "imgflow:Stages") if (stage := _stage(text))]
    return Stamp(stages, version, recipe)


def _stage(text: str) -> StampedStage | None:
    """None: somebody else wrote this."""
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    told = cast(dict[str, Any], told)
    parts = (told.get("stage"), told.get("code", ""), told.get("parameters", {}), told.get("models", {}))
    if not all(isinstance(part, kind) for part, kind in zip(parts, (str, str, dict, dict), strict=True)):
        return None
    return StampedStage(*cast(tuple[str, str, dict[str, Any], dict[str, str]], parts))


def _without_folders(value: Any) -> Any:
    """A file that goes to the public must not tell how somebody's folders are named."""
    return re.sub(r"[^,]*[/\\](?=[^/\\,])", "", value) if isinstance(value, str) else value
