"""Store, catalog and models for assets and sensors, opened at first use and kept for the process's life."""

import functools
import os
import threading
from pathlib import Path

from imgflow.catalog.database import Catalog
from imgflow.cores import thread_variables
from imgflow.pipeline.from_settings import models_of
from imgflow.pipeline.workspace import Workspace
from imgflow.settings import Settings
from imgflow.store.base import Store
from imgflow.store.local import LocalStore
from imgflow.store.s3 import S3Store, split_s3_location


class WorkspaceResource:
    """The `Workspace` of one `Settings`, as a Dagster resource."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet: the UI makes resources without using them."""
        self.settings = settings
        self._lock = threading.Lock()

    def open(self) -> Workspace:
        """The workspace; the same one at every call.

        Raises:
            StoreUnavailableError, CatalogUnavailableError: as their names say.
        """
        with self._lock:
            return self._workspace

    @functools.cached_property
    def _workspace(self) -> Workspace:
        settings = self.settings
        # Before the first stage imports its libraries. (A resident worker was started with its share of the cores.)
        os.environ.update(thread_variables(settings.threads))
        return Workspace(
            settings=settings,
            store=open_store(settings.store_location, settings),
            catalog=Catalog(settings.catalog_location),
            models=models_of(settings),
            prefix=open_store(settings.catalog_prefix, settings) if settings.catalog_prefix else None,
        )


def open_store(location: str, settings: Settings) -> Store:
    """The store at a folder or at s3://bucket/prefix."""
    if not location.startswith("s3://"):
        return LocalStore(Path(location))
    # dagster-aws takes a second to import, and only S3 needs it.
    from dagster_aws.s3 import S3Resource

    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key
    resource = S3Resource(
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        max_attempts=5,
    )
    bucket, prefix = split_s3_location(location)
    return S3Store(resource.get_client(), bucket, prefix, settings.s3_encryption)
