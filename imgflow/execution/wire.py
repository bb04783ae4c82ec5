"""How a resident worker is found and spoken to: a record file that names its address, and JSON over a local socket.

Both sides prove that they know the record's key (HMAC, by `multiprocessing.connection`); the record can be read by
its owner only. Nothing is ever unpickled.
"""

import argparse
import contextlib
import json
import os
import secrets
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import psutil

FOLDER = "workers"
"""Below the home: records and logs of the workers."""

_PATIENCE_SECONDS = 10.0


class WorkerUnreachableError(Exception):
    """Nobody answers at the record's address; the process may be dead, dying, or too busy to answer."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a worker tells about itself when it is ready.

    Attributes:
        device: `cpu`, `gpu`, or `runs` (the run starter).
        number: of the worker among those of its device.
        version: of code and settings it was started with.
        pid: with `born`, the process: numbers are used again, moments are not.
        born: when the process began, seconds since the epoch.
        port: on 127.0.0.1.
        key: what both sides must know, hexadecimal.
    """

    device: str
    number: int
    version: str
    pid: int
    born: float
    port: int
    key: str

    @property
    def name(self) -> str:
        """`gpu-0`."""
        return f"{self.device}-{self.number}"

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.born) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        """Send one request and return the answer.

        Raises:
            WorkerUnreachableError: there is no answer within ten seconds.
        """
        try:
            with Client(("127.0.0.1", self.port), authkey=bytes.fromhex(self.key)) as connection:
                connection.send_bytes(json.dumps({"do": what, **values}).encode())
                if not connection.poll(_PATIENCE_SECONDS):
                    raise WorkerUnreachableError(f"worker {self.name} (pid {self.pid}) does not answer")
                return json.loads(connection.recv_bytes())
        except (OSError, EOFError, AuthenticationError) as error:
            raise WorkerUnreachableError(f"worker {self.name} (pid {self.pid}): {error or 'hung up'}") from error


@contextlib.contextmanager
def announced(program: str) -> Generator[tuple[Listener, float]]:
    """Listen as the command line says, with a record for as long as this lasts.

    Args:
        program: what `--help` calls it.

    Returns:
        Where clients connect, and the seconds without work after which the process is to end.
    """
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    options = parser.parse_args()
    key = secrets.token_hex(32)
    me = psutil.Process()
    with Listener(("127.0.0.1", 0), authkey=bytes.fromhex(key)) as listener:
        port = int(listener.address[1])
        record = Record(options.device, options.number, options.version, me.pid, me.create_time(), port, key)
        path = _write_record(options.home, record)
        try:
            yield listener, options.idle_seconds
        finally:
            path.unlink(missing_ok=True)


def answer(connection: Connection, reply: dict[str, Any]) -> None:
    """Send the answer; a client that has gone does not matter."""
    with contextlib.suppress(OSError):
        connection.send_bytes(json.dumps(reply).encode())


def _write_record(home: Path, record: Record) -> Path:
    """Make the record known; whole or not at all, readable by its owner only."""
    path = _path(home, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{record.pid}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(record), file)
    temporary.replace(path)
    return path


def records(home: Path) -> Iterator[Record]:
    """The workers that are alive; what dead ones have left is swept up."""
    for path in sorted((home / FOLDER).glob("*.json")):
        try:
            record = Record(**json.loads(path.read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            continue
        if record.is_alive():
            yield record
        else:
            path.unlink(missing_ok=True)


def log_path(home: Path, device: str, number: int) -> Path:
    """Where the worker's output goes."""
    return home / FOLDER / f"{device}-{number}.log"


def _path(home: Path, record: Record) -> Path:
    # Two versions of a worker live side by side while the older finishes its step.
    return home / FOLDER / f"{record.name}.{record.pid}.json"
