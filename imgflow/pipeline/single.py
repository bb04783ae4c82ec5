"""Photos straight through the stages, from files to files: no store, no catalog, no Dagster."""

import contextlib
import functools
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from imgflow.errors import ImgflowError, PhotoError
from imgflow.models.loader import Models
from imgflow.photos.decode import decode
from imgflow.photos.encode import encode
from imgflow.photos.limits import Limits
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.pipeline.files import Job, read_photo, write_result
from imgflow.pipeline.overlap import overlapped
from imgflow.pipeline.run_stage import Step, run_stage
from imgflow.pipeline.stamping import stamp_of_steps
from imgflow.recipe import STAGES, StageName

BEFORE_MATTE = STAGES[: STAGES.index("matte")]
FROM_MATTE = STAGES[STAGES.index("matte") :]
"""What is done with the next photo while the one before is cut out: the two halves take about the same time, and
neither keeps all cores busy."""


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one photo.

    Attributes:
        error: why there is no result; None when it is done.
        older_result: the photo failed, and a result that an earlier run has written is still in its place.
        steps: what each stage did; of a failed photo, the stages before the one that failed.
        seconds: that went into it, with reading and writing; photos overlap, so the sum exceeds the clock's.
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


def process_files(jobs: Sequence[Job], limits: Limits, models: Models, room: float) -> Iterator[Processed]:
    """Read photos, work on them, and write their results in place of older ones: the next photo is read, denoised and
    rid of its shadow, and the last one is written meanwhile. A photo's failure is told, not raised.

    Args:
        room: pixels of photos that are in memory at once; one photo is always worked on, however large.

    Raises:
        UsageError: a result cannot be written.
        InfrastructureError: a model cannot be had.
    """
    work = _FileWork(limits, models)
    pixels = functools.cache(_pixels)
    return overlapped(jobs, work.prepare, work.work, work.write, lambda job: None, lambda job: pixels(job.source), room)


@dataclass(slots=True)
class _Photo:
    """A photo on its way."""

    picture: Picture | None = None
    metadata: PhotoMetadata | None = None
    error: PhotoError | None = None
    steps: list[Step] = field(default_factory=list[Step])
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _FileWork:
    limits: Limits
    models: Models

    def prepare(self, job: Job) -> _Photo:
        photo = _Photo()
        with _told_of(photo):
            decoded = decode(read_photo(job.source, self.limits.max_bytes), self.limits)
            photo.picture, photo.metadata = decoded.picture, decoded.source.metadata
        return self._through(BEFORE_MATTE, job, photo)

    def work(self, job: Job, photo: _Photo) -> _Photo:
        return self._through(FROM_MATTE, job, photo)

    def _through(self, stages: tuple[StageName, ...], job: Job, photo: _Photo) -> _Photo:
        with _told_of(photo):
            for stage in stages:
                if photo.picture and stage != "publish" and job.recipe.is_on(stage):
                    config, strict = job.recipe.config(stage), job.recipe.strict
                    photo.picture, step = run_stage(stage, config, photo.picture, self.models, strict)
                    photo.steps.append(step)
        return photo

    def write(self, job: Job, photo: _Photo) -> Processed:
        with _told_of(photo):
            if photo.picture and not photo.error:
                started = time.perf_counter()
                stamp = stamp_of_steps(job.recipe, photo.steps)
                encoded = encode(photo.picture, job.recipe.publish, photo.metadata, stamp)
                details = {"format": job.recipe.publish.format, "bytes": len(encoded)}
                photo.steps.append(Step("publish", time.perf_counter() - started, details=details))
                write_result(job.target, encoded)
        # A failure deletes nothing: the older file may be the only good one. It is named, so that nobody takes it for
        # new.
        older_result = photo.error is not None and job.target.exists()
        return Processed(job, photo.error, older_result, photo.steps, photo.seconds)


@contextlib.contextmanager
def _told_of(photo: _Photo) -> Generator[None]:
    """What goes wrong with the photo is noted, and what else goes wrong is raised."""
    started = time.perf_counter()
    try:
        yield
    except PhotoError as known:
        photo.error = known
    except MemoryError:
        photo.error = PhotoError("out_of_memory")
    except ImgflowError:
        raise
    except Exception as unexpected:
        # A mistake of ours on one photo must not stop the others.
        photo.error = PhotoError("internal", f"{type(unexpected).__name__}: {unexpected}")
    finally:
        if photo.error:
            photo.picture = None
        photo.seconds += time.perf_counter() - started


def _pixels(source: Path) -> float:
    """As the header has it; where that cannot be read, about as many as such a file may have."""
    try:
        with Image.open(source) as image:
            return image.width * image.height
    except Exception:  # whatever is wrong with it, reading the photo will say so
        with contextlib.suppress(OSError):
            return 10.0 * source.stat().st_size
        return 0.0
