"""What reports and the catalog tell of photos."""

from typing import Any

from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Result
from imgflow.recipe import STAGES
from imgflow_tests.pipeline.conftest import Shop


def statuses(report: Any) -> dict[str, str]:
    return {outcome.key: outcome.status for outcome in report.outcomes}


def results(shop: Shop, key: str) -> dict[str, Result]:
    with shop.workspace.catalog.read() as session:
        return {
            stage: row for (_, stage), row in results_of(session, [shop.photo(key).id], ["original", *STAGES]).items()
        }
