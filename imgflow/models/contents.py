"""What is really in a file: its hashes, and a note beside it so that it need not be read at every load."""

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from imgflow.models.model import ModelFile

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Contents:
    """Size in bytes and hashes of a file's content; `md5` and `blob` (Git's) only where they were asked for."""

    size: int
    sha256: str
    md5: str = ""
    blob: str = ""

    def differ_from(self, file: ModelFile) -> str:
        """What is not as the description pins it; empty if all is."""
        if file.size and self.size != file.size:
            return f"{self.size:,} bytes, not {file.size:,}"
        for kind in ("sha256", "md5", "blob"):
            pinned, found = getattr(file, kind), getattr(self, kind)
            if pinned and found != pinned:
                return f"another hash, {kind} {found}"
        return ""


def read_contents(path: Path, file: ModelFile) -> Contents:
    """Reads every byte, for SHA-256 and whatever else pins the file.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False) if file.md5 else None
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False) if file.blob else None
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            for digest in filter(None, (sha256, md5, blob)):
                digest.update(block)
    return Contents(size, sha256.hexdigest(), md5.hexdigest() if md5 else "", blob.hexdigest() if blob else "")


def is_right(path: Path, file: ModelFile) -> bool:
    """Whether a file is the pinned one: by its marker if that is still true of it, else by reading it.

    The marker holds size, time of change and hash. A store that cannot be written works too; it is read every time.
    """
    if not has_size(path, file.size):
        return False
    if is_marked(path, file):
        return True
    seen = _seen(path, file)
    if read_contents(path, file).differ_from(file):
        return False
    with contextlib.suppress(OSError):
        write_durably(marker(path), json.dumps(seen))
    return True


def is_marked(path: Path, file: ModelFile) -> bool:
    """Whether the marker says that this very file was read and found right."""
    with contextlib.suppress(OSError, ValueError):
        return bool(json.loads(marker(path).read_text()) == _seen(path, file))
    return False


def mark(path: Path, file: ModelFile) -> None:
    """Notes that the file was read and found right."""
    write_durably(marker(path), json.dumps(_seen(path, file)))


def marker(path: Path) -> Path:
    """Where that is noted."""
    return path.with_name(f".{path.name}.verified")


def has_size(path: Path, size: int) -> bool:
    """Whether there is such a file; any size is right if 0 is asked for."""
    try:
        return path.is_file() and size in (0, path.stat().st_size)
    except OSError:
        return False


def write_durably(path: Path, text: str) -> None:
    """Whole or not at all: through a file beside it that is renamed."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        beside.write_text(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Makes sure that a power cut after the rename does not leave a file of the right size with nothing in it."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _seen(path: Path, file: ModelFile) -> dict[str, object]:
    found = path.stat()
    return {"sha256": file.sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns}
