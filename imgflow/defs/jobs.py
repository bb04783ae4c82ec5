"""The jobs: a batch through all stages, and the planning of the nightly refresh."""

from collections.abc import Callable, Sequence

from dagster import (
    AssetsDefinition,
    AssetSelection,
    ExecutorDefinition,
    Failure,
    JobDefinition,
    OpExecutionContext,
    define_asset_job,
    in_process_executor,
    job,
    multiprocess_executor,
    op,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from imgflow.defs.assets import RETRY
from imgflow.defs.resources import WorkspaceResource
from imgflow.execution.resident import resident_executor
from imgflow.pipeline.refresh import plan_refresh
from imgflow.settings import Settings


def _celery(settings: Settings) -> ExecutorDefinition:
    # dagster-celery comes with the `cluster` extra only.
    from imgflow.execution.celery_executor import queue_executor

    return queue_executor(settings)


_EXECUTORS: dict[str, Callable[[Settings], ExecutorDefinition]] = {
    "resident": resident_executor,
    "in_process": lambda _: in_process_executor,
    "multiprocess": lambda _: multiprocess_executor,
    "celery": _celery,
}


def executor_of(settings: Settings) -> ExecutorDefinition:
    """The executor that the settings name."""
    return _EXECUTORS[settings.executor](settings)


def batch_job(settings: Settings, assets: Sequence[AssetsDefinition], prefix: str) -> UnresolvedAssetJobDefinition:
    """A batch through all stages."""
    return define_asset_job(
        f"{prefix}process_batch",
        selection=AssetSelection.assets(*assets),
        executor_def=executor_of(settings),
        description="One batch of photos through all stages.",
        # A crashed run begins anew: what is done is skipped, and the report is about the whole batch.
        tags={"dagster/retry_strategy": "ALL_STEPS"},
    )


def refresh_job(resource: str, prefix: str) -> JobDefinition:
    """Plans the refresh; the drop folder sensor then requests the runs, so many a tick."""

    @op(name=f"{prefix}plan_refresh", required_resource_keys={resource}, retry_policy=RETRY, pool="cpu")
    def plan(context: OpExecutionContext) -> None:
        workspace_resource: WorkspaceResource = getattr(context.resources, resource)
        refresh = plan_refresh(workspace_resource.open())
        context.log.info(
            "%d listed in the read-only prefix, %d of them new or changed; %d stale; %d new batches",
            refresh.listed,
            refresh.arrived,
            refresh.stale,
            refresh.batches,
        )
        context.add_output_metadata(
            {
                "listed": refresh.listed,
                "arrived": refresh.arrived,
                "stale": refresh.stale,
                "batches": refresh.batches,
            }
        )
        if refresh.problems:
            raise Failure(
                "nothing was planned for folders with a bad recipe: " + "; ".join(refresh.problems), allow_retries=False
            )

    @job(
        name=f"{prefix}catalog_refresh",
        executor_def=in_process_executor,
        description="Makes batches of every photo that is missing, failed or stale under today's recipe.",
    )
    def catalog_refresh() -> None:
        plan()

    return catalog_refresh
