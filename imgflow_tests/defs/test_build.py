"""Everything that imgflow offers to Dagster, made from settings."""

import subprocess
import sys
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, Definitions, asset, materialize

from imgflow.defs.build import build_definitions
from imgflow.defs.config import stage_run_config
from imgflow.recipe import STAGES as RECIPE_STAGES
from imgflow.recipe import Recipe
from imgflow.settings import Settings

STAGES = ["originals", "denoised", "shadow_free", "matted", "enhanced", "published"]
HEAVY = ["cv2", "onnxruntime", "pymatting", "scipy", "numba", "pandas", "torch", "dagster_aws", "pillow_heif"]


def test_importing_the_code_location_loads_no_heavy_library():
    code = f"import sys, imgflow.definitions; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_two_catalogs_fit_beside_the_assets_of_another_project(tmp_path: Path):
    @asset
    def orders() -> None: ...

    both = [build_definitions(Settings(home=tmp_path / name), name=name) for name in ("shop", "studio")]
    merged = Definitions.merge(Definitions(assets=[orders]), *both)
    keys = merged.resolve_asset_graph().get_all_asset_keys()
    assert keys == {AssetKey(["orders"])} | {AssetKey([name, key]) for name in ("shop", "studio") for key in STAGES}
    assert merged.resolve_job_def("shop_process_batch").name == "shop_process_batch"


def test_an_unknown_batch_is_told(tmp_path: Path):
    definitions = build_definitions(Settings(home=tmp_path))
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("batches", ["none"])
        assets = [a for a in definitions.assets or [] if a.key == AssetKey("originals")]  # type: ignore[union-attr]
        with pytest.raises(Exception, match="has no batch 'none'"):
            materialize(assets, instance=instance, partition_key="none", resources=dict(definitions.resources or {}))


@pytest.mark.parametrize("stage", RECIPE_STAGES)
def test_every_parameter_of_a_stage_can_be_set_for_one_run(stage):
    wanted = Recipe().config(stage).model_dump(mode="json")
    run_config = stage_run_config(stage)(**wanted)
    overridden = Recipe().with_overrides(stage, run_config.overrides())
    assert overridden.config(stage).model_dump(mode="json") == wanted
