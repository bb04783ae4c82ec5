"""Everything that imgflow offers to Dagster, made from settings."""

from dagster import Definitions

from imgflow.defs.assets import stage_assets
from imgflow.defs.batches import batch_partitions
from imgflow.defs.jobs import batch_job, executor_of, refresh_job
from imgflow.defs.resources import WorkspaceResource
from imgflow.defs.schedules import nightly_refresh
from imgflow.defs.sensors import drop_folder_sensor
from imgflow.settings import Settings


def build_definitions(settings: Settings, name: str | None = None) -> Definitions:
    """Assets, jobs, sensor, schedule and resource of one imgflow catalog.

    Args:
        settings: of this catalog: its own store, inbox, recipes and catalog database.
        name: for a project with definitions of its own, or with several imgflow catalogs: prefix of the asset keys and
            of every other name, so that `Definitions.merge` finds no two alike. Without it the definitions also bring
            the executor for runs started by hand.
    """
    prefix = f"{name}_" if name else ""
    resource = f"{prefix}imgflow"
    batches = batch_partitions(name)
    assets = stage_assets(settings, batches, resource, [name] if name else [])
    process, refresh = batch_job(settings, assets, prefix), refresh_job(resource, prefix)
    return Definitions(
        assets=assets,
        jobs=[process, refresh],
        sensors=[drop_folder_sensor(settings, process, batches, resource, prefix)],
        schedules=[nightly_refresh(settings, refresh, prefix)],
        resources={resource: WorkspaceResource(settings)},
        executor=None if name else executor_of(settings),
    )
