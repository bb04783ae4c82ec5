"""Which picture of one folder belongs to which of the other."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgflow.errors import UsageError
from imgflow.pipeline.folders import look_into, real_path

_Key = Callable[[PurePosixPath], str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files to compare.

    Attributes:
        name: what the pair is called: the path below the first folder, or the first file's name.
        titles: what the two files are called for a person.
    """

    name: str
    a: Path
    b: Path
    titles: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Matched:
    """All pairs in the order of their names, and the files of each side that have no partner."""

    pairs: list[Pair]
    only_a: list[Path]
    only_b: list[Path]


def _whole(path: PurePosixPath) -> str:
    return str(path)


def _stem(path: PurePosixPath) -> str:
    return str(path.with_suffix(""))


_KEYS: tuple[tuple[_Key, _Key], ...] = (
    (_whole, _whole),
    (_whole, _stem),  # front.jpg and front.jpg.png, as `imgflow process` calls the results of photos of one stem
    (_stem, _whole),
    (_stem, _stem),
)
"""What of A is compared with what of B, the surest first."""


def match(a: Path, b: Path, skip: Sequence[Path] = ()) -> Matched:
    """Pairs of two files, or of two folders: by relative path, then by relative path without extension.

    Where several files of one side could be meant, none is: they are told as without partner.

    Args:
        a, b: two files or two folders.
        skip: files, and folders with all that is in them, which are not looked at.

    Raises:
        UsageError: one is a file and the other a folder, both are the same, or no file has a partner.
    """
    if a.is_dir() != b.is_dir():
        folder, file = (a, b) if a.is_dir() else (b, a)
        raise UsageError(f"{folder} is a folder and {file} is a file: compare two files or two folders")
    if a.resolve() == b.resolve():
        raise UsageError(f"{a} would be compared with itself")
    if not a.is_dir():
        return Matched([Pair(a.name, a, b, (str(a), str(b)))], [], [])
    skipped = [path.resolve() for path in skip]
    left, right = _pictures(a, skipped), _pictures(b, skipped)
    pairs: list[Pair] = []
    for key_a, key_b in _KEYS:
        for path_a, path_b in _unique(left, right, key_a, key_b):
            file_a, file_b = left.pop(path_a), right.pop(path_b)
            pairs.append(Pair(str(path_a), file_a, file_b, (str(file_a), str(file_b))))
    if not pairs:
        counts = f"{len(left)} files in {a}, {len(right)} in {b}"
        raise UsageError(f"nothing to compare: no picture has a partner of the same path ({counts})")
    return Matched(sorted(pairs, key=lambda pair: pair.name), list(left.values()), list(right.values()))


def _unique(
    left: dict[PurePosixPath, Path], right: dict[PurePosixPath, Path], key_a: _Key, key_b: _Key
) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """Pairs of which both keys are the same and occur once on each side."""
    counts_a, counts_b = Counter(map(key_a, left)), Counter(map(key_b, right))
    found = {key_b(path): path for path in right if counts_b[key_b(path)] == 1}
    return [(path, found[key_a(path)]) for path in left if counts_a[key_a(path)] == 1 and key_a(path) in found]


def _pictures(folder: Path, skipped: Sequence[Path]) -> dict[PurePosixPath, Path]:
    found: dict[PurePosixPath, Path] = {}
    for file in look_into(folder).photos:
        real = real_path(file)
        if not any(path == real or path in real.parents for path in skipped):
            found[PurePosixPath(file.relative_to(folder).as_posix())] = file
    return found
