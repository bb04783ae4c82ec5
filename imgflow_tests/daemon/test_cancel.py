"""Somebody cancels a run in the UI."""

from collections.abc import Callable

import pytest
from dagster import DagsterRunStatus

from imgflow.execution.workers import Workers
from imgflow.samples import SCENES
from imgflow.samples.files import encoded, render
from imgflow_tests.daemon.installation import Installation

pytestmark = pytest.mark.server


@pytest.mark.long(25)
def test_a_cancelled_run_ends_soon_and_its_batch_waits_for_a_person_or_the_refresh(
    install: Callable[..., Installation],
):
    installation = install()
    # Large enough that somebody can cancel in the middle of the matte.
    installation.drop("slow/plush.jpg", encoded(render("plush", megapixels=8), SCENES["plush"]))
    installation.start_daemon()

    def at_matte() -> bool:
        return any(row.stage == "matte" and row.status == "running" for row in installation.results())

    installation.wait(at_matte, 120, "the matte to begin")
    (worker,) = [worker for worker in Workers(installation.settings).alive() if worker.device != "runs"]
    (run,) = installation.instance.get_runs()
    assert installation.instance.run_coordinator.cancel_run(run.run_id)

    def cancelled() -> bool:
        current = installation.instance.get_run_by_id(run.run_id)
        return current is not None and current.status == DagsterRunStatus.CANCELED

    installation.wait(cancelled, 60, "the run to be cancelled")
    installation.wait(lambda: not installation.standing().open_batches, 60, "the sensor to see it")
    assert installation.standing().photos == {"slow/plush.jpg": "waiting"}
    assert len(installation.instance.get_runs()) == 1
    # The worker and its model are still there, and the attempt is not held against the photo.
    installation.wait(lambda: worker.ask("state")["running"] is None, 60, "the worker to be free")
    assert {row.attempts for row in installation.results() if row.stage == "matte"} == {0}
