"""What is special about a folder: links, other programs' files, full disks, killed processes."""

import contextlib
import logging
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from imgflow.errors import BadKeyError, ObjectNotFoundError, StoreUnavailableError
from imgflow.store.local import LocalStore
from imgflow.store.writers import is_open_for_writing, open_for_reading

NOBODY = 65_534


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def keys(store: LocalStore, prefix: str = "") -> list[str]:
    return [found.key for found in store.list(prefix)]


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


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
    root = os.geteuid() == 0
    (folder / "store/sub").chmod(0o755 if root else 0o555)
    try:
        if root:
            os.seteuid(NOBODY)
        yield folder / "store"
    finally:
        if root:
            os.seteuid(0)
        (folder / "store/sub").chmod(0o755)
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


def test_check_tells_a_missing_folder(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"does not exist\. Create or mount it"):
        store.check()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailableError, match="not a folder"):
        LocalStore(tmp_path / "file").check()


# -- deleting ------------------------------------------------------------------------------------------------------


def test_a_file_that_came_between_listing_and_deleting_stays(store: LocalStore) -> None:
    store.put("inbox/a", b"one")
    (seen,) = store.list()
    newer = store.root / "newer"
    newer.write_bytes(b"two")
    newer.replace(store.root / "inbox/a")
    assert not store.delete("inbox/a", only_if=seen)
    assert store.get("inbox/a") == b"two"
    assert names(store.root / "inbox") == ["a"]


def test_a_file_replaced_after_the_first_look_goes_back(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The replacement falls exactly between the look at the file and its move aside."""
    store.put("inbox/a", b"one")
    seen = store.stat("inbox/a")
    rename = Path.rename

    def replaced_just_before(self: Path, target: Path) -> Path:
        store.put("inbox/a", b"two")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", replaced_just_before)
    assert not store.delete("inbox/a", only_if=seen)
    assert store.get("inbox/a") == b"two"
    assert names(store.root / "inbox") == ["a"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_held_file_does_not_go_back_over_a_newer_one(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    store.put("inbox/a", b"one")
    seen = store.stat("inbox/a")
    rename = Path.rename

    def replaced_before_and_after(self: Path, target: Path) -> Path:
        if self.name != "a" or self.parent.name != "inbox":
            return rename(self, target)
        store.put("inbox/a", b"two")
        moved = rename(self, target)
        store.put("inbox/a", b"three")
        return moved

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(Path, "rename", replaced_before_and_after)
    if not hard_links:
        monkeypatch.setattr(os, "link", no_links)
    assert not store.delete("inbox/a", only_if=seen)
    assert store.get("inbox/a") == b"three"
    assert names(store.root / "inbox") == ["a"]


def test_a_file_held_by_a_killed_process_comes_back(store: LocalStore) -> None:
    store.put("inbox/other", b"x")
    hold = store.root / "inbox/.imgflow-held-1"
    hold.mkdir()
    (hold / "a.jpg").write_bytes(b"photo")
    assert keys(store) == ["inbox/other"]
    os.utime(hold, (0, 0))
    keys(store)
    assert keys(store) == ["inbox/a.jpg", "inbox/other"]
    assert not hold.exists()


# -- files that are still being written ----------------------------------------------------------------------------


def leases_work(folder: Path) -> bool:
    probe = folder / "probe"
    probe.write_bytes(b"")
    descriptor = open_for_reading(probe)
    try:
        return is_open_for_writing(descriptor) is False
    finally:
        os.close(descriptor)


WRITER = """
import sys
with open(sys.argv[1], "r+b") as file:
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer_elsewhere(store: LocalStore, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has inbox/a open for writing until it gets a line."""
    if not leases_work(tmp_path):
        pytest.skip("this system cannot tell who has a file open")
    store.put("inbox/a", b"photo")
    command = [sys.executable, "-c", WRITER, str(store.root / "inbox/a")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_a_file_that_is_open_for_writing_is_not_settled(
    store: LocalStore, writer_elsewhere: subprocess.Popen[bytes]
) -> None:
    seen = store.stat("inbox/a")
    assert seen is not None
    assert not store.is_settled(seen, 0)
    assert not store.delete("inbox/a", only_if=seen)
    assert store.get("inbox/a") == b"photo"
    writer_elsewhere.communicate(b"\n")
    assert store.is_settled(seen, 0)
    assert store.delete("inbox/a", only_if=seen)


def test_a_writer_that_comes_during_the_check_does_not_kill_this_process(store: LocalStore) -> None:
    """The kernel signals the holder of a lease when a writer comes; unhandled, that signal would end the process."""
    if not leases_work(store.root.parent):
        pytest.skip("this system cannot tell who has a file open")
    store.put("a", b"x")
    script = textwrap.dedent(f"""
        import threading
        from pathlib import Path
        from imgflow.store.local import LocalStore
        store, done = LocalStore(Path({str(store.root)!r})), threading.Event()
        def write():
            while not done.is_set():
                open(store.root / "a", "r+b").close()
        writers = [threading.Thread(target=write) for _ in range(2)]
        [w.start() for w in writers]
        info = store.stat("a")
        answers = {{store.is_settled(info, 0) for _ in range(3000)}}
        done.set()
        [w.join() for w in writers]
        print("alive", len(answers))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode != -signal.SIGIO
    assert done.stdout.startswith("alive"), done.stderr


def test_settling_goes_by_the_last_change_not_by_the_date_a_copy_keeps(store: LocalStore) -> None:
    store.put("a", b"photo")
    path = store.root / "a"
    os.utime(path, (time.time() - 86_400,) * 2)  # what `cp -p` and every unpacker do; ctime is now
    seen = store.stat("a")
    assert seen is not None
    assert store.is_settled(seen, 0)
    assert not store.is_settled(seen, 3600)


def test_a_date_in_the_future_does_not_keep_a_photo_waiting(store: LocalStore) -> None:
    store.put("a", b"photo")
    os.utime(store.root / "a", (time.time() + 86_400,) * 2)
    seen = store.stat("a")
    assert seen is not None
    assert store.is_settled(seen, 0)


def test_a_changed_or_vanished_file_is_not_settled(store: LocalStore) -> None:
    store.put("a", b"one")
    seen = store.stat("a")
    assert seen is not None
    store.put("a", b"more")
    assert not store.is_settled(seen, 0)
    with pytest.raises(ObjectNotFoundError):
        store.content_stamp(seen)
    store.delete("a")
    assert not store.is_settled(seen, 0)


def test_the_url_opens(store: LocalStore) -> None:
    store.put("with space/ä#1.txt", b"hello")
    with urlopen(store.url("with space/ä#1.txt", 60)) as answer:
        assert answer.read() == b"hello"
