"""Which keys are allowed. The same rules for every store, so that a store can be moved from a folder to S3 and back."""

import re

from imgflow.errors import BadKeyError

MAX_KEY_BYTES = 1024
"""Most UTF-8 bytes of a whole key, prefix included: the limit of S3."""

MAX_SEGMENT_BYTES = 255
"""Most UTF-8 bytes between two slashes: the limit of the usual file systems (and of SeaweedFS)."""

RESERVED = ".imgflow-"
"""What the names of imgflow's own passing files begin with (see passing.py)."""

FORBIDDEN = (
    (re.compile(r"\A\Z"), "it is empty"),
    (re.compile(r"[\ud800-\udfff]"), "it is not valid UTF-8"),
    (re.compile(r"[\x00-\x1f\x7f]"), "it holds control characters"),
    (re.compile(r"\\"), "it holds a backslash"),
    (re.compile(r"\A/"), "it begins with a slash"),
    (re.compile(r"/\Z"), "it ends with a slash"),
    (re.compile(r"//"), "it holds an empty folder name (//)"),
    (re.compile(r"(\A|/)\.\.?(/|\Z)"), "it holds a `.` or `..` folder"),
    (re.compile(rf"(\A|/){re.escape(RESERVED)}"), f"names that begin with {RESERVED} are kept for imgflow itself"),
)
"""What a key must not look like, and how that is told."""


def check_key(key: str) -> str:
    """The key itself, if every store can hold it.

    Keys are kept as given: spaces are fine, and an accented letter spelt in two ways (NFC, NFD) makes two keys.

    Raises:
        BadKeyError: the key is refused; the message says why.
    """
    why = objection(key)
    if why:
        raise BadKeyError(f"The key {shown(key)} cannot be stored: {why}.")
    return key


def objection(key: str) -> str | None:
    """Why no store can hold this key; None if every store can."""
    for pattern, why in FORBIDDEN:
        if pattern.search(key):
            return why
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in key.split("/")):
        return f"a name in it is longer than {MAX_SEGMENT_BYTES} bytes"
    return None


def check_folder(prefix: str) -> str:
    """A folder's name without the slash at its end; empty means the root.

    Raises:
        BadKeyError: no key can be below it.
    """
    return check_key(prefix.removesuffix("/")) if prefix else ""


def shown(key: str) -> str:
    """A key for a message: quoted, printable whatever it holds, and not longer than a line."""
    text = repr(key)
    return text if len(text) <= 120 else f"{text[:80]}…{text[-30:]}"
