"""One stage on one picture, timed and described. The only place that knows how each stage is called."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from imgflow.errors import PhotoError
from imgflow.models.loader import Choice, Models
from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig, EnhanceConfig, MatteConfig, ShadowConfig, StageConfig, StageName
from imgflow.stages.base import StageOutput


@dataclass(frozen=True, slots=True)
class Step:
    """What happened at one stage.

    Attributes:
        seconds: wall time.
        model: the models that were used, None for classical methods.
        device: where it ran.
        fallback: why another device or method than the wanted one was used, else None.
        details: what the stage tells about its work.
    """

    name: str
    seconds: float
    model: str | None = None
    device: str = "cpu"
    fallback: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def doubt(self) -> str | None:
        """Why a person should look at the result, if there is a reason."""
        return f"fell back: {self.fallback}" if self.fallback else self.details.get("doubt")

    def as_json(self) -> dict[str, Any]:
        """For `imgflow process --json`."""
        return asdict(self) | {"seconds": round(self.seconds, 4)}


def run_stage(
    stage: StageName, config: StageConfig, picture: Picture, models: Models, strict: bool = False
) -> tuple[Picture, Step]:
    """Run one of the picture stages (all but publish, which makes a file).

    Args:
        strict: a fallback is a failure.

    Raises:
        PhotoError: the stage cannot do its work on this photo; `fell_back` if it could only do it with a fallback and
            that is not allowed.
        ModelUnavailableError, DeviceUnavailableError: none of the stage's models can be had.
    """
    choices = {field: models.choose(chain) for field, chain in config.chains().items()}
    _insist(strict, choices)
    started = time.perf_counter()
    chosen = config.model_copy(update={field: choice.name for field, choice in choices.items()})
    output = _RUN[stage](chosen, picture, {field: choice.model for field, choice in choices.items()})
    seconds = time.perf_counter() - started
    _insist(strict, choices)  # a model may have had to work with less than it wanted
    used = [choice.model for choice in choices.values() if choice.model]
    if not used:
        return output.picture, Step(stage, seconds, fallback=_fallback(choices), details=output.details)
    details = output.details | {
        "precision": ", ".join(model.precision for model in used),
        "weights": ", ".join(model.weights_hash for model in used),
    }
    name = ", ".join(model.name for model in used)
    return output.picture, Step(stage, seconds, name, used[0].device, _fallback(choices), details)


def _fallback(choices: dict[str, Choice]) -> str | None:
    told = [choice.fallback for choice in choices.values()]
    told += [choice.model.fallback for choice in choices.values() if choice.model]
    return "; ".join(dict.fromkeys(filter(None, told))) or None


def _insist(strict: bool, choices: dict[str, Choice]) -> None:
    fallback = _fallback(choices) if strict else None
    if fallback:
        raise PhotoError("fell_back", fallback)


# Stage modules are imported at first use: they bring OpenCV, which Dagster's own processes must not load.


def _denoise(config: StageConfig, picture: Picture, models: dict[str, Any]) -> StageOutput:
    from imgflow.stages.denoise.stage import denoise

    return denoise(picture, cast(DenoiseConfig, config), models["method"])


def _shadow(config: StageConfig, picture: Picture, models: dict[str, Any]) -> StageOutput:
    from imgflow.stages.shadow.stage import remove_shadow

    return remove_shadow(picture, cast(ShadowConfig, config), models.get("model"))


def _matte(config: StageConfig, picture: Picture, models: dict[str, Any]) -> StageOutput:
    from imgflow.stages.matte.stage import matte

    return matte(picture, cast(MatteConfig, config), models["model"], models["refine"])


def _enhance(config: StageConfig, picture: Picture, models: dict[str, Any]) -> StageOutput:
    from imgflow.stages.enhance import enlarge

    return enlarge(picture, cast(EnhanceConfig, config), models["method"])


_RUN: dict[StageName, Callable[[StageConfig, Picture, dict[str, Any]], StageOutput]] = {
    "denoise": _denoise,
    "shadow": _shadow,
    "matte": _matte,
    "enhance": _enhance,
}
"""Called with the names that were chosen in the config's fields, and by field the models of those that are models."""
