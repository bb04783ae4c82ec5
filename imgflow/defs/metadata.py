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

CHECK = "every_photo"

_MOST_ROWS = 200
_SHEET_BYTES = 60_000
_COLUMNS = {
    "photo": "string",
    "status": "string",
    "seconds": "float",
    "model": "string",
    "device": "string",
    "error": "string",
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
    # Failures first: they are what a person looks for when the table is cut.
    rows = sorted(report.outcomes, key=lambda outcome: outcome.code is None)[:_MOST_ROWS]
    metadata["table"] = MetadataValue.table(
        records=[_row(outcome) for outcome in rows],
        schema=TableSchema(columns=[TableColumn(name, kind) for name, kind in _COLUMNS.items()]),
    )
    sheet = contact_sheet([outcome.pair for outcome in worked if outcome.pair], _SHEET_BYTES)
    if sheet:
        metadata["before_after"] = MetadataValue.md(sheet)
    return metadata


def report_check(report: BatchReport) -> AssetCheckResult:
    """Failed if any photo of the batch has failed up to this stage; names each with its reason."""
    failures = report.failures
    lines = [f"- `{outcome.key}`: **{outcome.code}** {outcome.message}" for outcome in failures[:_MOST_ROWS]]
    return AssetCheckResult(
        check_name=CHECK,
        passed=not failures,
        severity=AssetCheckSeverity.ERROR,
        description="; ".join(f"{o.key}: {o.code}" for o in failures[:20]) or "every photo went through",
        metadata={"failed": len(failures), **({"photos": MetadataValue.md("\n".join(lines))} if lines else {})},
    )


def _row(outcome: Outcome) -> TableRecord:
    error = f"{outcome.code}: {outcome.message}" if outcome.code else ""
    return TableRecord(
        {
            "photo": outcome.key,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "model": outcome.model or "",
            "device": outcome.device or "",
            "error": error,
            "object": outcome.object_key or "",
        }
    )
