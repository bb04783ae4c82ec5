"""Jobs whose steps tell where they ran, or behave badly."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from dagster import (
    DagsterInstance,
    In,
    JobDefinition,
    Nothing,
    OpExecutionContext,
    RetryPolicy,
    build_reconstructable_job,
    execute_job,
    job,
    op,
)

from imgflow.execution.resident import resident_executor
from imgflow.settings import Settings

# Steps and the test speak through files in this folder.
FOLDER = "IMGFLOW_TEST_FOLDER"


def told(name: str) -> Path:
    return Path(os.environ[FOLDER]) / name


def _tell(name: str, text: Any = "") -> None:
    told(name).write_text(str(text))


def _wait_for(name: str) -> None:
    while not told(name).exists():
        time.sleep(0.01)


@op(tags={"imgflow/device": "cpu"})
def on_cpu(context: OpExecutionContext) -> None:
    _tell(f"cpu-{context.run_id}", os.getpid())


@op(tags={"imgflow/device": "gpu"}, ins={"after": In(Nothing)})
def on_gpu(context: OpExecutionContext) -> None:
    _tell(f"gpu-{context.run_id}", f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}")


@op(tags={"imgflow/device": "cpu"}, retry_policy=RetryPolicy(max_retries=1, delay=0))
def dies_once(context: OpExecutionContext) -> None:
    if context.retry_number == 0:
        print("these are my last words", flush=True)
        os.write(2, b"these are my last words\n")
        os._exit(7)
    _tell("survived", os.getpid())


@op(tags={"imgflow/device": "cpu"})
def dies_always() -> None:
    os.kill(os.getpid(), 9)


@op(tags={"imgflow/device": "cpu"})
def raises() -> None:
    raise ValueError("the step's own mistake")


@op(tags={"imgflow/device": "gpu"})
def holds_on_gpu() -> None:
    _tell("holding", os.getpid())
    _wait_for("let go")


@op(tags={"imgflow/device": "cpu"})
def holds_on() -> None:
    _tell("holding", os.getpid())
    try:
        _wait_for("let go")
    except BaseException as error:
        _tell("interrupted", type(error).__name__)
        raise


@job(executor_def=resident_executor(Settings()))
def both_devices() -> None:
    on_gpu(after=on_cpu())


@job(executor_def=resident_executor(Settings()))
def dying_once() -> None:
    dies_once()


@job(executor_def=resident_executor(Settings()))
def dying_always() -> None:
    dies_always()


@job(executor_def=resident_executor(Settings()))
def raising() -> None:
    raises()


@job(executor_def=resident_executor(Settings()))
def holding() -> None:
    holds_on()


@job(executor_def=resident_executor(Settings()))
def holding_gpu() -> None:
    holds_on_gpu()


def main(name: str) -> None:
    """Executes the job that is named, as a run's process would; exit code 1 if it fails."""
    trial = trial_named(name)
    with DagsterInstance.get() as instance:
        result = execute_job(
            build_reconstructable_job("imgflow_tests.execution.trials", "trial_named", (trial.name,)), instance
        )
    sys.exit(0 if result.success else 1)


def trial_named(name: str) -> JobDefinition:
    return globals()[name]
