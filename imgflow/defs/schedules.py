"""The nightly refresh."""

from dagster import DefaultScheduleStatus, JobDefinition, ScheduleDefinition

from imgflow.settings import Settings


def nightly_refresh(settings: Settings, job: JobDefinition, prefix: str) -> ScheduleDefinition:
    """Plans the refresh every night (or as `IMGFLOW_REFRESH_CRON` says)."""
    return ScheduleDefinition(
        name=f"{prefix}nightly_catalog_refresh",
        job=job,
        cron_schedule=settings.refresh_cron,
        execution_timezone=settings.refresh_timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Regroups photos that are missing, failed or stale under today's recipe into new batches.",
    )
