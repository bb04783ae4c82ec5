"""A run's side of the queues: it sends a step again that the broker has lost.

The loop that waits for the steps is dagster-celery's. It would wait for ever for a step of which the broker knows
nothing any more: kombu's Redis transport takes a message from its queue and notes that it did so in two requests, and a
Redis that dies between them, or that comes back with an older state or an empty one, has lost the message; a Redis that
is away when the step has ended never gets its result.
"""

import functools
import logging
import time
from collections.abc import Callable, Generator
from typing import Any

from dagster import ExecutorDefinition, InitExecutorContext, executor, multiple_process_executor_requirements
from dagster._core.execution.retries import RetryMode
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import (
    CeleryExecutor,
    _submit_task,  # pyright: ignore[reportPrivateUsage]  # how a step becomes a message
)

from imgflow.execution.celery_queues import celery_options
from imgflow.settings import Settings

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between two looks for a step's message."""


def queue_executor(settings: Settings) -> ExecutorDefinition:
    """dagster-celery's executor: a step goes to the queue that its tag `dagster-celery/queue` names.

    Raises:
        SettingsError: no broker is set.
    """
    options = celery_options(settings)

    @executor(name="celery", requirements=multiple_process_executor_requirements())
    def celery(_context: InitExecutorContext) -> CeleryExecutor:
        return WatchfulCeleryExecutor(RetryMode.ENABLED, **options)

    return celery


class WatchfulCeleryExecutor(CeleryExecutor):
    """dagster-celery's, with results that see to it that their steps are not lost."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Generator[Any, Any, None]:
        """The events of the run's steps."""
        return core_celery_execution_loop(plan_context, execution_plan, step_execution_fn=_submit)


def _submit(app: Any, plan_context: Any, step: Any, queue: str, *rest: Any) -> "WatchedResult":
    send = functools.partial(_submit_task, app, plan_context, step, queue, *rest)

    def tell() -> None:
        plan_context.log.warning("The broker has lost step %s; it is sent again.", step.key)

    return WatchedResult(send, functools.partial(_is_known, app, queue), tell)


class WatchedResult:
    """Celery's result of a step, whose message is sent again when it is lost.

    Sending one again that is not lost does no harm: a worker that gets it waits for whoever is at the batch, and does
    not execute what has been executed (see `celery_worker`).

    Args:
        send: sends the message and returns Celery's result.
        is_known: whether the broker has the message of that id, waiting or at a worker.
        tell: is called before it is sent again.
    """

    def __init__(self, send: Callable[[], Any], is_known: Callable[[str], bool], tell: Callable[[], None]) -> None:
        self._send, self._is_known, self._tell = send, is_known, tell
        self._result = send()
        self._looked = time.monotonic()
        self._misses = 0

    def ready(self) -> bool:
        """Whether the step has ended; sends it again if the broker did not know it at two looks."""
        if self._result.ready():
            return True
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._misses = 0 if self._is_known(self._result.id) else self._misses + 1
        self._looked = time.monotonic()
        if self._misses >= 2 and not self._result.ready():
            self._tell()
            self._result = self._send()
            self._misses = 0
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)


def _is_known(app: Any, queue: str, task: str) -> bool:
    """Whether the message waits in its queue or is at a worker. Of other brokers than Redis, True."""
    with app.connection_for_read() as connection:
        if connection.transport.driver_type != "redis":
            return True
        channel = connection.default_channel
        lists = [channel._q_for_pri(queue, priority) for priority in channel.priority_steps]
        try:
            with channel.conn_or_acquire() as client:
                waiting = [message for name in lists for message in client.lrange(name, 0, -1)]
                return any(task.encode() in message for message in [*waiting, *client.hvals(channel.unacked_key)])
        except channel.connection_errors as error:
            _LOG.warning("the broker cannot be asked after step %s: %s", task, error)
            return True
