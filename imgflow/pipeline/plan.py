"""What each stage will do to a photo, as one hash: the chain.

A chain names everything but the photo: the stages so far with code version, parameters, model and weights. A result's
*fingerprint* is its chain together with the photo's content. Same fingerprint and object present: nothing to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imgflow.photos.limits import Limits
from imgflow.recipe import STAGES, Recipe, StageConfig, StageName, digest

ORIGINAL = "original"
"""The stage name under which the archived photo stands in the catalog."""

DECODER_VERSION = "1"
"""Raised when decoding gives other pixels than before."""

ORIGINAL_CHAIN = digest([ORIGINAL, DECODER_VERSION])


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of a recipe.

    Attributes:
        is_on: False: the photo passes through untouched and its chain does not grow.
        spec: everything that decides the pixels, as JSON.
    """

    stage: StageName
    is_on: bool
    config: StageConfig
    spec: dict[str, Any]

    def extend(self, chain: str) -> str:
        """The chain after this stage."""
        return digest([chain, self.spec]) if self.is_on else chain


def plan_stage(recipe: Recipe, stage: StageName, weights_hash: Callable[[str], str]) -> StagePlan:
    """The plan of one stage; `weights_hash` tells the pinned hash of a model's weights by its name."""
    config = recipe.config(stage)
    model = getattr(config, "model", None)
    spec: dict[str, Any] = {"stage": stage, "code": config.code_version, "config": config.model_dump(mode="json")}
    if model is not None:
        spec["weights"] = weights_hash(model)
    return StagePlan(stage, recipe.is_on(stage), config, spec)


def published_chain(recipe: Recipe, weights_hash: Callable[[str], str]) -> str:
    """The chain of a photo that has gone through the whole recipe."""
    chain = ORIGINAL_CHAIN
    for stage in STAGES:
        chain = plan_stage(recipe, stage, weights_hash).extend(chain)
    return chain


def rejected_chain(published: str, limits: Limits) -> str:
    """The chain of a rejection: it also depends on the limits, which change no pixels of the photos taken in."""
    return digest([published, ORIGINAL_CHAIN, repr(limits)])


def fingerprint(version: str, chain: str) -> str:
    """The name of one photo's result: its content's SHA-256 and the chain."""
    return digest([version, chain])
