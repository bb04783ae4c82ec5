"""A real web server with good and bad files, a model hub, and wheels, for tests of downloads."""

import contextlib
import hashlib
import http.server
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Request(NamedTuple):
    path: str
    range: str
    authorization: str


class FileServer:
    """Serves `files` (path to content), and in `moved` paths to the addresses that they redirect to.

    A path in `broken` gets half of what it asks for, then the connection closes; a path in `held` gets half, then
    nothing until `release` is set. With `ranges` on, parts of files can be asked for (RFC 9110: Range, If-Range, ETag).
    Paths in `private` are shown to who brings the token alone.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.broken: set[str] = set()
        self.held: set[str] = set()
        self.private: set[str] = set()
        self.ranges = False
        self.release = threading.Event()
        self.requests: Counter[str] = Counter()
        self.seen: list[Request] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests[self.path] += 1
                authorization = self.headers.get("Authorization", "")
                outer.seen.append(Request(self.path, self.headers.get("Range", ""), authorization))
                content = outer.files.get(self.path)
                if self.path in outer.private and authorization != "Bearer secret":
                    self.send_error(401)
                elif self.path in outer.moved:
                    self.send_response(302)
                    self.send_header("Location", outer.moved[self.path])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif content is None:
                    self.send_error(404)
                else:
                    self._send(content)

            def _send(self, content: bytes) -> None:
                etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
                start = self._start(etag)
                if start is not None and start >= len(content):
                    self.send_error(416)
                    return
                body = content[start or 0 :]
                self.send_response(200 if start is None else 206)
                self.send_header("Content-Length", str(len(body)))
                if outer.ranges:
                    self.send_header("ETag", etag)
                if start is not None:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                half = len(body) // 2
                with contextlib.suppress(OSError):
                    self.wfile.write(body[:half])
                    if self.path in outer.held:
                        outer.release.wait(30)
                    if self.path not in outer.broken:
                        self.wfile.write(body[half:])

            def _start(self, etag: str) -> int | None:
                asked = self.headers.get("Range", "")
                if not (outer.ranges and asked) or self.headers.get("If-Range", etag) != etag:
                    return None
                return int(asked.removeprefix("bytes=").removesuffix("-"))

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    @contextlib.contextmanager
    def running(self) -> Iterator["FileServer"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def publish(
        self, repo: str, files: dict[str, bytes], large: frozenset[str] = frozenset(), branch: str = "main"
    ) -> str:
        """A commit of a hub repository, as the hub's API tells it; returns its hash.

        Files named in `large` are kept by Git LFS: the API tells their SHA-256, and their content is elsewhere.
        """
        commit = hashlib.sha1(repr((repo, sorted(files.items()))).encode()).hexdigest()
        told = {
            "id": repo,
            "sha": commit,
            "siblings": [_sibling(name, data, name in large) for name, data in files.items()],
        }
        for revision in (branch, commit):
            self.files[f"/api/models/{repo}/revision/{revision}?blobs=true"] = json.dumps(told).encode()
            for name, data in files.items():
                self.files[f"/{repo}/resolve/{revision}/{name}"] = data
        return commit


def _sibling(name: str, data: bytes, is_large: bool) -> dict[str, object]:
    blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    told: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": blob}
    if is_large:
        told["blobId"] = "0" * 40  # of the pointer
        told["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 135}
    return told


def write_wheel(folder: Path, project: str, version: str, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts, holding `members`."""
    info = f"{project}-{version}.dist-info"
    path = folder / f"{project}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path
