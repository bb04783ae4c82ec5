"""Claims of a Celery worker on its steps, renewed in Redis as long as the worker lives."""

import logging
import time
from typing import Any

from celery import bootsteps
from celery.worker.state import reserved_requests

_LOG = logging.getLogger(__name__)


class RenewedClaims(bootsteps.StartStopStep):
    """Part of a worker: keeps the messages of steps under way from being handed to other workers.

    kombu's Redis transport notes in a sorted set when each unacknowledged message was delivered, and whoever finds one
    there that is older than `visibility_timeout` puts it back into its queue. Noting it anew is all that is needed.
    With other brokers nothing is done.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        self._timer: Any = None
        super().__init__(consumer, **options)

    def start(self, parent: Any) -> None:
        """With each connection to the broker."""
        if parent.connection.transport.driver_type != "redis":
            return
        timeout = parent.app.conf.broker_transport_options["visibility_timeout"]
        self._timer = parent.timer.call_repeatedly(timeout / 4, self._renew, (parent,))

    def stop(self, parent: Any) -> None:
        """With each loss of the connection, and at the end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    shutdown = stop

    def _renew(self, consumer: Any) -> None:
        channel = consumer.task_consumer.channel
        tags = [request.message.delivery_tag for request in list(reserved_requests)]
        if not tags:
            return
        try:
            with channel.conn_or_acquire() as client:
                # Only those that are still there: one that was handed out again meanwhile is somebody else's.
                client.zadd(channel.unacked_index_key, dict.fromkeys(tags, time.time()), xx=True)
        except channel.connection_errors as error:
            _LOG.warning("claims could not be renewed: %s", error)  # the consumer sees to the connection
