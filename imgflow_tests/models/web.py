"""A real web server with good and bad files, and wheels, for tests of downloads."""

import contextlib
import http.server
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


class FileServer:
    """Serves `files` (path to content). A path in `broken` gets half of its file, then the connection closes; a path in
    `held` gets half of its file, then nothing until `release` is set."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken: set[str] = set()
        self.held: set[str] = set()
        self.release = threading.Event()
        self.requests: Counter[str] = Counter()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests[self.path] += 1
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = len(content) // 2
                with contextlib.suppress(OSError):
                    self.wfile.write(content[:half])
                    if self.path in outer.held:
                        outer.release.wait(30)
                    if self.path not in outer.broken:
                        self.wfile.write(content[half:])

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
