"""What a batch's report becomes in Dagster."""

from dagster import AssetCheckSeverity

from imgflow.defs.metadata import doubt_check, failure_check, report_metadata
from imgflow.pipeline.report import BatchReport, Outcome

FELL_BACK = "birefnet was wanted, but is not here"


def report(*outcomes: Outcome) -> BatchReport:
    return BatchReport("matte", "shoes-1", list(outcomes), seconds=3.0)


def test_a_fallback_is_counted_and_the_check_warns_of_it():
    fallen = Outcome("a.jpg", "done", 1.0, "u2netp", "cpu", FELL_BACK, doubt=f"fell back: {FELL_BACK}")
    wanted = Outcome("b.jpg", "done", 1.0, "birefnet", "cpu")
    made = report(wanted, fallen)
    assert report_metadata(made)["fallback"] == f"{FELL_BACK} (1)"
    check = doubt_check(made)
    assert not check.passed and check.severity == AssetCheckSeverity.WARN
    assert check.description == f"a.jpg: fell back: {FELL_BACK}"
    assert failure_check(made).passed


def test_where_all_went_as_wanted_nothing_is_said():
    made = report(Outcome("b.jpg", "done", 1.0, "birefnet", "cpu"))
    assert doubt_check(made).passed and failure_check(made).passed
    assert "fallback" not in report_metadata(made)


def test_a_failure_fails_the_other_check():
    made = report(Outcome("c.jpg", "failed", code="fell_back", message=FELL_BACK))
    check = failure_check(made)
    assert not check.passed and check.severity == AssetCheckSeverity.ERROR
    assert check.description == "c.jpg: fell_back"
    assert doubt_check(made).passed
