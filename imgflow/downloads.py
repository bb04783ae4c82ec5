"""A progress bar for model downloads, on a terminal; one line for each file elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from imgflow.models.registry import ModelFile, Source


class Downloads:
    """A `imgflow.models.sources.Progress` that shows.

    Args:
        console: where to.
        within: a progress display that is already on the screen; without it, one is made while this is entered.
    """

    def __init__(self, console: Console, within: Progress | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._console = console
        self._own = None if within else Progress(*columns, console=console, disable=not console.is_terminal)
        self._progress = within or self._own
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Downloads":
        if self._own:
            self._own.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._own:
            self._own.stop()

    def __call__(self, file: ModelFile, source: Source, done: int, total: int) -> None:
        """`done` of `total` bytes of the file have come."""
        if self._progress is None:
            return
        if file.name not in self._tasks:
            self._tasks[file.name] = self._progress.add_task(f"fetching {file.name}", total=total)
            if not self._console.is_terminal:
                self._console.print(f"fetching {file.name} ({total:,} bytes) from {source}", soft_wrap=True)
        self._progress.update(self._tasks[file.name], completed=done)
