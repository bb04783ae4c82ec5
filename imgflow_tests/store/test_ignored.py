import pytest

from imgflow.store.ignored import is_ignored


@pytest.mark.parametrize(
    "key",
    [
        ".DS_Store", "inbox/.hidden/a.jpg", "a/.b.jpg", "a/photo.jpg.part", "photo.PARTIAL", "x.tmp", "x.crdownload",
        "x.filepart", "x.download", "photo.jpg~", "a/~$list.xlsx", "inbox/Thumbs.db", "a/DESKTOP.INI",
        "a/__MACOSX/b/c.jpg", "shoes/recipe.yaml", "shoes/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    ],
)  # fmt: skip
def test_left_where_it_is(key: str) -> None:
    assert is_ignored(key)


@pytest.mark.parametrize(
    "key",
    ["a.jpg", "inbox/a/part.jpg", "tmp/a.jpg", "a.part/b.jpg", "recipe.yaml/a.jpg", "my recipe.yaml", "~a.jpg"],
)  # fmt: skip
def test_taken_in(key: str) -> None:
    assert not is_ignored(key)
