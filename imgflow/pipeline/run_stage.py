"""One stage on one picture, timed and described. The only place that knows how each stage is called."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from imgflow.models.loader import Models
from imgflow.photos.picture import Picture
from imgflow.recipe import DenoiseConfig, EnhanceConfig, MatteConfig, ShadowConfig, StageConfig, StageName
from imgflow.stages.base import StageOutput


@dataclass(frozen=True, slots=True)
class Step:
    """What happened at one stage.

    Attributes:
        seconds: wall time.
        model: the model that was used, None for classical methods.
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


def run_stage(stage: StageName, config: StageConfig, picture: Picture, models: Models) -> tuple[Picture, Step]:
    """Run one of the picture stages (all but publish, which makes a file).

    Raises:
        PhotoError: the stage cannot do its work on this photo.
        ModelUnavailableError, DeviceUnavailableError: the stage's model cannot be had.
    """
    started = time.perf_counter()
    output = _RUN[stage](config, picture, models)
    seconds = time.perf_counter() - started
    model = getattr(config, "model", None)
    if model is None:
        return output.picture, Step(stage, seconds, details=output.details)
    segmenter = models.segmenter(model)
    return output.picture, Step(stage, seconds, model, segmenter.device, segmenter.fallback, output.details)


# Stage modules are imported at first use: they bring OpenCV, which Dagster's own processes must not load.


def _denoise(config: StageConfig, picture: Picture, models: Models) -> StageOutput:
    from imgflow.stages.denoise import denoise

    return denoise(picture, cast(DenoiseConfig, config))


def _shadow(config: StageConfig, picture: Picture, models: Models) -> StageOutput:
    from imgflow.stages.shadow import remove_shadow

    config = cast(ShadowConfig, config)
    return remove_shadow(picture, config, models.segmenter(config.model))


def _matte(config: StageConfig, picture: Picture, models: Models) -> StageOutput:
    from imgflow.stages.matte import matte

    config = cast(MatteConfig, config)
    return matte(picture, config, models.segmenter(config.model))


def _enhance(config: StageConfig, picture: Picture, models: Models) -> StageOutput:
    from imgflow.stages.enhance import enlarge

    return enlarge(picture, cast(EnhanceConfig, config))


_RUN: dict[StageName, Callable[[StageConfig, Picture, Models], StageOutput]] = {
    "denoise": _denoise,
    "shadow": _shadow,
    "matte": _matte,
    "enhance": _enhance,
}
