"""The assets: one for each stage, partitioned by batch."""

import warnings
from collections.abc import Callable
from typing import Any

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Backoff,
    DynamicPartitionsDefinition,
    Failure,
    Jitter,
    MaterializeResult,
    PreviewWarning,
    RetryPolicy,
    asset,
)
from pydantic import ValidationError

from imgflow.catalog.batches import find_batch
from imgflow.catalog.tables import Batch
from imgflow.defs.config import StageRunConfig, stage_run_config
from imgflow.defs.metadata import EVERY_PHOTO, NO_DOUBT, doubt_check, failure_check, report_metadata
from imgflow.defs.resources import WorkspaceResource
from imgflow.errors import UsageError
from imgflow.pipeline.naming import ORIGINALS, STAGE_FOLDERS
from imgflow.pipeline.originals import take_in_batch
from imgflow.pipeline.plan import DECODER_VERSION
from imgflow.pipeline.report import BatchReport
from imgflow.pipeline.stage_batch import StageBatch
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe import STAGES, Recipe, StageConfig, StageName
from imgflow.settings import Settings

# For trouble that is not a photo's: store or database away, device lost. Finished photos are not done twice.
RETRY = RetryPolicy(max_retries=4, delay=2, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)

# What each executor reads to send a step to its device: imgflow's own, dagster-celery, dagster-k8s.
_DEVICE_TAGS: dict[str, dict[str, Any]] = {
    "cpu": {"imgflow/device": "cpu", "dagster-celery/queue": "cpu"},
    "gpu": {
        "imgflow/device": "gpu",
        "dagster-celery/queue": "gpu",
        "dagster-k8s/config": {"container_config": {"resources": {"limits": {"nvidia.com/gpu": 1}}}},
    },
}

_DESCRIPTIONS: dict[str, str] = {
    ORIGINALS: "Photos validated and archived as they came, the inbox emptied; refused ones are in `rejected/`.",
    "denoised": "Noise taken out; clean photos stay as they are.",
    "shadow_free": "Cast shadows taken off the ground; the product stays as it is.",
    "matted": "The product cut out: soft alpha, and edge colours without the background's.",
    "enhanced": "Enlarged, colours and alpha apart.",
    "published": "Catalog-ready pictures.",
}


def stage_assets(
    settings: Settings, batches: DynamicPartitionsDefinition, resource: str, prefix: list[str]
) -> list[AssetsDefinition]:
    """`originals`, `denoised`, `shadow_free`, `matted`, `enhanced` and `published` of one imgflow catalog.

    Args:
        resource: key of its `WorkspaceResource`.
        prefix: of the asset keys.
    """

    def build(
        name: str,
        upstream: str | None,
        stage: str,
        code_version: str,
        config_type: type[StageRunConfig],
        work: Callable[[Workspace, Batch, StageRunConfig, AssetExecutionContext], BatchReport],
    ) -> AssetsDefinition:
        device = settings.stage_devices.get(stage, "cpu")
        key = AssetKey([*prefix, name])
        checks = [_check(EVERY_PHOTO, key, batches, "No photo of the batch has failed.")]
        # Whatever chooses among models and methods may fall back.
        has_doubts = stage in STAGES and type(Recipe().config(stage)).chains is not StageConfig.chains
        if has_doubts:
            checks.append(_check(NO_DOUBT, key, batches, "No photo of the batch needs to be looked at."))

        @asset(
            name=name,
            key_prefix=prefix or None,
            deps=[AssetKey([*prefix, upstream])] if upstream else None,
            partitions_def=batches,
            check_specs=checks,
            required_resource_keys={resource},
            retry_policy=RETRY,
            pool=device,
            op_tags={"imgflow/stage": stage, **_DEVICE_TAGS[device]},
            group_name="_".join([*prefix, "imgflow"]),
            code_version=code_version,
            description=_DESCRIPTIONS[name],
            kinds={"python"},
        )
        def stage_asset(context: AssetExecutionContext, config: config_type) -> MaterializeResult:  # type: ignore[type-arg, valid-type]
            workspace_resource: WorkspaceResource = getattr(context.resources, resource)
            workspace = workspace_resource.open()
            with workspace.catalog.read() as session:
                batch = find_batch(session, context.partition_key)
            if batch is None:
                raise Failure(
                    f"The catalog {workspace.catalog.describe()} has no batch {context.partition_key!r}; "
                    "batches are made by the drop folder sensor and the nightly refresh.",
                    allow_retries=False,
                )
            try:
                report = work(workspace, batch, config, context)
            except UsageError as error:
                raise Failure(str(error), allow_retries=False) from error
            results = [failure_check(report), *([doubt_check(report)] if has_doubts else [])]
            return MaterializeResult(metadata=report_metadata(report), check_results=results)

        return stage_asset

    assets = [build(ORIGINALS, None, "original", DECODER_VERSION, StageRunConfig, _take_in)]
    upstream = ORIGINALS
    for stage in STAGES:
        name = STAGE_FOLDERS[stage]
        version = Recipe().config(stage).code_version
        assets.append(build(name, upstream, stage, version, stage_run_config(stage), _run_stage(stage)))
        upstream = name
    return assets


def _check(name: str, asset_key: AssetKey, batches: DynamicPartitionsDefinition, description: str) -> AssetCheckSpec:
    with warnings.catch_warnings():
        # Checks by partition are a preview in Dagster. We know; the log of every process need not say so each time.
        warnings.simplefilter("ignore", PreviewWarning)
        return AssetCheckSpec(name, asset=asset_key, partitions_def=batches, description=description)


def _take_in(workspace: Workspace, batch: Batch, config: StageRunConfig, context: AssetExecutionContext) -> BatchReport:
    return take_in_batch(workspace, batch, force=config.force, only=frozenset(config.only), log=context.log)


def _run_stage(stage: StageName) -> Callable[[Workspace, Batch, StageRunConfig, AssetExecutionContext], BatchReport]:
    def work(workspace: Workspace, batch: Batch, config: StageRunConfig, context: AssetExecutionContext) -> BatchReport:
        recipe = workspace.recipe_for(batch.folder)
        try:
            recipe = recipe.with_overrides(stage, config.overrides())
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(f"launchpad config of {STAGE_FOLDERS[stage]}: {problems}") from error
        return StageBatch(
            workspace, batch, stage, recipe, context.log, force=config.force, only=frozenset(config.only)
        ).run()

    return work
