"""A folder as a store."""

import contextlib
import errno
import hashlib
import logging
import os
import stat
import time
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from imgflow.errors import BadKeyError, ObjectNotFoundError
from imgflow.store import passing
from imgflow.store.base import ObjectInfo, Store
from imgflow.store.folder_failures import DENIED, folder_error
from imgflow.store.keys import RESERVED, check_folder, check_key, objection, shown
from imgflow.store.writers import is_open_for_writing, open_for_reading

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class LocalStore(Store):
    """Objects are files below `root`, which is made at the first write.

    Symbolic links below the root are no objects and are not followed, wherever they lead. The root itself may be one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._warned: set[str] = set()

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Writes next to the target, flushes to the disk, renames. See `Store.put`; a folder keeps no content type."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            passing.write(path, data)
        except OSError as error:
            raise folder_error(error, self.describe(), "write", key, writing=True) from error

    def get(self, key: str) -> bytes:
        """See `Store.get`."""
        path = self._path(key)
        with self._reading(key):
            descriptor = open_for_reading(path)
            with os.fdopen(descriptor, "rb") as file:
                _require_file(os.fstat(descriptor))
                return file.read()

    def stat(self, key: str) -> ObjectInfo | None:
        """See `Store.stat`."""
        path = self._path(key)
        with contextlib.suppress(ObjectNotFoundError), self._reading(key):
            found = path.lstat()
            _require_file(found)
            return _info(key, found)
        return None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        folder = check_folder(prefix)
        if folder:
            self._refuse_links(self.root / folder, folder)
        walks = [self._folder(folder, is_below=False)]
        while walks:
            key, entry = next(walks[-1], ("", None))
            if entry is None:
                walks.pop()
            elif entry.is_dir(follow_symlinks=False):
                walks.append(self._folder(key, is_below=True))
            else:
                with contextlib.suppress(FileNotFoundError):
                    yield _info(key, entry.stat(follow_symlinks=False))

    def delete(self, key: str, only_if: ObjectInfo | None = None) -> bool:
        """See `Store.delete`.

        With `only_if` the file is moved aside first and looked at there, where nobody can replace it any more. A file
        that is another one, or that somebody has open for writing, goes back to its place.
        """
        found = self.stat(key)
        if found is None or (only_if is not None and found.stamp != only_if.stamp):
            return False
        path = self._path(key)
        try:
            if only_if is None:
                path.unlink()
                return True
            return _delete_held(path, only_if)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise folder_error(error, self.describe(), "delete", key) from error

    def content_stamp(self, info: ObjectInfo) -> str:
        """SHA-256 of the file's bytes. See `Store.content_stamp`."""
        with self._reading(info.key):
            descriptor = open_for_reading(self._path(info.key))
            with os.fdopen(descriptor, "rb") as file:
                digest = hashlib.sha256()
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
                if _stamp(os.fstat(descriptor)) != info.stamp:
                    raise ObjectNotFoundError(f"{shown(info.key)} in {self.describe()} was changed meanwhile.")
        return f"sha256:{digest.hexdigest()}"

    def is_settled(self, info: ObjectInfo, seconds: float) -> bool:
        """Unchanged for `seconds` by mtime and ctime, and not open for writing. See `Store.is_settled`.

        A file with a date in the future is judged by its ctime, which no copying program can set.
        """
        try:
            with self._reading(info.key):
                descriptor = open_for_reading(self._path(info.key))
                try:
                    found = os.fstat(descriptor)
                    writer = is_open_for_writing(descriptor)
                finally:
                    os.close(descriptor)
        except ObjectNotFoundError:
            return False
        now = time.time()
        changed = max(t for t in (found.st_mtime, found.st_ctime, 0.0) if t <= now)
        return _stamp(found) == info.stamp and not writer and now - changed >= seconds

    def url(self, key: str, seconds: int) -> str:
        """A file:// address, which does not expire."""
        return self._path(key).as_uri()

    def check(self) -> None:
        """See `Store.check`."""
        try:
            with os.scandir(self.root) as entries:
                next(entries, None)
        except OSError as error:
            raise folder_error(error, self.describe(), "open", "") from error

    def describe(self) -> str:
        """`folder /…`."""
        return f"folder {self.root}"

    def _path(self, key: str) -> Path:
        """Where a key is kept.

        Raises:
            BadKeyError: the key is refused, or passes through a symbolic link.
        """
        path = self.root / check_key(key)
        self._refuse_links(path.parent, key)
        return path

    def _refuse_links(self, folder: Path, key: str) -> None:
        if os.path.realpath(folder) != str(folder):
            raise BadKeyError(
                f"The key {shown(key)} passes through a symbolic link in {self.describe()}, and links are not followed."
            )

    @contextlib.contextmanager
    def _reading(self, key: str) -> Generator[None, None, None]:
        """Turns errors of reading one file into `ObjectNotFoundError` or `StoreUnavailableError`."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG):
                raise ObjectNotFoundError(f"There is no object {shown(key)} in {self.describe()}.") from error
            raise folder_error(error, self.describe(), "read", key) from error

    def _folder(self, folder: str, is_below: bool) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Files and folders right in one folder with their keys, sorted as keys below them sort.

        One below that may not be opened must not keep everybody from the others.
        """
        path = self.root / folder
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=_sort_name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if is_below and error.errno in DENIED:
                self._warn(folder, "it may not be opened; give the user that runs imgflow the right to")
                return
            raise folder_error(error, self.describe(), "list", folder) from error
        for entry in found:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(RESERVED):
                passing.clear_abandoned(Path(entry.path))
            elif why := objection(key) or _strangeness(entry):
                self._warn(key, why)
            else:
                yield key, entry

    def _warn(self, key: str, why: str) -> None:
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            log.warning("%s is left out of %s: %s", shown(key), self.describe(), why)


def _delete_held(path: Path, only_if: ObjectInfo) -> bool:
    hold = passing.new_hold(path.parent)
    held = hold / path.name
    try:
        path.rename(held)
        if _stamp(held.lstat()) == only_if.stamp and not _has_writer(held):
            held.unlink()
            return True
        passing.put_back(held, path)
        return False
    finally:
        with contextlib.suppress(OSError):
            hold.rmdir()


def _has_writer(path: Path) -> bool | None:
    try:
        descriptor = open_for_reading(path)
    except PermissionError:
        return None
    try:
        return is_open_for_writing(descriptor)
    finally:
        os.close(descriptor)


def _sort_name(entry: os.DirEntry[str]) -> bytes:
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")


def _strangeness(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return "it is a symbolic link"
    if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
        return "it is neither a file nor a folder"
    return None


def _require_file(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def _info(key: str, found: os.stat_result) -> ObjectInfo:
    try:
        modified = EPOCH + timedelta(seconds=found.st_mtime)
    except OverflowError:
        modified = EPOCH
    return ObjectInfo(key, found.st_size, _stamp(found), modified)
