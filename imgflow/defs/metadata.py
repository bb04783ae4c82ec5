"""A batch report as Dagster metadata."""

from collections import Counter
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
)

from imgflow.pipeline.contact_sheet import contact_sheet
from imgflow.pipeline.report import BatchReport, Outcome

EVERY_PHOTO = "every_photo"
NO_DOUBT = "no_doubt"

_MOST_ROWS = 200
# Dagster stores each sheet three times; larger ones would take more room than the rest of its records together.
_SHEET_BYTES = 30_000
_COLUMNS = {
    "photo": "string",
    "status": "string",
    "seconds": "float",
    "model": "string",
    "device": "string",
    "remark": "string",
    "object": "string",
}


def report_metadata(report: BatchReport) -> dict[str, int | float | str | MetadataValue[Any]]:
    """Counts, seconds, the table of photos, and the before/after sheet."""
    worked = [outcome for outcome in report.outcomes if outcome.status == "done"]
    metadata: dict[str, int | float | str | MetadataValue[Any]] = {
        "photos": len(report.outcomes),
        **report.counts,
        "seconds": round(report.seconds, 3),
        "seconds_per_photo": round(sum(o.seconds for o in worked) / len(worked), 3) if worked else 0.0,
    }
    for name in ("model", "device", "fallback"):
        used = Counter(value for outcome in worked if (value := getattr(outcome, name)))
        if used:
            metadata[name] = ", ".join(f"{value} ({count})" for value, count in used.most_common())
    # Failures and doubts first: they are what a person looks for when the table is cut.
    rows = sorted(report.outcomes, key=lambda outcome: (outcome.code is None, outcome.doubt is None))[:_MOST_ROWS]
    metadata["table"] = MetadataValue.table(
        records=[_row(outcome) for outcome in rows],
        schema=TableSchema(columns=[TableColumn(name, kind) for name, kind in _COLUMNS.items()]),
    )
    sheet = contact_sheet([outcome.pair for outcome in worked if outcome.pair], _SHEET_BYTES)
    if sheet:
        metadata["before_after"] = MetadataValue.md(sheet)
    return metadata


def failure_check(report: BatchReport) -> AssetCheckResult:
    """Failed if any photo of the batch has failed up to this stage; names each with its reason."""
    named = [(outcome.key, outcome.code or "", outcome.message or "") for outcome in report.failures]
    return _check(EVERY_PHOTO, AssetCheckSeverity.ERROR, "failed", named, "every photo went through")


def doubt_check(report: BatchReport) -> AssetCheckResult:
    """Warns of photos that went through and should be looked at: a fallback was used, or the cutout looks wrong."""
    named = [(outcome.key, outcome.doubt or "", "") for outcome in report.doubtful]
    return _check(NO_DOUBT, AssetCheckSeverity.WARN, "doubtful", named, "nothing doubtful")


def _check(
    name: str, severity: AssetCheckSeverity, counted: str, named: list[tuple[str, str, str]], all_well: str
) -> AssetCheckResult:
    lines = [f"- `{key}`: **{reason}** {message}" for key, reason, message in named[:_MOST_ROWS]]
    return AssetCheckResult(
        check_name=name,
        passed=not named,
        severity=severity,
        description="; ".join(f"{key}: {reason}" for key, reason, _ in named[:20]) or all_well,
        metadata={counted: len(named), **({"photos": MetadataValue.md("\n".join(lines))} if lines else {})},
    )


def _row(outcome: Outcome) -> TableRecord:
    return TableRecord(
        {
            "photo": outcome.key,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "model": outcome.model or "",
            "device": outcome.device or "",
            # The check has the whole sentence.
            "remark": outcome.code or outcome.doubt or "",
            "object": outcome.object_key or "",
        }
    )
