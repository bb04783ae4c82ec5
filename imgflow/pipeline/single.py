"""One photo straight through the stages: no store, no catalog, no Dagster."""

import time
from dataclasses import dataclass
from typing import Any

from imgflow.errors import ImgflowError, PhotoError
from imgflow.models.loader import Models
from imgflow.photos.decode import decode
from imgflow.photos.encode import encode
from imgflow.photos.limits import Limits
from imgflow.pipeline.files import Job, read_photo, write_result
from imgflow.pipeline.run_stage import Step, run_stage
from imgflow.recipe import STAGES, Recipe


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one photo.

    Attributes:
        error: why there is no result; None when it is done.
        older_result: the photo failed, and a result that an earlier run has written is still in its place.
        steps: what each stage did; of a failed photo, the stages before the one that failed.
        seconds: wall time with reading and writing.
    """

    job: Job
    error: PhotoError | None
    older_result: bool
    steps: list[Step]
    seconds: float

    @property
    def message(self) -> str | None:
        """Why there is no result, for a person."""
        if self.error is None:
            return None
        older = f" {self.job.target} is still the result of an earlier run." if self.older_result else ""
        return self.error.message + older

    def as_json(self) -> dict[str, Any]:
        """For `imgflow process --json`."""
        return {
            "input": str(self.job.source),
            "output": None if self.error else str(self.job.target),
            "status": "failed" if self.error else "done",
            "error": {"code": self.error.code, "message": self.message} if self.error else None,
            "steps": [step.as_json() for step in self.steps],
            "seconds": round(self.seconds, 4),
        }


def process_file(job: Job, limits: Limits, models: Models) -> Processed:
    """Read a photo, work on it, and write its result in place of an older one; a photo's failure is told, not raised.

    Raises:
        UsageError: the result cannot be written.
        InfrastructureError: a model cannot be had.
    """
    started = time.perf_counter()
    steps: list[Step] = []
    error = None
    try:
        write_result(
            job.target, process_photo(read_photo(job.source, limits.max_bytes), job.recipe, limits, models, steps)
        )
    except PhotoError as known:
        error = known
    except MemoryError:
        error = PhotoError("out_of_memory")
    except ImgflowError:
        raise
    except Exception as unexpected:
        # A mistake of ours on one photo must not stop the others.
        error = PhotoError("internal", f"{type(unexpected).__name__}: {unexpected}")
    # A failure deletes nothing: the older file may be the only good one. It is named, so that nobody takes it for new.
    older_result = error is not None and job.target.exists()
    return Processed(job, error, older_result, steps, time.perf_counter() - started)


def process_photo(data: bytes, recipe: Recipe, limits: Limits, models: Models, steps: list[Step]) -> bytes:
    """Decode, run the recipe's stages, and encode.

    Args:
        steps: what each stage did is added to it, so that a failed photo shows how far it came.

    Returns:
        The encoded file.

    Raises:
        PhotoError: the photo cannot be taken in or worked on.
        InfrastructureError: a model cannot be had.
    """
    decoded = decode(data, limits)
    picture = decoded.picture
    for stage in STAGES:
        if stage != "publish" and recipe.is_on(stage):
            picture, step = run_stage(stage, recipe.config(stage), picture, models)
            steps.append(step)
    started = time.perf_counter()
    encoded = encode(picture, recipe.publish, decoded.source.metadata)
    details = {"format": recipe.publish.format, "bytes": len(encoded)}
    steps.append(Step("publish", time.perf_counter() - started, details=details))
    return encoded
