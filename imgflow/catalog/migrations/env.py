"""Run by alembic, on the connection that `Catalog` hands over; `make migration` hands over none."""

from alembic import context
from sqlalchemy import create_engine

from imgflow.catalog.tables import Table
from imgflow.settings import load_settings

connection = context.config.attributes.get("connection")
if connection is None:
    connection = create_engine(load_settings().catalog_location).connect()

context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
