"""`make demo` with a person's own photos."""

from pathlib import Path

from imgflow.defs.resources import WorkspaceResource
from imgflow.demo import _drop
from imgflow.settings import load_settings


def test_own_photos_are_dropped_with_their_recipes(tmp_path: Path):
    for name in ("recipe.yaml", "bags/a.jpg", "bags/recipe.yaml", "bags/.hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("steps: [matte]")
    workspace = WorkspaceResource(load_settings()).open()
    assert _drop(workspace, tmp_path, None) == ["bags/a.jpg"]
    dropped = [info.key for info in workspace.store.list("inbox")]
    assert dropped == ["inbox/bags/a.jpg", "inbox/bags/recipe.yaml", "inbox/recipe.yaml"]
    workspace.catalog.close()
