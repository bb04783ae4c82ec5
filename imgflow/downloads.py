"""A progress bar for model downloads, on a terminal; one line for each file elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from imgflow.models.model import ModelFile, Source


class Downloads:
    """A `imgflow.models.pulling.sources.Progress` that shows.

    Args:
        console: where to.
        within: a progress display that is already on the screen; without it, one is made while this is entered.
    """

    def __init__(self, console: Console, within: Progress | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._console = console
        self._own = None if within else Progress(*columns, console=console, disable=not console.is_terminal)
        self._progress = within or self._own
        self._tasks: dict[str, tuple[Source, TaskID]] = {}

    def __enter__(self) -> "Downloads":
        if self._own:
            self._own.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._own:
            self._own.stop()

    def __call__(self, file: ModelFile, source: Source, done: int, total: int) -> None:
        """`done` of `total` bytes of the file have come; 0 in all: nobody knows."""
        if self._progress is None:
            return
        key = f"{file.sha256} {file.name}"  # two models may have files of one name
        at, task = self._tasks.get(key, (None, None))
        if task is None or at != source:
            if task is not None:
                self._progress.remove_task(task)  # the source before it did not have the file
            task = self._progress.add_task(f"fetching {file.name}", total=total or None, completed=done)
            self._tasks[key] = source, task
            if not self._console.is_terminal:
                size = f"{total:,} bytes" if total else "of unknown size"
                self._console.print(f"fetching {file.name} ({size}) from {source}", soft_wrap=True, markup=False)
        self._progress.update(task, completed=done)
