"""What every store can do, whether it is a folder or a bucket."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object, as a listing shows it without reading its bytes.

    Attributes:
        key: below the store's root or prefix, segments separated by `/`.
        size: bytes.
        stamp: changes whenever the object is replaced or rewritten. Cheap, comparable for equality only, and only
            between two looks at the same store (folder: size, mtime, inode; S3: ETag and size).
        modified: last modification, with a time zone. For people: nothing may be decided by it.
    """

    key: str
    size: int
    stamp: str
    modified: datetime


class Store(ABC):
    """Bytes by key. Safe to use from several threads and several processes at once.

    Every method that takes a key raises `BadKeyError` for a key that no store can hold, and every method raises
    `StoreUnavailableError` (what failed, on which key, why, what to do) when the store is away, full or refuses;
    `ObjectDeniedError`, one of these, where only this object may not be read.
    """

    @abstractmethod
    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Writes a whole object; readers see the old one or the new one, never a part, even if this process dies."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectNotFoundError: there is none.
        """

    @abstractmethod
    def stat(self, key: str) -> ObjectInfo | None:
        """What is known about the object without reading it; None if there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.stat(key) is not None

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object below a folder, however deep, as a stream.

        Sorted by the UTF-8 bytes of the key. (S3: in the server's order, which is that one on Amazon; SeaweedFS sorts
        folder by folder.) What appears or goes while the listing runs may or may not be in it.
        Names that no store can hold, and folders below that may not be opened, are left out with a warning in the log.

        Args:
            prefix: a folder (`inbox` and `inbox/` mean the same; `inbox2/…` is not below it); empty: everything.
        """

    @abstractmethod
    def delete(self, key: str, only_if: ObjectInfo | None = None) -> bool:
        """Deletes an object.

        Args:
            key: the object.
            only_if: as seen earlier: the object goes only if it is still that very one.

        Returns:
            Whether it was deleted: False if there is none, or another one than `only_if`.
        """

    @abstractmethod
    def content_stamp(self, info: ObjectInfo) -> str:
        """A stamp that changes with the content and not with time or place.

        `sha256:…` in a folder (reads the file), `etag:…` on S3 (downloads nothing).

        Raises:
            ObjectNotFoundError: the object is gone, or was replaced since `info` was taken.
        """

    @abstractmethod
    def is_settled(self, info: ObjectInfo, seconds: float) -> bool:
        """Whether the object is complete, and not a file that is still being copied into place.

        A folder: unchanged for `seconds` and (where the system can tell) open for writing nowhere. S3: always.
        """

    @abstractmethod
    def url(self, key: str, seconds: int) -> str:
        """A link for people: presigned and good for `seconds` on S3, a file:// address of a folder."""

    @abstractmethod
    def check(self) -> None:
        """Raises `StoreUnavailableError` unless the store is there and answers. Writes nothing."""

    @abstractmethod
    def describe(self) -> str:
        """Which store this is, for people; holds no secrets."""
