"""Workers' claims on their steps: kept for as long as it takes, and not for longer than the worker lives."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgflow.execution.celery_queues import celery_options
from imgflow.settings import Settings
from imgflow_tests.servers import Redis

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
VISIBLE_AGAIN = 3 + 1
"""Seconds after which the broker hands out a step anew that nobody has claimed again: slow_app's settings."""


@pytest.fixture
def worker(redis: Redis, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Call it with a name to start a worker of slow_app."""
    celery = [str(Path(sys.executable).with_name("celery")), "--app", "imgflow_tests.cluster.slow_app", "worker"]
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, **environment: str) -> "subprocess.Popen[bytes]":
        environment |= {"IMGFLOW_CELERY_BROKER_URL": redis.url, "PYTHONPATH": str(ROOT)}
        with (tmp_path / "log").open("ab") as log:
            command = [*celery, "--hostname", f"{name}@test", "--queues", "cpu", "--loglevel", "info"]
            process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def send(redis: Redis, notes: Path, seconds: float) -> None:
    from celery import Celery

    with Celery("sender", **celery_options(Settings(celery_broker_url=redis.url))) as app:  # type: ignore[arg-type]
        app.send_task("slow", [str(notes), seconds], queue="cpu")


def wait_for(notes: Path, wanted: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not notes.exists() or wanted not in notes.read_text():
        assert time.monotonic() < deadline, f"{wanted!r} not in {notes.read_text() if notes.exists() else None!r}"
        time.sleep(0.05)


@pytest.mark.long(15)
def test_a_long_step_is_not_handed_to_a_second_worker(
    worker: Callable[..., "subprocess.Popen[bytes]"], redis: Redis, tmp_path: Path
):
    notes = tmp_path / "notes"
    for name in ("first", "second"):
        worker(name)
    send(redis, notes, 3 * VISIBLE_AGAIN)
    wait_for(notes, "ended")
    assert notes.read_text() == "begun\nended\n"


@pytest.mark.long(15)
def test_without_claims_it_would_be(worker: Callable[..., "subprocess.Popen[bytes]"], redis: Redis, tmp_path: Path):
    notes = tmp_path / "notes"
    for name in ("first", "second"):
        worker(name, WITHOUT_CLAIMS="1")
    send(redis, notes, 3 * VISIBLE_AGAIN)
    wait_for(notes, "begun\nbegun\n")
