"""Files of a folder that others write, replace or hold meanwhile."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgflow.errors import ObjectNotFoundError
from imgflow.store.local import LocalStore
from imgflow.store.writers import is_open_for_writing, open_for_reading
from imgflow_tests.store.listing import keys, names

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
