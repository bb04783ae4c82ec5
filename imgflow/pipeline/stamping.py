"""The stamp of a photo's result, from what was done to it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imgflow.photos.stamp import Stamp, StampedStage
from imgflow.pipeline.plan import ORIGINAL_CHAIN
from imgflow.pipeline.run_stage import Step
from imgflow.recipe import STAGES, PublishConfig, Recipe, StageConfig, digest

if TYPE_CHECKING:
    from imgflow.catalog.tables import Result


def stamp_of_steps(recipe: Recipe, steps: Iterable[Step]) -> Stamp:
    """Of a photo that went straight through the stages."""
    configs = {name: recipe.config(name) for name in STAGES}
    stages = [_stage(step.name, configs[step.name], step.model, step.details) for step in steps]
    return Stamp([*stages, _stage("publish", recipe.publish)])


def stamp_of_results(results: "Iterable[Result]", publish: PublishConfig) -> Stamp:
    """Of a photo whose stages stand in the catalog.

    How a stage worked is told if its row says so and the later rows build on it: somebody may have run one stage alone
    since. Else only the stage's name is.

    Args:
        results: of the photo's earlier stages.
    """
    done = {result.stage: result for result in results if result.status == "done"}
    stages: list[StampedStage] = []
    chain = ORIGINAL_CHAIN
    for name in STAGES:
        if row := done.get(name):
            details = row.details or {}
            spec = details.get("spec", {})
            is_known = digest([chain, spec]) == row.chain
            stages.append(_stage(name, spec, row.model, details) if is_known else StampedStage(name, ""))
            chain = row.chain
    return Stamp([*stages, _stage("publish", publish)])


def _stage(
    name: str, how: StageConfig | Mapping[str, Any], model: str | None = None, details: Mapping[str, Any] | None = None
) -> StampedStage:
    """Args: `how` is the stage's config, or its plan's spec; `model` and `details` are as in `Step`."""
    if isinstance(how, StageConfig):
        code, parameters = how.code_version, how.model_dump(mode="json")
    else:
        code, parameters = how["code"], how["config"]
    names = model.split(", ") if model else []
    weights = (details or {}).get("weights", "").split(", ")
    return StampedStage(name, code, parameters, dict(zip(names, weights, strict=False)))
