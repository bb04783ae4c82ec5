"""Which files `imgflow process` reads, and what it calls the results."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from imgflow.errors import PhotoError, RecipeError, UsageError
from imgflow.pipeline.files import Job, make_folder, plan_files, read_photo, recipes_for, write_result
from imgflow.settings import Settings


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def jobs_of(
    paths: list[Path], out: Path, given: Path | None = None, steps: str | None = None, sets: Any = (), **settings: Any
) -> list[Job]:
    return plan_files(paths, out, recipes_for(Settings(**settings), given, steps, sets)).jobs


def left_out(folder: Path) -> list[tuple[Path, str]]:
    return list(plan_files([folder], folder / "out", recipes_for(Settings(), None, None, ())).left_out)


def targets(paths: list[Path], out: Path, **options: Any) -> list[str]:
    return sorted(job.target.relative_to(out).as_posix() for job in jobs_of(paths, out, **options))


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


def test_a_link_to_a_photo_has_a_result_of_its_own(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/x/pipe.txt")
    (tmp_path / "in/b.jpg").symlink_to(tmp_path / "in/a.jpg")
    (tmp_path / "in/x/a.jpg").symlink_to(tmp_path / "in/a.jpg")
    assert targets([tmp_path / "in", tmp_path / "in/b.jpg"], tmp_path / "out") == ["a.png", "b.png", "x/a.png"]
    with pytest.raises(UsageError, match="would be overwritten"):
        jobs_of([tmp_path / "in/b.jpg"], tmp_path / "in", sets=["publish.format=jpeg"])


def test_a_photo_keeps_the_name_by_which_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touch(tmp_path, "in/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    (job,) = jobs_of([Path("link"), Path("in/a.jpg")], Path("out"))
    assert (str(job.source), str(job.target)) == ("link/a.jpg", "out/a.png")


def test_hidden_files_texts_and_former_results_are_left_out(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/.b.jpg", "in/list.tsv", "in/page.svg", "in/out/a.png")
    (tmp_path / "in/recipe.yaml").write_text("steps: [matte]")
    assert targets([tmp_path / "in"], tmp_path / "in/out") == ["a.png", "page.png"]
    assert [path for path, _ in left_out(tmp_path / "in")] == [tmp_path / "in/list.tsv"]


def test_what_cannot_be_looked_into_is_tried_and_what_is_no_file_is_told(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "elsewhere/b.jpg", "in/.hidden/c.jpg")
    (tmp_path / "in/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "in/circle.jpg").symlink_to(tmp_path / "in/circle.jpg")
    (tmp_path / "in/more").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "in/pipe.jpg")
    assert targets([tmp_path / "in"], tmp_path / "out") == ["a.png", "circle.png", "gone.png"]
    for name in ("gone.jpg", "circle.jpg"):
        with pytest.raises(PhotoError, match="unreadable"):
            read_photo(tmp_path / "in" / name, 1_000_000)
    assert left_out(tmp_path / "in") == [
        (tmp_path / "in/more", "a link to a folder, not followed: name the folder itself"),
        (tmp_path / "in/pipe.jpg", "neither a file nor a folder, left out"),
    ]


def test_a_folder_that_cannot_be_opened_is_tried_as_a_photo_so_that_it_fails_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    touch(tmp_path, "in/a.jpg", "in/closed/b.jpg", "in/.hidden/c.jpg")
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # whoever runs the tests may be allowed everything
        if Path(path).name in ("closed", ".hidden"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patched:  # not while the folder is cleared away
        patched.setattr(os, "scandir", refuse)
        jobs = jobs_of([tmp_path / "in"], tmp_path / "out")
    assert [job.source.name for job in jobs] == ["a.jpg", "closed"]
    with pytest.raises(PhotoError, match="unreadable"):
        read_photo(jobs[1].source, 1_000_000)


def test_results_may_go_above_the_photos(tmp_path: Path):
    touch(tmp_path, "in/a.jpg")
    assert targets([tmp_path / "in"], tmp_path) == ["a.png"]


def test_a_result_never_overwrites_a_photo(tmp_path: Path):
    touch(tmp_path, "in/a.png")
    with pytest.raises(UsageError, match="would be overwritten"):
        jobs_of([tmp_path / "in/a.png"], tmp_path / "in")


def test_results_never_mix_with_the_photos_of_a_folder(tmp_path: Path):
    touch(tmp_path, "in/a.jpg")
    with pytest.raises(UsageError, match="choose another"):
        jobs_of([tmp_path / "in"], tmp_path / "x/../in")


def test_the_nearest_recipe_below_the_named_folder_is_the_photos(tmp_path: Path):
    touch(tmp_path, "in/x/y/a.jpg", "in/z/b.jpg")
    (tmp_path / "recipe.yaml").write_text("steps: [blur]")  # above the named folder: not looked at
    (tmp_path / "in/recipe.yaml").write_text("steps: [matte]")
    (tmp_path / "in/z/recipe.yaml").write_text("steps: [enhance]")
    jobs = {job.source.name: job.recipe.steps for job in jobs_of([tmp_path / "in"], tmp_path / "out")}
    assert jobs == {"a.jpg": ("matte",), "b.jpg": ("enhance",)}
    (job,) = jobs_of([tmp_path / "in/x/y/a.jpg"], tmp_path / "out")
    assert job.recipe.steps == ("denoise", "shadow", "matte")


def test_each_result_has_the_extension_of_its_own_recipe(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/web/b.jpg", "in/web/b.png", "in/print/c.jpg")
    (tmp_path / "in/web").joinpath("recipe.yaml").write_text("publish: {format: webp}")
    (tmp_path / "in/print").joinpath("recipe.yaml").write_text("publish: {format: jpeg}")
    out = tmp_path / "out"
    assert targets([tmp_path / "in"], out) == ["a.png", "print/c.jpg", "web/b.jpg.webp", "web/b.png.webp"]
    assert targets([tmp_path / "in/web"], out, sets=["publish.format=jpeg"]) == ["b.jpg.jpg", "b.png.jpg"]


def test_the_given_recipe_goes_before_the_one_beside_and_that_before_the_settings(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/shoes/b.jpg", "in/hats/c.jpg")
    own, shop, hats = tmp_path / "own.yaml", tmp_path / "shop.yaml", tmp_path / "hats.yaml"
    own.write_text("steps: [denoise]")
    shop.write_text("steps: [shadow]")
    hats.write_text("steps: [matte]")
    (tmp_path / "in/shoes/recipe.yaml").write_text("steps: [enhance]")
    settings = {"recipe": shop, "recipes": {"hats": hats}}

    def steps(**options: Any) -> dict[str, tuple[str, ...]]:
        return {
            j.source.name: j.recipe.steps for j in jobs_of([tmp_path / "in"], tmp_path / "out", **settings, **options)
        }

    assert steps() == {"a.jpg": ("shadow",), "b.jpg": ("enhance",), "c.jpg": ("matte",)}
    assert set(steps(given=own).values()) == {("denoise",)}
    assert set(steps(steps="denoise,matte").values()) == {("denoise", "matte")}


def test_a_bad_recipe_beside_a_photo_is_told_before_any_work(tmp_path: Path):
    touch(tmp_path, "in/a.jpg", "in/z/b.jpg")
    (tmp_path / "in/z/recipe.yaml").write_text("steps: [matte]\nmatte:\n  band: 3\n")
    with pytest.raises(RecipeError, match=r"in/z/recipe\.yaml:3: matte\.band"):
        jobs_of([tmp_path / "in"], tmp_path / "out")


def test_very_long_and_undecodable_names_can_be_written_and_stay_apart(tmp_path: Path):
    touch(tmp_path, "in/" + "x" * 250 + "1.jpg", "in/" + "x" * 250 + "2.jpg", "in/" + "ü" * 125 + ".webp")
    if os.name == "posix" and os.uname().sysname == "Linux":
        touch(tmp_path, "in/" + os.fsdecode(b"caf\xe9.jpg"))
    jobs = jobs_of([tmp_path / "in"], tmp_path / "out")
    for job in jobs:
        write_result(job.target, b"data")
    assert len(list((tmp_path / "out").iterdir())) == len(jobs)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PhotoError, match="too_large"):
        read_photo(tmp_path / "huge.jpg", 50_000_000)


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(PhotoError, match="too_large"):
        read_photo(Path("/dev/zero"), 1_000_000)


def test_what_cannot_be_opened_is_the_photos_error(tmp_path: Path):
    with pytest.raises(PhotoError, match="unreadable"):
        read_photo(tmp_path / "gone.jpg", 1_000_000)


def test_a_folder_for_the_results_is_made_and_left_empty(tmp_path: Path):
    make_folder(tmp_path / "deep/out")
    assert list((tmp_path / "deep/out").iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        make_folder(tmp_path / "file/out")


def test_a_result_is_written_whole_or_not_at_all(tmp_path: Path):
    write_result(tmp_path / "new/a.png", b"data")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert (tmp_path / "new/a.png").stat().st_mode & 0o444
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        write_result(tmp_path / "file/a.png", b"data")


def test_an_interrupted_write_leaves_the_former_result_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_result(tmp_path / "a.png", b"former")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_result(tmp_path / "a.png", b"newer")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.png": b"former"}
