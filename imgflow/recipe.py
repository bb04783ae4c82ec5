"""The recipe: which stages run, with which parameters.

Each stage has one frozen config here (`DenoiseConfig` and so on); its pixels are in `imgflow/stages/<name>.py`.
Recipe files are read by `imgflow/recipe_file.py`.
"""

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(ge=0, le=1)]


class StageConfig(BaseModel):
    """Base of the stage configs: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_version: ClassVar[str] = "1"
    """Raised whenever the stage's pixels change for the same parameters: results made before become stale."""


class DenoiseConfig(StageConfig):
    """Noise removal."""

    code_version: ClassVar[str] = "2"

    method: Literal["auto", "bilateral", "nlm"] = Field(
        default="auto",
        description="auto measures the noise first and leaves clean photos as they are; nlm is non-local means",
    )
    strength: Share = Field(
        default=0.5, description="0 does next to nothing, 1 smooths most (nlm: filter strength h from 3 to 15)"
    )


class ShadowConfig(StageConfig):
    """Cast-shadow removal. Only the ground changes, except with `retinex`."""

    code_version: ClassVar[str] = "2"

    method: Literal["background_gain", "retinex"] = Field(
        default="background_gain",
        description="background_gain evens out the ground around the product; retinex is the literal LAB rule",
    )
    strength: Share = Field(default=1.0, description="share of the shadow that is taken away")
    keep_contact: Share = Field(default=0.0, description="share of the soft shadow right at the product that is kept")
    model: str = Field(default="u2netp", description="segmenter that tells product from ground")


class MatteConfig(StageConfig):
    """Cutting the product out."""

    code_version: ClassVar[str] = "3"

    model: str = Field(default="u2netp", description="segmenter (see `imgflow models list`)")
    refine: Literal["closed_form", "none"] = Field(
        default="closed_form",
        description="closed_form solves alpha in the unknown band; none keeps the segmenter's own alpha",
    )
    band: Annotated[float, Field(gt=0, le=0.1)] = Field(
        default=0.006, description="half width of the unknown band at certain edges, as a share of the longer side"
    )
    openings: Literal["auto", "off"] = Field(
        default="auto",
        description="auto opens wheels and loops that the segmenter filled, where the ground is seen through them",
    )
    decontaminate: bool = Field(
        default=True, description="estimate the product's own colour at soft edges, so that no halo shows"
    )
    clean: Share = Field(
        default=0.02, description="specks and pinholes smaller than this share of the product's area are removed"
    )
    input_alpha: Literal["keep", "intersect", "ignore"] = Field(
        default="keep", description="what to do with a photo that brings its own transparency"
    )


class EnhanceConfig(StageConfig):
    """Enlargement."""

    method: Literal["lanczos"] = Field(
        default="lanczos", description="how pixels are enlarged; alpha is always enlarged apart"
    )
    scale: Annotated[float, Field(gt=0, le=8)] = Field(default=2.0, description="factor for width and height")


class PublishConfig(StageConfig):
    """The file that is written."""

    code_version: ClassVar[str] = "2"

    format: Literal["png", "webp", "jpeg"] = Field(
        default="png", description="jpeg has no transparency: it is laid on `background`"
    )
    quality: Annotated[int, Field(ge=1, le=100)] = Field(default=95, description="jpeg and lossy webp")
    lossless: bool = Field(default=True, description="webp only")
    compression: Annotated[int, Field(ge=0, le=9)] = Field(default=6, description="png only: 0 none, 9 smallest")
    background: str = Field(
        default="#ffffff", description="colour below the product where the format has no transparency"
    )

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        digits = value.removeprefix("#")
        if len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise ValueError("a colour is written #rrggbb")
        return value.lower()

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """`background` as three numbers from 0 to 255."""
        red, green, blue = bytes.fromhex(self.background.removeprefix("#"))
        return red, green, blue


StageName = Literal["denoise", "shadow", "matte", "enhance", "publish"]
OptionalStage = Literal["denoise", "shadow", "matte", "enhance"]

STAGES: tuple[StageName, ...] = ("denoise", "shadow", "matte", "enhance", "publish")
"""All stages in the order in which a photo goes through them."""


class Recipe(BaseModel):
    """Which stages run on a photo, with which parameters. Publish always runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[OptionalStage, ...] = Field(
        default=("denoise", "shadow", "matte"), description="the stages that are on; they run in the pipeline's order"
    )
    denoise: DenoiseConfig = DenoiseConfig()
    shadow: ShadowConfig = ShadowConfig()
    matte: MatteConfig = MatteConfig()
    enhance: EnhanceConfig = EnhanceConfig()
    publish: PublishConfig = PublishConfig()

    def is_on(self, stage: StageName) -> bool:
        """Whether the stage runs."""
        return stage == "publish" or stage in self.steps

    def config(self, stage: StageName) -> StageConfig:
        """The stage's parameters."""
        config: StageConfig = getattr(self, stage)
        return config

    def with_overrides(self, stage: StageName, overrides: dict[str, Any]) -> "Recipe":
        """A recipe with some parameters of one stage replaced.

        Raises:
            pydantic.ValidationError: for unknown parameters or bad values.
        """
        config = self.config(stage)
        changed = type(config).model_validate(config.model_dump() | overrides)
        return self.model_copy(update={stage: changed})


def digest(value: object) -> str:
    """32 hex characters that name a JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
