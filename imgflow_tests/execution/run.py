"""A trial job's run as a process of its own, forked by a server that has Dagster imported already."""

import os
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]


def execute(job: str, environment: dict[str, str]) -> None:
    """Executes the job in this environment; the process's exit code is 1 if it fails. What it logs is thrown away."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    warnings.simplefilter("ignore")
    # Only now: its jobs are made with the settings of the environment.
    from imgflow_tests.execution.trials import main

    main(job)
