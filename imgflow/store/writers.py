"""Whether some process has a file open for writing: what a settle time alone cannot tell."""

import os
import signal
import sys


def is_open_for_writing(descriptor: int) -> bool | None:
    """Whether any process on this machine has the file open for writing; None where the system cannot tell.

    Linux grants a read lease (fcntl(2), F_SETLEASE) only on a file that nobody has open for writing. The lease is given
    back at once. It needs the file's owner or root and a file system that knows leases; elsewhere the answer is None.

    Args:
        descriptor: the file, opened for reading only.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    f_setsig = 10  # F_SETSIG is not in Python's fcntl module
    try:
        # A writer that comes while the lease is held makes the kernel signal us: by default with SIGIO, which kills.
        # SIGURG is ignored by default.
        fcntl.fcntl(descriptor, f_setsig, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def open_for_reading(path: str | os.PathLike[str]) -> int:
    """A descriptor of a file, never through a symbolic link, never waiting for the other end of a named pipe.

    Raises:
        OSError: as os.open does.
    """
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
