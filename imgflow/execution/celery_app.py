"""imgflow's Celery app, with the environment's settings: `celery --app imgflow.execution.celery_app worker -Q gpu`."""

from imgflow.execution.celery_worker import worker_app
from imgflow.settings import load_settings

app = worker_app(load_settings())
