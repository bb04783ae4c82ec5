"""A worker app with a task that takes long, for `celery --app imgflow_tests.cluster.slow_app worker`."""

import os
import time
from pathlib import Path

from imgflow.execution.celery_claims import RenewedClaims
from imgflow.execution.celery_worker import worker_app
from imgflow.settings import load_settings

app = worker_app(load_settings())
# Shorter than a setting may be, so that the test is short, too.
app.conf.broker_transport_options |= {"visibility_timeout": 3, "unacked_restore_interval": 1}
if os.environ.get("WITHOUT_CLAIMS"):
    app.steps["consumer"].discard(RenewedClaims)


@app.task(name="slow")
def slow(file: str, seconds: float) -> None:
    """Note in the file that it has begun, and take so long."""
    with Path(file).open("a") as notes:
        notes.write("begun\n")
    time.sleep(seconds)
    with Path(file).open("a") as notes:
        notes.write("ended\n")
