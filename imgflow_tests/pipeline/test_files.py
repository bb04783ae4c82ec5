"""Which files `imgflow process` reads, and what it calls the results."""

from pathlib import Path

import pytest

from imgflow.errors import PhotoError, UsageError
from imgflow.pipeline.files import left_out, plan_files, read_photo, write_result


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def targets(paths: list[Path], out: Path) -> list[str]:
    return sorted(job.target.relative_to(out).as_posix() for job in plan_files(paths, out, ".png"))


def test_folders_keep_their_sub_folders_and_files_lose_theirs(tmp_path: Path):
    touch(tmp_path, "shop/a.jpg", "shop/shoes/b.jpeg", "elsewhere/c.webp")
    assert targets([tmp_path / "shop", tmp_path / "elsewhere/c.webp"], tmp_path / "out") == [
        "a.png",
        "c.png",
        "shoes/b.png",
    ]


def test_photos_of_the_same_stem_get_their_whole_names(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/a.png", "in/b.jpg", "other/a.jpg")
    assert targets([tmp_path / "in"], tmp_path / "out") == ["a.jpg.png", "a.png.png", "b.png"]
    assert targets([tmp_path / "in/a.jpg", tmp_path / "other/a.jpg"], tmp_path / "out") == ["a.jpg.png", "a.jpg~2.png"]


def test_a_photo_named_twice_is_processed_once(tmp_path: Path):
    touch(tmp_path, "in/a.jpg")
    assert targets([tmp_path / "in", tmp_path / "in/a.jpg"], tmp_path / "out") == ["a.png"]


def test_hidden_files_texts_and_former_results_are_left_out(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/.b.jpg", "in/list.tsv", "in/page.svg", "in/out/a.png")
    assert targets([tmp_path / "in"], tmp_path / "in/out") == ["a.png", "page.png"]
    assert left_out([tmp_path / "in"]) == [tmp_path / "in/list.tsv"]


def test_a_result_never_overwrites_a_photo(tmp_path: Path):
    touch(tmp_path, "in/a.png")
    with pytest.raises(UsageError, match="would be overwritten"):
        plan_files([tmp_path / "in"], tmp_path / "in", ".png")


def test_the_nearest_recipe_below_the_named_folder_is_the_photos(tmp_path: Path):
    touch(tmp_path, "recipe.yaml", "in/recipe.yaml", "in/x/y/a.jpg", "in/z/recipe.yaml", "in/z/b.jpg")
    jobs = {job.source.name: job.recipe for job in plan_files([tmp_path / "in"], tmp_path / "out", ".png")}
    assert jobs == {"a.jpg": tmp_path / "in/recipe.yaml", "b.jpg": tmp_path / "in/z/recipe.yaml"}
    (job,) = plan_files([tmp_path / "in/x/y/a.jpg"], tmp_path / "out", ".png")
    assert job.recipe is None


def test_a_file_over_the_limit_is_not_read(tmp_path: Path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PhotoError, match="too_large"):
        read_photo(tmp_path / "huge.jpg", 50_000_000)


def test_a_result_is_written_whole_or_not_at_all(tmp_path: Path):
    write_result(tmp_path / "new/a.png", b"data")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert (tmp_path / "new/a.png").stat().st_mode & 0o444
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        write_result(tmp_path / "file/a.png", b"data")
