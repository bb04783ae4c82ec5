"""Steps on many machines: one Celery queue for each device, `cpu` and `gpu`.

A step's message stays the broker's until the step has ended (late acknowledgement), so that no killed worker takes a
step with it:

* A worker whose pool process dies (out of memory, crash in native code) gives the step back at once.
* A worker that is gone altogether (kill -9, power cut) no longer renews its claim on the step. Redis has no consumers'
  heartbeat of its own, only a time after which an unacknowledged message is handed out again; Celery's default, one
  hour, must be longer than the longest step. Here workers renew their claims (`imgflow.execution.celery_claims`), so
  that this time need only be longer than a worker may be silent: `IMGFLOW_CELERY_LOST_SECONDS`.

RabbitMQ hands out such messages itself as soon as the connection is gone. What becomes of messages that the broker
itself loses: `imgflow.execution.celery_executor`.
"""

from typing import Any

from imgflow.errors import SettingsError
from imgflow.settings import Settings

RESTORE_SECONDS = 5
"""How often each worker looks for claims that have run out."""


def celery_options(settings: Settings) -> dict[str, Any]:
    """Arguments of `celery.Celery`, the same ones in runs and in workers.

    Raises:
        SettingsError: no broker is set.
    """
    broker = settings.celery_broker_url.get_secret_value()
    if not broker:
        raise SettingsError("IMGFLOW_CELERY_BROKER_URL: the celery executor needs a broker, such as redis://host/0")
    return {
        "broker": broker,
        "backend": broker if broker.startswith(("redis://", "rediss://")) else "rpc://",
        "config_source": {
            "task_default_queue": "cpu",
            # A worker process does one step at a time, takes no other before it has ended, and keeps models in memory.
            # Not the `solo` pool: its worker could not renew its claim during a step.
            "worker_pool": "prefork",
            "worker_concurrency": 1,
            "worker_prefetch_multiplier": 1,
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "result_expires": 3600,
            "broker_connection_retry_on_startup": True,
            "broker_transport_options": {
                "visibility_timeout": settings.celery_lost_seconds,
                "unacked_restore_interval": RESTORE_SECONDS,
                "unacked_restore_throttle": 1,
                "unacked_mutex_expire": 30,  # when a worker is killed just while it restores
            },
        },
    }
