"""One photo straight through the stages: no store, no catalog, no Dagster."""

import time
from dataclasses import dataclass

from imgflow.models.loader import Models
from imgflow.photos.decode import decode
from imgflow.photos.encode import encode
from imgflow.photos.limits import Limits
from imgflow.pipeline.run_stage import Step, run_stage
from imgflow.recipe import STAGES, Recipe


@dataclass(frozen=True, slots=True)
class Processed:
    """A finished photo: the encoded file, and what each stage did."""

    data: bytes
    steps: list[Step]


def process_photo(data: bytes, recipe: Recipe, limits: Limits, models: Models) -> Processed:
    """Decode, run the recipe's stages, and encode.

    Raises:
        PhotoError: the photo cannot be taken in or worked on.
        InfrastructureError: a model cannot be had.
    """
    decoded = decode(data, limits)
    picture = decoded.picture
    steps: list[Step] = []
    for stage in STAGES:
        if stage != "publish" and recipe.is_on(stage):
            picture, step = run_stage(stage, recipe.config(stage), picture, models)
            steps.append(step)
    started = time.perf_counter()
    encoded = encode(picture, recipe.publish, decoded.source.metadata)
    details = {"format": recipe.publish.format, "bytes": len(encoded)}
    steps.append(Step("publish", time.perf_counter() - started, details=details))
    return Processed(encoded, steps)
