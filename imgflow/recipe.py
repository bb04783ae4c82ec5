"""The recipe: which stages run, with which parameters.

Each stage has one frozen config here (`DenoiseConfig` and so on); its pixels are in `imgflow/stages/<name>`.
Recipe files are read by `imgflow/recipe_file.py`.
"""

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Chain(NamedTuple):
    """Names in order of preference, of which a stage uses the first that can be had.

    Attributes:
        purpose: of the models among them, as in the model store.
        methods: names that are no models but the stage's own methods.
    """

    names: tuple[str, ...]
    purpose: Literal["segment", "denoise", "upscale", "matte"]
    methods: tuple[str, ...] = ()


def _chain(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _has_names(value: str) -> str:
    if not all(_chain(value)):
        raise ValueError("a name is missing")
    return value


Names = Annotated[str, AfterValidator(_has_names)]
"""A name, or several separated by commas: the first that can be had is used, and the result says if it was not the
first of all. A name is that of a model, a path to one, or a method of the stage."""


class StageConfig(BaseModel):
    """Base of the stage configs: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_version: ClassVar[str] = "1"
    """Raised whenever the stage's pixels change for the same parameters: results made before become stale."""

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, values: Any) -> Any:
        # In YAML, `off` is false.
        if not isinstance(values, dict):
            return values
        given = cast(dict[str, Any], values)
        words = {name for name, field in cls.model_fields.items() if "off" in get_args(field.annotation)}
        return {name: "off" if value is False and name in words else value for name, value in given.items()}

    def chains(self) -> dict[str, Chain]:
        """By field, the models and methods that the stage will choose from. None: it needs no model."""
        return {}


class DenoiseConfig(StageConfig):
    """Noise removal."""

    code_version: ClassVar[str] = "7"

    method: Names = Field(
        default="auto",
        description="auto measures the noise, takes out that, and leaves clean photos as they are; bilateral; nlm is "
        "non-local means; or a model that denoises",
    )
    strength: Share = Field(
        default=0.5,
        description="0 does next to nothing, 1 smooths most; auto: 0.5 takes out the noise as measured, 1 twice its "
        "variance; nlm: filter strength h from 3 to 15; no matter to models",
    )

    def chains(self) -> dict[str, Chain]:
        """The method."""
        return {"method": Chain(_chain(self.method), "denoise", ("auto", "bilateral", "nlm"))}


class ShadowConfig(StageConfig):
    """Cast-shadow removal. Only the ground changes, except with `retinex`."""

    code_version: ClassVar[str] = "10"

    method: Literal["background_gain", "retinex"] = Field(
        default="background_gain",
        description="background_gain evens out the ground around the product; retinex is the literal LAB rule",
    )
    strength: Share = Field(default=1.0, description="share of the shadow that is taken away")
    keep_contact: Share = Field(default=0.0, description="share of the soft shadow right at the product that is kept")
    even_light: Share = Field(
        default=0.0, description="share of the ground's uneven light that is evened out, shadow or not"
    )
    model: Names = Field(default="u2netp", description="segmenter that tells product from ground; auto: the best here")

    def chains(self) -> dict[str, Chain]:
        """The segmenter, except with `retinex`, which knows no product."""
        return {} if self.method == "retinex" else {"model": Chain(_chain(self.model), "segment")}


class MatteConfig(StageConfig):
    """Cutting the product out."""

    code_version: ClassVar[str] = "14"

    model: Names = Field(
        default="u2netp", description="segmenter (see `imgflow models list`), or a path to one; auto: the best here"
    )
    refine: Names = Field(
        default="closed_form",
        description="closed_form solves alpha in the unknown band; none keeps the segmenter's own alpha; or a model "
        "that finds alpha, such as vitmatte-small",
    )
    band: Annotated[float, Field(gt=0, le=0.1)] = Field(
        default=0.004, description="half width of the unknown band at certain edges, as a share of the longer side"
    )
    second_look: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: networks with a small input see the product alone too, and look again if the two disagree",
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

    def chains(self) -> dict[str, Chain]:
        """The segmenter, and what refines its alpha."""
        return {
            "model": Chain(_chain(self.model), "segment"),
            "refine": Chain(_chain(self.refine), "matte", ("closed_form", "none")),
        }


class EnhanceConfig(StageConfig):
    """Enlargement."""

    method: Names = Field(
        default="lanczos",
        description="how colours are enlarged: lanczos, or a model that enlarges; alpha is always enlarged apart",
    )
    scale: Annotated[float, Field(gt=0, le=8)] = Field(default=2.0, description="factor for width and height")

    def chains(self) -> dict[str, Chain]:
        """The method."""
        return {"method": Chain(_chain(self.method), "upscale", ("lanczos",))}


Keepable = Literal["copyright", "artist", "description", "captured", "make", "model", "place"]
"""What of a photo's metadata may be kept (see imgflow/photos/metadata.py)."""


class PublishConfig(StageConfig):
    """The file that is written."""

    code_version: ClassVar[str] = "3"

    format: Literal["png", "webp", "jpeg"] = Field(
        default="png", description="jpeg has no transparency: it is laid on `background`"
    )
    quality: Annotated[int, Field(ge=1, le=100)] = Field(default=95, description="jpeg and lossy webp")
    lossless: bool = Field(default=True, description="webp only")
    compression: Annotated[int, Field(ge=0, le=9)] = Field(default=6, description="png only: 0 none, 9 smallest")
    background: str = Field(
        default="#ffffff", description="colour below the product where the format has no transparency"
    )
    keep: tuple[Keepable, ...] = Field(
        default=("copyright", "artist", "description"),
        description="which of the photo's own metadata go into the file; captured: date and time; make, model: the "
        "camera; place: where it was taken (GPS). Serial numbers, previews and all else never do",
    )
    stamp: bool = Field(
        default=True,
        description="write into the file which imgflow, recipe and models made it, for `imgflow inspect` and others",
    )

    @field_validator("keep", mode="before")
    @classmethod
    def _names_in_a_text(cls, value: Any) -> Any:
        # An empty value is nothing to YAML.
        text = "" if value is None else value
        return [name.strip() for name in text.split(",") if name.strip()] if isinstance(text, str) else text

    @field_validator("keep")
    @classmethod
    def _in_one_order(cls, value: tuple[Keepable, ...]) -> tuple[Keepable, ...]:
        # The same choice must be the same recipe.
        return tuple(name for name in get_args(Keepable) if name in value)

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
    strict: bool = Field(
        default=False, description="a stage that would use another model, method, device or size than the first fails"
    )
    denoise: DenoiseConfig = DenoiseConfig()
    shadow: ShadowConfig = ShadowConfig()
    matte: MatteConfig = MatteConfig()
    enhance: EnhanceConfig = EnhanceConfig()
    publish: PublishConfig = PublishConfig()

    def is_on(self, stage: StageName) -> bool:
        """Whether the stage runs."""
        return stage == "publish" or stage in self.steps

    def chains(self) -> list[Chain]:
        """Of all stages that are on."""
        return [chain for stage in STAGES if self.is_on(stage) for chain in self.config(stage).chains().values()]

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
