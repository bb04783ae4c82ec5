"""What is special about a folder: links, rights, full disks, killed processes."""

import contextlib
import logging
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from imgflow.errors import BadKeyError, ObjectDeniedError, ObjectNotFoundError, StoreUnavailableError
from imgflow.store.local import LocalStore
from imgflow_tests.store.listing import keys, names

NOBODY = 65_534


# -- names ---------------------------------------------------------------------------------------------------------


def test_byte_order_even_where_a_file_and_a_folder_begin_alike(store: LocalStore) -> None:
    wanted = ["a b", "a-b", "a.jpg", "a/b", "a0", "b/x", "Ä"]
    for key in wanted:
        store.put(key, b"")
    assert keys(store) == wanted == sorted(wanted, key=str.encode)


def test_a_file_in_the_way_of_a_folder_and_the_reverse(store: LocalStore) -> None:
    store.put("a", b"x")
    store.put("b/c", b"x")
    for key in ("a/b", "a/b/c", "b"):
        with pytest.raises(BadKeyError, match="cannot be stored"):
            store.put(key, b"x")
        assert store.stat(key) is None
        assert not store.delete(key)
        with pytest.raises(ObjectNotFoundError):
            store.get(key)
    assert keys(store) == ["a", "b/c"]


def test_names_that_no_store_can_hold_are_left_out_with_a_warning(
    store: LocalStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("inbox/good.jpg", b"x")
    inbox = os.fsencode(store.root / "inbox")
    strange = [b"line\nbreak.jpg", b"back\\slash.jpg", b"latin-\xe4.jpg"]
    made = 0
    for name in strange:
        with contextlib.suppress(OSError):  # some file systems refuse the third
            Path(os.fsdecode(inbox + b"/" + name)).write_bytes(b"x")
            made += 1
    with caplog.at_level(logging.WARNING):
        assert keys(store) == keys(store) == ["inbox/good.jpg"]
    assert len(caplog.records) == made >= 2


# -- symbolic links ------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path, store: LocalStore) -> Path:
    """A folder beside the store, to which a file link, a folder link and a circle lead from inside."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    store.put("inbox/a", b"x")
    (store.root / "inbox" / "file-link").symlink_to(folder / "secret")
    (store.root / "inbox" / "folder-link").symlink_to(folder)
    (store.root / "inbox" / "circle").symlink_to(store.root / "inbox")
    return folder


def test_links_are_not_listed(store: LocalStore, outside: Path) -> None:
    assert keys(store) == ["inbox/a"]


@pytest.mark.parametrize("key", ["inbox/folder-link/secret", "inbox/circle/a"])
def test_nothing_is_done_through_a_linked_folder(store: LocalStore, outside: Path, key: str) -> None:
    for call in (store.get, store.stat, store.delete, lambda k: store.put(k, b"mine"), lambda k: store.url(k, 1)):
        with pytest.raises(BadKeyError, match="symbolic link"):
            call(key)
    with pytest.raises(BadKeyError, match="symbolic link"):
        keys(store, "inbox/folder-link")
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_linked_file_is_no_object_and_is_replaced_not_followed(store: LocalStore, outside: Path) -> None:
    with pytest.raises(ObjectNotFoundError):
        store.get("inbox/file-link")
    assert store.stat("inbox/file-link") is None
    assert not store.delete("inbox/file-link")
    store.put("inbox/file-link", b"mine")
    assert (outside / "secret").read_bytes() == b"secret"
    assert store.get("inbox/file-link") == b"mine"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = LocalStore(tmp_path / "link")
    store.put("a/b", b"x")
    assert keys(store) == ["a/b"]


def test_a_named_pipe_does_not_hang_the_store(store: LocalStore) -> None:
    store.put("a", b"x")
    os.mkfifo(store.root / "pipe")
    assert keys(store) == ["a"]
    with pytest.raises(ObjectNotFoundError):
        store.get("pipe")


# -- writing -------------------------------------------------------------------------------------------------------


def test_files_get_the_usual_rights(store: LocalStore) -> None:
    old = os.umask(0o027)
    try:
        store.put("a", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((store.root / "a").stat().st_mode) == 0o640


PUTS = """
import sys
from pathlib import Path
from imgflow.store.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
for n in range(10_000):
    store.put(f"published/{n % 3}.png", bytes([n % 251]) * 3_000_000)
    print(n, flush=True)
"""


def test_a_killed_process_leaves_no_half_object(store: LocalStore) -> None:
    for puts_before_the_kill in (1, 2, 4, 7):
        process = subprocess.Popen([sys.executable, "-c", PUTS, str(store.root)], stdout=subprocess.PIPE)
        assert process.stdout
        for _ in range(puts_before_the_kill):
            process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
        for found in store.list():
            data = store.get(found.key)
            assert len(data) == 3_000_000
            assert len(set(data[::1000])) == 1


def test_what_a_killed_process_left_behind_is_cleared_a_day_later(store: LocalStore) -> None:
    store.put("a/b", b"x")
    young, old = store.root / "a/.imgflow-put-1", store.root / "a/.imgflow-put-2"
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert keys(store) == ["a/b"]
    assert young.exists()
    assert not old.exists()


def test_a_file_size_limit_in_the_middle_of_a_write(store: LocalStore) -> None:
    store.put("a", b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(
            StoreUnavailableError, match=r"Cannot write 'a' in folder /.*larger than this system allows"
        ):
            store.put("a", b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.get("a") == b"old"
    assert names(store.root) == ["a"]


FILL = """
from pathlib import Path
from imgflow.errors import StoreUnavailableError
from imgflow.store.local import LocalStore
store = LocalStore(Path("."))
store.put("a", b"x" * 100_000)
try:
    store.put("a", b"y" * 2_000_000)
except StoreUnavailableError as error:
    assert store.get("a") == b"x" * 100_000
    assert [found.key for found in store.list()] == ["a"]
    assert store.delete("a")
    print(error)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=1m none {tmp_path} && cd {tmp_path} && exec {sys.executable} -c '{FILL}'"
    unshare = shutil.which("unshare")
    can_mount = f"mount -t tmpfs none {tmp_path}"
    if not unshare or subprocess.run([unshare, "-rm", "sh", "-c", can_mount], capture_output=True).returncode:
        pytest.skip("this machine allows no small disk of one's own (unshare -rm)")
    done = subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True, text=True)
    assert "Cannot write 'a' in folder" in done.stdout, done.stderr
    assert "the disk is full. Make room on it." in done.stdout


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder in which the running user has no rights; as root, the test goes on as nobody."""
    folder = Path(tempfile.mkdtemp())
    (folder / "store/sub").mkdir(parents=True)
    (folder / "store/sub/a").write_bytes(b"x")
    (folder / "store/sub/a").chmod(0o000)
    folder.chmod(0o755)
    (folder / "store/closed").mkdir()
    root = os.geteuid() == 0
    if root:
        os.chown(folder / "store/closed", NOBODY, NOBODY)
    (folder / "store/sub").chmod(0o755 if root else 0o555)
    try:
        if root:
            os.seteuid(NOBODY)
        yield folder / "store"
    finally:
        if root:
            os.seteuid(0)
        (folder / "store/sub").chmod(0o755)
        (folder / "store/closed").chmod(0o755)
        shutil.rmtree(folder)


def test_missing_rights(foreign_folder: Path) -> None:
    store = LocalStore(foreign_folder)
    seen = store.stat("sub/a")
    assert seen is not None
    calls = {
        "read": lambda: store.get("sub/a"),
        "write": lambda: store.put("sub/b", b"x"),
        "delete": lambda: store.delete("sub/a"),
    }
    for action, call in {**calls, "delete ": lambda: store.delete("sub/a", only_if=seen)}.items():
        with pytest.raises(StoreUnavailableError, match=f"Cannot {action.strip()} 'sub/.*permission is denied. Give"):
            call()


def test_what_may_not_be_read_keeps_nobody_from_the_others(
    foreign_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(foreign_folder)
    with pytest.raises(ObjectDeniedError):
        store.get("sub/a")
    foreign_folder.joinpath("closed").chmod(0o000)
    assert keys(store) == ["sub/a"]
    assert "'closed' is left out of" in caplog.text
    assert "it may not be opened" in caplog.text
    with pytest.raises(StoreUnavailableError, match=r"Cannot list 'closed'.*permission is denied"):
        keys(store, "closed")


def test_check_tells_a_missing_folder(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"does not exist\. Create or mount it"):
        store.check()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailableError, match="not a folder"):
        LocalStore(tmp_path / "file").check()


def test_the_url_opens(store: LocalStore) -> None:
    store.put("with space/ä#1.txt", b"hello")
    with urlopen(store.url("with space/ä#1.txt", 60)) as answer:
        assert answer.read() == b"hello"
