"""The celery executor's settings, and what a broker's message may make a worker do."""

import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus, job, op, reconstructable
from dagster._core.events import StepRetryData
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import pack_value, serialize_value
from dagster._utils.error import SerializableErrorInfo

from imgflow.defs.build import build_definitions
from imgflow.errors import SettingsError, WorkerLostError
from imgflow.execution.celery_queues import celery_options
from imgflow.execution.celery_worker import MOST_DEATHS, worker_app
from imgflow.settings import Settings

ROOT = Path(__file__).parents[2]
BROKER = "redis://:hunter2@127.0.0.1:1/0"


def settings(home: Path, **more: object) -> Settings:
    return Settings(home=home, executor="celery", celery_broker_url=BROKER, **more)  # type: ignore[arg-type]


def test_dagster_celery_is_loaded_only_when_chosen(tmp_path: Path):
    code = "import sys, imgflow.definitions; print([n for n in ('dagster_celery', 'celery') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_each_step_is_sent_to_the_queue_of_its_device(tmp_path: Path):
    definitions = build_definitions(settings(tmp_path, stage_devices={"matte": "gpu"}))
    process = definitions.resolve_job_def("process_batch")
    queues = {node.name: node.definition.tags["dagster-celery/queue"] for node in process.graph.nodes}
    assert queues == dict.fromkeys(queues, "cpu") | {"matted": "gpu"}
    assert process.executor_def.name == "celery"


def test_without_a_broker_it_is_told(tmp_path: Path):
    with pytest.raises(SettingsError, match="IMGFLOW_CELERY_BROKER_URL"):
        build_definitions(Settings(home=tmp_path, executor="celery"))


def test_the_brokers_password_does_not_show(tmp_path: Path):
    """What Dagster keeps of a job, and shows of it, does not have the executor's settings."""
    definitions = build_definitions(settings(tmp_path))
    assert "hunter2" not in serialize_value(definitions.resolve_job_def("process_batch").get_job_snapshot())


def test_messages_have_no_database_password_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each message of a step describes the Dagster instance to the worker."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://imgflow:hunter2@db/dagster")
    (tmp_path / "dagster.yaml").write_text((ROOT / "deploy/dagster.yaml").read_text())
    described = serialize_value(InstanceRef.from_dir(str(tmp_path)))
    assert "DAGSTER_POSTGRES_URL" in described
    assert "hunter2" not in described


def test_runs_and_workers_agree(tmp_path: Path):
    ours = settings(tmp_path, celery_lost_seconds=30)
    app = worker_app(ours)
    assert app.conf.broker_url == app.conf.result_backend == BROKER
    for name, value in celery_options(ours)["config_source"].items():
        assert app.conf[name] == value
    assert app.conf.broker_transport_options["visibility_timeout"] == 30
    task = app.tasks["execute_plan"]
    assert (task.acks_late, task.reject_on_worker_lost) == (True, True)


@op
def step() -> None: ...


@job
def process() -> None:
    step()


@pytest.fixture
def instance(tmp_path: Path) -> DagsterInstance:
    home = tmp_path / "dagster"
    home.mkdir()
    return DagsterInstance.local_temp(str(home))


def deliver(instance: DagsterInstance, run: DagsterRun, home: Path) -> object:
    """What a worker does with the message of a step."""
    job = reconstructable(process)
    arguments = ExecuteStepArgs(
        job_origin=job.get_python_origin(),
        run_id=run.run_id,
        step_keys_to_execute=["step"],
        instance_ref=instance.get_ref(),
    )
    return worker_app(settings(home)).tasks["execute_plan"](pack_value(arguments), job.to_dict())


def test_a_step_of_a_run_that_has_ended_is_not_executed(instance: DagsterInstance, tmp_path: Path):
    run = instance.create_run_for_job(process, status=DagsterRunStatus.FAILURE)
    assert deliver(instance, run, tmp_path) == []
    assert not instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_START)


def test_a_step_is_executed_in_the_worker(instance: DagsterInstance, tmp_path: Path):
    run = instance.create_run_for_job(process, status=DagsterRunStatus.STARTED)
    assert deliver(instance, run, tmp_path)
    assert instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_SUCCESS)


def test_a_step_that_kills_its_workers_fails_in_the_end(instance: DagsterInstance, tmp_path: Path):
    run = instance.create_run_for_job(process, status=DagsterRunStatus.STARTED)
    for _ in range(5):  # ends by a failure that may be tried again, and are no deaths
        note(instance, run, DagsterEventType.STEP_START)
        note(instance, run, DagsterEventType.STEP_UP_FOR_RETRY, StepRetryData(SerializableErrorInfo("away", [], None)))
    for _ in range(MOST_DEATHS - 1):
        note(instance, run, DagsterEventType.STEP_START)
    assert deliver(instance, run, tmp_path)

    run = instance.create_run_for_job(process, status=DagsterRunStatus.STARTED)
    for _ in range(MOST_DEATHS):
        note(instance, run, DagsterEventType.STEP_START)
    with pytest.raises(WorkerLostError, match="has lost its worker 3 times"):
        deliver(instance, run, tmp_path)


def note(instance: DagsterInstance, run: DagsterRun, kind: DagsterEventType, data: object = None) -> None:
    event = DagsterEvent(kind.value, run.job_name, step_key="step", event_specific_data=data)  # type: ignore[arg-type]
    instance.report_dagster_event(event, run.run_id)
