"""What every stage takes and returns."""

from dataclasses import dataclass, field
from typing import Any

from imgflow.photos.picture import Picture


@dataclass(frozen=True)
class StageOutput:
    """A stage's picture, and what is worth recording about how it was made.

    Attributes:
        picture: the result.
        details: JSON values by name, such as `{"method": "bilateral", "noise": 2.3}`.
    """

    picture: Picture
    details: dict[str, Any] = field(default_factory=dict[str, Any])
