"""What a comparison is written to: a page, a strip, or nothing."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from imgflow.compare import page, strip
from imgflow.compare.comparison import Compared, Failed
from imgflow.compare.grounds import CHECKERBOARD, parse_grounds
from imgflow.compare.matching import Matched
from imgflow.errors import UsageError


class Report(Protocol):
    """Takes what was compared, pair by pair."""

    def add(self, compared: Compared) -> None:
        """Notes one pair; its pictures need not be kept."""
        ...

    def finish(self, matched: Matched, failed: Sequence[Failed]) -> None:
        """Writes the report, with what could not be compared."""
        ...


class _NoReport:
    def add(self, compared: Compared) -> None:
        pass

    def finish(self, matched: Matched, failed: Sequence[Failed]) -> None:
        pass


def check_out(out: Path | None, inputs: Sequence[Path]) -> None:
    """Checks where the report goes, before any work is done.

    Raises:
        UsageError: no report has this extension, it would overwrite an input, or a folder is in its place.
    """
    if out is None:
        return
    extensions = sorted(page.EXTENSIONS | strip.EXTENSIONS)
    if out.suffix.lower() not in extensions:
        raise UsageError(f"--out {out}: must end in {', '.join(extensions)}")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder: name a file")
    if out.resolve() in [path.resolve() for path in inputs]:
        raise UsageError(f"--out {out} is one of the pictures and would be overwritten")


def written_beside(out: Path | None) -> list[Path]:
    """The report and its pictures, which are not to be compared when they lie in one of the folders."""
    return [out, page.pictures_folder(out)] if out else []


@contextmanager
def report_to(out: Path | None, backgrounds: Sequence[str], titles: tuple[str, str]) -> Generator[Report]:
    """The report of a file's kind.

    Args:
        out: a file as `check_out` allows it; None: nothing is written.
        backgrounds: as given to `--background`.
        titles: what A and B are called as a whole.

    Raises:
        UsageError: a background is no colour, or the file cannot be written.
    """
    if out is None:
        yield _NoReport()
    elif out.suffix.lower() in page.EXTENSIONS:
        with page.Page(out, parse_grounds(backgrounds, [CHECKERBOARD]), titles) as report:
            yield report
    else:
        yield strip.Strip(out, parse_grounds(backgrounds, ["white", "black"]))
