"""Passing files of a folder store: unfinished writes, and files held for a moment while they are deleted.

Both carry names that no key can have, so that no listing shows them. What a killed process leaves behind is cleared
by the next listing that comes across it.
"""

import contextlib
import errno
import os
import secrets
import time
from pathlib import Path

from imgflow.store.keys import RESERVED

WRITE = f"{RESERVED}put-"
HOLD = f"{RESERVED}held-"

ABANDONED_WRITE_SECONDS = 24 * 3600
ABANDONED_HOLD_SECONDS = 60


def write(path: Path, data: bytes) -> None:
    """Writes a file that appears whole or not at all: next to its place, flushed to the disk, then renamed.

    Raises:
        OSError: as the system calls do; then nothing has changed.
    """
    unfinished = path.with_name(f"{WRITE}{secrets.token_hex(8)}")
    try:
        _write_flushed(unfinished, data)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def new_hold(folder: Path) -> Path:
    """Makes the hidden folder into which one file is moved, under its own name, while it is deleted."""
    hold = folder / f"{HOLD}{secrets.token_hex(8)}"
    hold.mkdir()
    return hold


def put_back(held: Path, target: Path) -> None:
    """Moves a held file back, unless a newer one has come to its place: then that one stays and the held one goes."""
    try:
        os.link(held, target)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        # No hard links on this file system, and Python has no rename that refuses to overwrite.
        if not target.exists():
            held.rename(target)
            return
    held.unlink()


def clear_abandoned(path: Path) -> None:
    """Clears one passing file or folder if the process that made it must be dead.

    An unfinished write is deleted, a held file goes back to its place. Trouble is left to the next listing.
    """
    with contextlib.suppress(OSError):
        age = time.time() - path.lstat().st_mtime
        if path.name.startswith(WRITE) and age > ABANDONED_WRITE_SECONDS:
            path.unlink()
        if path.name.startswith(HOLD) and age > ABANDONED_HOLD_SECONDS:
            for held in path.iterdir():
                put_back(held, path.parent / held.name)
            path.rmdir()


def _write_flushed(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    """Makes the rename last through a power cut; some network drives cannot, and need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
