"""What an error of the operating system means for a folder store, as data."""

import errno

from imgflow.errors import BadKeyError, ImgflowError, ObjectDeniedError, StoreUnavailableError
from imgflow.store.keys import shown

FAILURES = {
    errno.ENOSPC: ("the disk is full", "Make room on it."),
    errno.EDQUOT: ("the disk quota is used up", "Make room, or ask for a larger quota."),
    errno.EFBIG: ("the file is larger than this system allows", "Raise the limit on file sizes (ulimit -f)."),
    errno.EACCES: ("permission is denied", "Give the user that runs imgflow the right to read and write there."),
    errno.EPERM: ("the operation is not permitted", "Check the owner and the attributes of the folder."),
    errno.EROFS: ("the file system is read-only", "Mount it writable, or choose another folder."),
    errno.EMFILE: ("too many files are open", "Raise the limit on open files (ulimit -n)."),
    errno.ENFILE: ("too many files are open on this machine", "Close programs, or raise the system's limit."),
    errno.EIO: (
        "the disk or the network drive reports an input/output error",
        "Check the device and its cable or mount.",
    ),
    errno.ESTALE: ("the network drive was mounted anew", "Restart imgflow once the drive is back."),
    errno.ETIMEDOUT: ("the network drive does not answer", "Check the connection to it."),
    errno.EHOSTDOWN: ("the network drive does not answer", "Check the connection to it."),
    errno.ENOTCONN: ("the network drive is not connected", "Mount it again."),
    errno.ENOENT: ("the folder does not exist", "Create or mount it."),
    errno.ENOTDIR: ("it is not a folder", "Choose a folder."),
    errno.ELOOP: ("symbolic links lead in a circle", "Remove the link."),
}
"""By errno: reason, remedy."""

DENIED = errno.EACCES, errno.EPERM
"""What one file or folder may say while the others can be read."""

MISPLACED = {
    errno.EISDIR: "a folder has this name",
    errno.EEXIST: "a file stands where a folder of this key should be",
    errno.ENOTDIR: "a file stands where a folder of this key should be",
    errno.ENAMETOOLONG: "this file system cannot hold a name that long",
    errno.EILSEQ: "this file system cannot hold these characters",
}
"""By errno, when writing: why this key can never be written there. Trying again does not help."""


def folder_error(error: OSError, store: str, action: str, key: str, writing: bool = False) -> ImgflowError:
    """The error to raise for an operating system's error.

    Args:
        error: what was caught.
        store: the store, for people.
        action: the verb: read, write, list, delete.
        key: what it was about; empty: the whole store.
        writing: whether the errors of a misplaced key can occur.
    """
    if writing and error.errno in MISPLACED:
        return BadKeyError(f"The key {shown(key)} cannot be stored in {store}: {MISPLACED[error.errno]}.")
    reason, remedy = FAILURES.get(error.errno or 0, (error.strerror or str(error), "Check the folder."))
    what = f"{shown(key)} in {store}" if key else store
    kind = ObjectDeniedError if action == "read" and error.errno in DENIED else StoreUnavailableError
    return kind(f"Cannot {action} {what}: {reason}. {remedy}")
