"""A file from a web server into a file on disk, going on where an earlier attempt was cut off.

What has come lies in the target file; beside it, `TARGET.from` tells from which address, and by which validator (ETag
or date) the server can tell whether the rest still belongs to it (RFC 9110, 13.1.5 If-Range and 14.2 Range).
"""

import contextlib
import json
import queue
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from imgflow import __version__

CONNECT_SECONDS = 8.0
"""A server that has not begun to answer by then is passed over, whatever its name server, proxy or addresses do."""

STALL_SECONDS = 20.0
"""A transfer in which nothing arrives for so long is given up."""

CUTS = 5
"""How often in a row one transfer is taken up again after it broke, as long as each attempt brings something."""

BLOCK = 1 << 18


class SourceError(Exception):
    """This source does not have the file, or not in time; the message says why."""


class CutOffError(SourceError):
    """The transfer broke in the middle; what has come is kept."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What is there of a download.

    Attributes:
        done: bytes.
        url: where they came from; empty if that is not known.
        validator: what the server called that content; empty if it did not say.
    """

    done: int
    url: str
    validator: str


def download(
    url: str, target: Path, size: int, told: Callable[[int, int], None], headers: Mapping[str, str] | None = None
) -> None:
    """Writes what is at a URL to `target`, continuing what is there of it.

    Bytes of an earlier attempt are kept only where they can still be right: if they came from this URL and the server
    confirms that its content is the same, or if they came from elsewhere and the caller checks a hash in the end.

    Args:
        url: http or https.
        target: may hold the beginning.
        size: bytes that are expected; 0: whatever the server has.
        told: is called with bytes done and bytes in all (0 if nobody knows).
        headers: sent to the URL's own host, never to another that it redirects to.

    Raises:
        SourceError: it could not be had from there, or has another size.
        OSError: `target` cannot be written.
    """
    for _ in range(CUTS):
        before = partial(target).done
        try:
            _attempt(url, target, size, told, headers or {})
        except CutOffError:
            if partial(target).done <= before:
                raise
        else:
            return
    _attempt(url, target, size, told, headers or {})


def partial(target: Path) -> Partial:
    """What is there of a download."""
    try:
        done = target.stat().st_size
    except OSError:
        return Partial(0, "", "")
    try:
        note = json.loads(_note(target).read_text())
        return Partial(done, str(note["url"]), str(note["validator"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Partial(done, "", "")


def forget(target: Path) -> None:
    """Deletes what is there of a download."""
    target.unlink(missing_ok=True)
    _note(target).unlink(missing_ok=True)


def finish(target: Path, place: Path) -> None:
    """Puts a download that is whole in its place."""
    target.replace(place)
    _note(target).unlink(missing_ok=True)


def open_in_time(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """Opens a URL; gives up after CONNECT_SECONDS.

    Neither looking up a name nor trying a server's addresses one after the other obeys a socket's time limit. So it is
    done in a thread, which is left to itself when it is late.

    Raises:
        SourceError: nobody answers, or the answer is an error; `__cause__` is the HTTPError.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    abandoned = threading.Event()

    def open_url() -> None:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": f"imgflow/{__version__}", **(headers or {})})
            answer = _opener.open(request, timeout=STALL_SECONDS)
        except (OSError, HTTPException, ValueError) as error:
            answers.put(error)
        else:
            answers.put(answer)
            if abandoned.is_set():
                answer.close()

    threading.Thread(target=open_url, daemon=True, name=f"open {url}").start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        abandoned.set()
        raise SourceError(f"no answer within {CONNECT_SECONDS:.0f} seconds") from None
    if isinstance(answer, HTTPError):
        answer.close()
        raise SourceError(str(answer)) from answer
    if isinstance(answer, Exception):
        raise SourceError(str(getattr(answer, "reason", answer))) from answer
    return answer


class _KeepingSecrets(urllib.request.HTTPRedirectHandler):
    """Follows redirects, without taking an Authorization to another host (urllib does)."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            new.remove_header("Authorization")
        return new


_opener = urllib.request.build_opener(_KeepingSecrets)


def _attempt(url: str, target: Path, size: int, told: Callable[[int, int], None], headers: Mapping[str, str]) -> None:
    there = partial(target)
    if size and there.done > size:
        forget(target)
        there = partial(target)
    if size and there.done == size:
        told(size, size)
        return
    # The bytes of a range must be those of the file, not of its compressed form.
    asked = {**headers, "Accept-Encoding": "identity"}
    if there.done:
        asked["Range"] = f"bytes={there.done}-"
        if there.url == url and there.validator:
            asked["If-Range"] = there.validator
    try:
        answer = open_in_time(url, asked)
    except SourceError as error:
        if there.done and isinstance(error.__cause__, HTTPError) and error.__cause__.code == 416:
            forget(target)  # what is there is longer than what the server has
            answer = open_in_time(url, {**headers, "Accept-Encoding": "identity"})
        else:
            raise
    with answer:
        start = _start_of_range(answer) if answer.status == 206 else 0
        if start not in (0, there.done):
            raise SourceError(f"the server sent bytes from {start:,} on, not from {there.done:,}")
        total = size or _length(answer, start)
        _write_note(target, url, answer)
        done = _append(answer, target, start, total, told)
    if total and done > total:
        forget(target)
        raise SourceError(f"the file is larger than the {total:,} bytes expected")
    if done < total:
        raise CutOffError(f"the transfer ended after {done:,} of {total:,} bytes")


def _append(stream: IO[bytes], target: Path, start: int, total: int, told: Callable[[int, int], None]) -> int:
    """Bytes that are there in the end; it stops at more than `total`."""
    done = start
    with target.open("ab") as out:
        out.truncate(start)
        while True:
            try:
                block = stream.read(BLOCK)
            except (OSError, HTTPException) as error:
                raise CutOffError(f"the transfer broke after {done:,} of {total:,} bytes ({error})") from error
            if not block:
                return done
            done += len(block)
            if total and done > total:
                return done
            out.write(block)
            told(done, total)


def _start_of_range(answer: Any) -> int:
    """Of `Content-Range: bytes 100-199/200`: 100."""
    try:
        return int(answer.headers["Content-Range"].split()[1].partition("-")[0])
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        raise SourceError("the server sent a part and did not say which") from error


def _length(answer: Any, start: int) -> int:
    try:
        return start + int(answer.headers["Content-Length"])
    except (TypeError, ValueError):
        return 0


def _write_note(target: Path, url: str, answer: Any) -> None:
    etag = answer.headers.get("ETag") or ""
    # A weak ETag promises the same meaning, not the same bytes.
    validator = (answer.headers.get("Last-Modified") or "") if not etag or etag.startswith("W/") else etag
    _note(target).write_text(json.dumps({"url": url, "validator": validator}))


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.from")


def unfinished(place: Path) -> Path:
    """Where a download lies until it is whole."""
    return place.with_name(f".{place.name}.unfinished")


def bytes_there(place: Path) -> int:
    """Of an unfinished download."""
    with contextlib.suppress(OSError):
        return unfinished(place).stat().st_size
    return 0
