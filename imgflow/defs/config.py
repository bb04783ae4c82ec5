"""What can be set for one run in the launchpad."""

from typing import Any

from dagster import Config
from pydantic import Field, create_model

from imgflow.recipe import Recipe, StageName


class StageRunConfig(Config):
    """The same for every stage."""

    force: bool = Field(default=False, description="work on photos whose result is there already, too")
    only: list[str] = Field(default=[], description="keys of the photos to work on; empty for all of the batch")

    def overrides(self) -> dict[str, Any]:
        """The stage parameters that were set for this run."""
        values = self.model_dump(exclude=set(StageRunConfig.model_fields))
        return {name: value for name, value in values.items() if value is not None}


def stage_run_config(stage: StageName) -> type[StageRunConfig]:
    """`StageRunConfig` with every parameter of the stage as an optional override."""
    fields: dict[str, Any] = {}
    for name, field in type(Recipe().config(stage)).model_fields.items():
        # Dagster knows neither Literal nor bounds behind Optional, and no tuple; the stage's own config checks values.
        kind = list[str] if isinstance(field.default, tuple) else type(field.default)
        note = f"{field.description} (recipe's own if not set; built-in: {field.default!r})"
        fields[name] = (kind | None, Field(default=None, description=note))
    return create_model(f"{stage.capitalize()}RunConfig", __base__=StageRunConfig, **fields)
