"""What a stage did with a batch: one outcome a photo."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from imgflow.pipeline.contact_sheet import Pair

Status = Literal["done", "unchanged", "off", "failed", "rejected", "skipped", "replaced"]
"""
* done: worked on now.
* unchanged: the result was there already.
* off: the recipe leaves this stage out; the photo passes through.
* failed, rejected: see the code; a rejected photo is kept in `rejected/`.
* skipped: an earlier stage failed, or the photo was not selected.
* replaced: a newer version of the photo is in another batch.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one photo at one stage.

    Attributes:
        doubt: it went through, and a person should look at it.
        code: of the error, here or at a stage before; `message` says it in words.
    """

    key: str
    status: Status
    seconds: float = 0.0
    model: str | None = None
    device: str | None = None
    fallback: str | None = None
    doubt: str | None = None
    code: str | None = None
    message: str | None = None
    object_key: str | None = None
    pair: Pair | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The outcomes of a batch at one stage, in the order of the photos' keys."""

    stage: str
    batch_key: str
    outcomes: list[Outcome]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """How many photos had each status."""
        return dict(Counter(outcome.status for outcome in self.outcomes))

    @property
    def doubtful(self) -> list[Outcome]:
        """Photos that went through this stage and should be looked at."""
        return [outcome for outcome in self.outcomes if outcome.doubt]

    @property
    def failures(self) -> list[Outcome]:
        """Photos that failed or were rejected, at this stage or before."""
        return [outcome for outcome in self.outcomes if outcome.code]
