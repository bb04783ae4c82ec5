"""Is everything there that imgflow needs? One finding a check, each with its remedy."""

import importlib.metadata
import os
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imgflow.catalog.database import Catalog
from imgflow.cores import usable_cores
from imgflow.defs.resources import open_store
from imgflow.errors import ImgflowError, StoreUnavailableError
from imgflow.execution.workers import Workers
from imgflow.models.model import Model
from imgflow.models.onnx.session import PROVIDERS
from imgflow.models.store import ModelStore
from imgflow.pipeline.from_settings import recipe_in_settings
from imgflow.settings import Settings, unknown_variables
from imgflow.store.base import Store

_OPENCV_WHEELS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


_HEARTBEAT_SECONDS = 90
"""A daemon that has not been heard of for so long is not running; it says so every 30 s."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        status: `fail` makes the exit code 1; `warn` does not.
        remedy: what to do about it; empty when all is well.
    """

    check: str
    status: Literal["ok", "warn", "fail"]
    text: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; a check that raises is a finding, too."""
    return [_guarded(name, check, settings) for name, check in _CHECKS.items()]


def _guarded(name: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except ImgflowError as error:
        return Finding(name, "fail", str(error))
    except Exception as error:
        return Finding(name, "fail", f"{type(error).__name__}: {error}")


def _settings(settings: Settings) -> Finding:
    unknown = unknown_variables()
    if unknown:
        return Finding("settings", "warn", "; ".join(unknown), "the README lists all settings")
    return Finding("settings", "ok", "every IMGFLOW_* variable is one")


def _recipes(settings: Settings) -> Finding:
    folders = ["", *settings.recipes]
    for folder in folders:
        recipe_in_settings(settings, folder)
    return Finding("recipes", "ok", f"{len(folders)} readable")


def _store(settings: Settings) -> Finding:
    store = open_store(settings.store_location, settings)
    _write_and_read(store)
    return Finding("store", "ok", store.describe())


def _write_and_read(store: Store) -> None:
    key, data = f"doctor/{uuid.uuid4().hex}", os.urandom(1024)
    store.put(key, data)
    try:
        if store.get(key) != data:
            raise StoreUnavailableError(f"{store.describe()} gave back other bytes than were written")
    finally:
        store.delete(key)


def _prefix(settings: Settings) -> Finding:
    if not settings.catalog_prefix:
        return Finding("catalog prefix", "ok", "none set")
    store = open_store(settings.catalog_prefix, settings)
    first = next(iter(store.list()), None)
    return Finding("catalog prefix", "ok" if first else "warn", f"{store.describe()}{'' if first else ' is empty'}")


def _catalog(settings: Settings) -> Finding:
    catalog = Catalog(settings.catalog_location)
    try:
        return Finding("catalog", "ok", catalog.describe())
    finally:
        catalog.close()


def _models(settings: Settings) -> Finding:
    """Of all models that are here none may be damaged; of those that the recipes name none should be missing."""
    store = ModelStore(settings.models_location)
    damaged = store.damaged()
    if damaged:
        return Finding("models", "fail", f"damaged: {', '.join(map(str, damaged))}", "imgflow models pull NAME")
    here = {status.name for status in store.status() if status.present}
    missing = sorted({model.name for model in _models_of_recipes(settings, store) if not store.is_present(model)})
    text = f"{', '.join(sorted(here)) or 'none'} in {settings.models_location}"
    if missing:
        text = f"{text}; not here yet: {', '.join(missing)}"
        return Finding("models", "warn", text, f"imgflow models pull {missing[0]}")
    return Finding("models", "ok", text)


def _models_of_recipes(settings: Settings, store: ModelStore) -> list[Model]:
    """The models that the stages would use first, as they are found for this device."""
    recipes = [recipe_in_settings(settings, folder) for folder in ("", *settings.recipes)]
    chains = dict.fromkeys(chain for recipe in recipes for chain in recipe.chains())
    return [
        store.find(chain.names[0], chain.purpose, settings.device)
        for chain in chains
        if chain.names[0] not in chain.methods
    ]


def _devices(settings: Settings) -> Finding:
    import onnxruntime

    providers: list[str] = onnxruntime.get_available_providers()
    parts = [f"{usable_cores()} of {os.cpu_count()} cores", f"ONNX Runtime {', '.join(providers)}", _torch()]
    text = "; ".join(filter(None, parts))
    wanted = PROVIDERS.get(settings.device)
    if wanted and wanted not in providers:
        remedy = "install an ONNX Runtime with this provider, or set IMGFLOW_DEVICE=auto"
        status = "fail" if settings.strict_device else "warn"
        return Finding("devices", status, f"{text}; ONNX Runtime has no {wanted}", remedy)
    return Finding("devices", "ok", text)


def _torch() -> str:
    """PyTorch and the GPU it sees; nothing where it is not installed."""
    if not _is_installed("torch"):
        return ""
    import torch

    if torch.cuda.is_available():
        return f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}"
    return f"PyTorch {torch.__version__} on {'mps' if torch.backends.mps.is_available() else 'cpu'}"


def _opencv(settings: Settings) -> Finding:
    installed = [name for name in _OPENCV_WHEELS if _is_installed(name)]
    if installed == ["opencv-python-headless"]:
        return Finding("opencv", "ok", "one wheel, headless")
    remedy = f"pip uninstall -y {' '.join(_OPENCV_WHEELS)}; pip install opencv-python-headless"
    return Finding("opencv", "fail", f"installed: {', '.join(installed) or 'none'}", remedy)


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _dagster(settings: Settings) -> Finding:
    home = Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home).absolute()
    if not (home / "dagster.yaml").is_file():
        return Finding("dagster", "warn", f"no instance in {home}", "make dev (or make demo) sets one up")
    from dagster import DagsterInstance
    from dagster._daemon.controller import all_daemons_live

    os.environ.setdefault("DAGSTER_HOME", str(home))  # our dagster.yaml names it
    with DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()
        running = all_daemons_live(instance, heartbeat_tolerance_seconds=_HEARTBEAT_SECONDS)
    if not running:
        return Finding("dagster", "warn", f"{home}: no daemon running", "start one: make dev, or dagster-daemon run")
    return Finding("dagster", "ok", f"{home}, daemon running")


def _workers(settings: Settings) -> Finding:
    if settings.executor == "celery":
        return _celery_workers(settings)
    standings = Workers(settings).standings()
    if settings.executor != "resident":
        return Finding("workers", "ok", f"not used: the executor is {settings.executor}")
    silent = [standing for standing in standings if not standing.memory]
    text = "; ".join(f"{standing.name}: {standing.now}" for standing in standings)
    if silent:
        return Finding("workers", "fail", text, "imgflow workers stop --now")
    return Finding("workers", "ok", text or "none running; one is started when a step needs it")


def _celery_workers(settings: Settings) -> Finding:
    from celery import Celery

    from imgflow.execution.celery_queues import celery_options

    app = Celery("imgflow-doctor", **celery_options(settings))
    try:
        app.connection().ensure_connection(max_retries=1, timeout=5)
    except Exception as error:
        return Finding("workers", "fail", f"the broker does not answer: {error}", "see IMGFLOW_CELERY_BROKER_URL")
    queues: dict[str, list[dict[str, str]]] = app.control.inspect(timeout=3).active_queues() or {}
    served = Counter(queue["name"] for worker in queues.values() for queue in worker)
    missing = {"cpu", *settings.stage_devices.values()} - set(served)
    text = ", ".join(f"{count} for {name}" for name, count in sorted(served.items())) or "none"
    if missing:
        remedy = f"celery --app imgflow.execution.celery_app worker --queues {','.join(sorted(missing))}"
        return Finding("workers", "warn", f"Celery workers: {text}", remedy)
    return Finding("workers", "ok", f"Celery workers: {text}")


_CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "settings": _settings,
    "recipes": _recipes,
    "store": _store,
    "catalog prefix": _prefix,
    "catalog": _catalog,
    "models": _models,
    "devices": _devices,
    "opencv": _opencv,
    "workers": _workers,
    "dagster": _dagster,
}
