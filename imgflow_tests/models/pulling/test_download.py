"""Downloads that are cut off go on where they stopped, and never mix two contents."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgflow.errors import ModelUnavailableError
from imgflow.models.model import Model, UrlSource
from imgflow.models.pulling import pull
from imgflow.models.pulling.download import CutOffError, download, partial, unfinished
from imgflow.models.store import ModelStore
from imgflow_tests.models.web import FileServer

Register = Callable[..., Model]

LARGE = os.urandom(3 << 20)
OTHER = os.urandom(3 << 20)


@pytest.fixture
def mirror() -> Iterator[FileServer]:
    """A second server, at another address."""
    with FileServer().running() as server:
        server.ranges = True
        yield server


def place_of(store: ModelStore) -> Path:
    return store.root / "tiny/tiny.onnx"


def begun(store: ModelStore, web: FileServer, content: bytes = LARGE) -> int:
    """Leaves the first half of a download, as a process does that is killed; returns its bytes."""
    target = unfinished(place_of(store))
    target.parent.mkdir(parents=True)
    web.files["/tiny.onnx"] = content
    web.broken.add("/tiny.onnx")
    ranges, web.ranges = web.ranges, True  # for its ETag
    with pytest.raises(CutOffError), one_attempt():
        download(web.url("/tiny.onnx"), target, len(content), lambda _done, _total: None)
    web.ranges = ranges
    web.broken.clear()
    web.seen.clear()
    return partial(target).done


@contextlib.contextmanager
def one_attempt() -> Iterator[None]:
    """One attempt is all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imgflow.models.pulling.download.CUTS", 0)
        yield


def test_the_rest_alone_is_asked_for(register: Register, web: FileServer, store: ModelStore) -> None:
    web.ranges = True
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    half = begun(store, web)
    assert 0 < half < len(LARGE)
    told: list[int] = []
    store.ensure("tiny", lambda _file, _source, done, _total: told.append(done))
    assert place_of(store).read_bytes() == LARGE
    assert [request.range for request in web.seen] == [f"bytes={half}-"]
    assert told[0] > half and told[-1] == len(LARGE)
    assert sorted(path.name for path in place_of(store).parent.iterdir()) == [".tiny.onnx.verified", "tiny.onnx"]


def test_a_server_without_ranges_begins_anew(register: Register, web: FileServer, store: ModelStore) -> None:
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    begun(store, web)
    store.ensure("tiny")
    assert place_of(store).read_bytes() == LARGE


def test_a_content_that_changed_between_two_parts(register: Register, web: FileServer, store: ModelStore) -> None:
    """The beginning is of a file that the server no longer has (If-Range tells)."""
    web.ranges = True
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    begun(store, web, OTHER)
    web.files["/tiny.onnx"] = LARGE
    store.ensure("tiny")
    assert place_of(store).read_bytes() == LARGE
    assert len(web.seen) == 1


def test_another_source_goes_on_and_a_mixture_is_found_out(
    register: Register, web: FileServer, mirror: FileServer, store: ModelStore
) -> None:
    register(UrlSource(mirror.url("/copy")), weights=LARGE)
    mirror.files["/copy"] = LARGE
    half = begun(store, web)
    store.ensure("tiny")
    assert [request.range for request in mirror.seen] == [f"bytes={half}-"]
    store.remove("tiny")
    begun(store, web, OTHER)
    store.ensure("tiny")
    assert place_of(store).read_bytes() == LARGE
    assert [request.range for request in mirror.seen][2:] == [""]


def test_a_connection_that_breaks_again_and_again(register: Register, web: FileServer, store: ModelStore) -> None:
    """Each attempt brings half of what is missing; the sixth stops, and the next pull goes on."""
    web.ranges = True
    web.files["/tiny.onnx"] = LARGE
    web.broken.add("/tiny.onnx")
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    with pytest.raises(ModelUnavailableError, match="of 3,145,728 bytes"):
        store.ensure("tiny")
    there = unfinished(place_of(store)).stat().st_size
    assert there > 0.95 * len(LARGE)
    web.broken.clear()
    store.pull("tiny")
    assert web.seen[-1].range == f"bytes={there}-"
    assert place_of(store).read_bytes() == LARGE


def test_more_is_there_than_there_should_be(register: Register, web: FileServer, store: ModelStore) -> None:
    web.ranges = True
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    target = unfinished(place_of(store))
    target.parent.mkdir(parents=True)
    target.write_bytes(OTHER + b"more")
    web.files["/tiny.onnx"] = LARGE
    store.ensure("tiny")
    assert place_of(store).read_bytes() == LARGE


SCRIPT = """
import sys
from pathlib import Path
from imgflow.models import registry
from imgflow.models.model import Model, ModelFile, UrlSource
from imgflow.models.store import ModelStore
root, url, sha256, size = sys.argv[1:]
file = ModelFile("tiny.onnx", sha256, int(size), (UrlSource(url),))
registry.MODELS["tiny"] = Model("tiny", "segment", "u2net_onnx", "MIT", True, "", (file,), 320)
ModelStore(Path(root)).ensure("tiny", lambda file, source, done, total: print(done, flush=True))
"""


def test_after_kill_9_the_next_pull_goes_on(register: Register, web: FileServer, store: ModelStore) -> None:
    web.ranges = True
    web.files["/tiny.onnx"] = LARGE
    web.held.add("/tiny.onnx")
    (file,) = register(UrlSource(web.url("/tiny.onnx")), weights=LARGE).files
    command = [sys.executable, "-c", SCRIPT, str(store.root), web.url("/tiny.onnx"), file.sha256, str(file.size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        while int(other.stdout.readline()) < len(LARGE) // 2:
            pass
        other.send_signal(signal.SIGKILL)
    there = unfinished(place_of(store)).stat().st_size
    assert there > 0
    web.held.clear()
    store.pull("tiny")
    assert web.seen[-1].range == f"bytes={there}-"
    assert place_of(store).read_bytes() == LARGE


# -- no room ---------------------------------------------------------------------------------------------------------


def test_a_disk_with_too_little_room_is_told_before(
    register: Register, web: FileServer, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    usage = pull.shutil.disk_usage
    monkeypatch.setattr(pull.shutil, "disk_usage", lambda path: usage(path)._replace(free=1_000_000))
    with pytest.raises(
        ModelUnavailableError, match=r"needs 3.1 MB in .*, and only 1.0 MB are free.*IMGFLOW_MODELS_DIR"
    ):
        store.ensure("tiny")
    assert not web.seen
    web.ranges = True
    begun(store, web)
    monkeypatch.setattr(pull.shutil, "disk_usage", lambda path: usage(path)._replace(free=2_000_000))
    store.ensure("tiny")  # half of it is there already


def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(
    register: Register, web: FileServer, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files stands for the full disk: the write fails in the middle."""
    import errno
    import resource

    web.ranges = True
    web.files["/tiny.onnx"] = LARGE
    register(UrlSource(web.url("/tiny.onnx")), weights=LARGE)
    monkeypatch.setattr(errno, "ENOSPC", errno.EFBIG)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        with pytest.raises(ModelUnavailableError, match=r"The disk of .*tiny is full.*pull tiny` goes on"):
            store.ensure("tiny")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    there = unfinished(place_of(store)).stat().st_size
    assert there > 0
    store.ensure("tiny")
    assert web.seen[-1].range == f"bytes={there}-"
    assert place_of(store).read_bytes() == LARGE
