"""What each stage will do to a photo, as one hash: the chain.

A chain names everything but the photo: the stages so far with code version, parameters, model and weights. A result's
*fingerprint* is its chain together with the photo's content. Same fingerprint and object present: nothing to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imgflow.photos.limits import Limits
from imgflow.recipe import STAGES, Chain, Recipe, StageConfig, StageName, digest

ORIGINAL = "original"
"""The stage name under which the archived photo stands in the catalog."""

BEFORE_SHADOW = STAGES[STAGES.index("shadow") - 1]
"""What it has left is the photo with its shadow, in which the matte stage finds edges."""

DECODER_VERSION = "1"
"""Raised when decoding gives other pixels than before."""

ORIGINAL_CHAIN = digest([ORIGINAL, DECODER_VERSION])


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of a recipe.

    Attributes:
        is_on: False: the photo passes through untouched and its chain does not grow.
        is_strict: a fallback is a failure.
        spec: everything that decides the pixels, as JSON.
    """

    stage: StageName
    is_on: bool
    is_strict: bool
    config: StageConfig
    spec: dict[str, Any]

    def extend(self, chain: str) -> str:
        """The chain after this stage."""
        return digest([chain, self.spec]) if self.is_on else chain


def upstream_of(stage: StageName) -> str:
    """The stage before, or the original."""
    return (ORIGINAL, *STAGES)[STAGES.index(stage)]


def read_by(stage: StageName) -> list[str]:
    """The stages whose results a stage reads: what is published tells all that was done to the photo."""
    earlier = [ORIGINAL, *STAGES[: STAGES.index(stage)]]
    read: set[str] = {ORIGINAL, upstream_of(stage)}
    if stage == "matte":
        read.add(BEFORE_SHADOW)
    return earlier if stage == "publish" else [each for each in earlier if each in read]


WeightsHash = Callable[[Chain], str | None]
"""Tells the hash of the weights that a stage would use today, or None where it would use a method of its own."""


def plan_stage(recipe: Recipe, stage: StageName, weights_hash: WeightsHash) -> StagePlan:
    """The plan of one stage."""
    config = recipe.config(stage)
    spec: dict[str, Any] = {"stage": stage, "code": config.code_version, "config": config.model_dump(mode="json")}
    is_on = recipe.is_on(stage)
    weights = {field: weights_hash(chain) for field, chain in config.chains().items()} if is_on else {}
    if any(weights.values()):
        spec["weights"] = weights
    return StagePlan(stage, is_on, recipe.strict, config, spec)


def published_chain(recipe: Recipe, weights_hash: WeightsHash) -> str:
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
