"""A filled catalog is what imgflow itself would have left: the benchmark's figures rest on it."""

from dataclasses import replace
from pathlib import Path

from dagster import DagsterInstance, RunsFilter

from imgflow.catalog.batches import find_batch, members_of
from imgflow.catalog.results import results_of
from imgflow.catalog.tables import Batch
from imgflow.pipeline.plan import ORIGINAL
from imgflow.pipeline.refresh import plan_refresh
from imgflow.recipe import STAGES
from imgflow_tests.benchmarks.catalog_filling import empty_again, fail_some, fill
from imgflow_tests.benchmarks.catalog_probe import ListedPrefix
from imgflow_tests.benchmarks.instance_filling import fill_instance
from imgflow_tests.pipeline.conftest import make_shop

PHOTOS = 600


def test_a_filled_catalog_is_up_to_date_and_can_be_restored(tmp_path: Path):
    shop = make_shop(tmp_path)
    catalog = shop.workspace.catalog
    fill(catalog, 100)
    fill(catalog, PHOTOS)  # goes on where it stopped
    prefix = ListedPrefix(tmp_path)
    prefix.photos = PHOTOS
    planned = plan_refresh(replace(shop.workspace, prefix=prefix))
    assert (planned.listed, planned.arrived, planned.stale, planned.batches) == (250, 0, 0, 0)
    for _ in range(2):
        fail_some(catalog)
        assert plan_refresh(shop.workspace).stale == PHOTOS // 100
        shop.drop("new.jpg")
        assert shop.look() != []
        empty_again(catalog, PHOTOS)
        assert plan_refresh(shop.workspace).stale == 0
    with catalog.read() as session:
        batches = session.query(Batch).all()
        assert (len(batches), {batch.state for batch in batches}) == (PHOTOS // 25, {"done"})
        batch = find_batch(session, "category-00001-20260101-000012")
        assert batch is not None
        ids = [photo.id for photo, _ in members_of(session, batch.id)]
        assert len(results_of(session, ids, [ORIGINAL, *STAGES])) == 25 * 6


def test_a_filled_instance_has_a_run_and_a_partition_for_each_batch(tmp_path: Path):
    shop = make_shop(tmp_path)
    fill(shop.workspace.catalog, PHOTOS)
    with DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        fill_instance(instance, shop.workspace.catalog)
        fill_instance(instance, shop.workspace.catalog)
        assert instance.get_runs_count() == len(instance.get_dynamic_partitions("batches")) == PHOTOS // 25
        [record] = instance.get_run_records(RunsFilter(tags={"imgflow/batch": "category-00001-20260101-000012"}))
        assert record.dagster_run.is_finished
