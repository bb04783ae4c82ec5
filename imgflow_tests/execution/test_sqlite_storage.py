"""Dagster's storage with connections that stay open: several processes, a kill, and Dagster's own storage beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster import AssetMaterialization, DagsterInstance, job, op

from imgflow_tests.daemon.installation import ROOT, dagster_config


@op
def makes(context) -> None:
    context.log_event(AssetMaterialization("thing"))


@job
def made() -> None:
    makes()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    ours = dagster_config(tmp_path)
    config = {name: ours[name] for name in ("telemetry", "storage", "compute_logs")}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_dagsters_own_storage_takes_over_and_hands_back(instance: DagsterInstance):
    ours = made.execute_in_process(instance=instance)
    with DagsterInstance.local_temp(instance.root_directory) as theirs:
        assert len(theirs.all_logs(ours.run_id)) == len(instance.all_logs(ours.run_id)) > 5
        second = made.execute_in_process(instance=theirs)
    assert len(instance.all_logs(second.run_id)) > 5
    assert instance.get_latest_materialization_event(AssetMaterialization("thing").asset_key).run_id == second.run_id  # type: ignore[union-attr]
    assert instance.get_runs_count() == 2


def test_many_more_runs_than_are_kept_open(instance: DagsterInstance):
    runs = [made.execute_in_process(instance=instance).run_id for _ in range(20)]
    assert {len(instance.all_logs(run)) for run in runs} == {len(instance.all_logs(runs[0]))}
    open_files = list(Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").exists() else []
    paths = {os.path.realpath(file) for file in open_files}
    assert sum(any(run in path for run in runs) and path.endswith(".db") for path in paths) <= 16


def test_events_of_a_killed_process_are_there_and_are_seen_as_they_come(instance: DagsterInstance):
    run = instance.create_run_for_job(made)
    seen: list[str] = []
    instance.event_log_storage.watch(run.run_id, None, lambda entry, _cursor: seen.append(entry.user_message))
    code = (
        "import sys, time\n"
        "from dagster import DagsterInstance\n"
        "instance = DagsterInstance.from_config(sys.argv[1])\n"
        "run = instance.get_run_by_id(sys.argv[2])\n"
        "for number in range(10_000):\n"
        "    instance.report_engine_event(str(number), run)\n"
        "    print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, instance.root_directory, run.run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout
        for _ in range(100):
            line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    told = int(line)
    messages = [entry.dagster_event.message for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    assert messages[: told + 1] == [str(number) for number in range(told + 1)]
    deadline = time.monotonic() + 20
    while len(seen) < told:
        assert time.monotonic() < deadline, f"{len(seen)} of {told} events were seen"
        time.sleep(0.02)
