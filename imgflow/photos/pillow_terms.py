"""Pillow's process-wide switches, held at what imgflow needs while it decodes.

Pillow has its own limit on pixels, which would refuse or warn below ours; other code of the process may have asked it
to paint over missing data; and it warns about odd metadata, which becomes an error under `python -W error`.
The switches are changed by the first decoder that starts and put back by the last that ends.
"""

import sys
import threading
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from PIL import Image, ImageFile

_lock = threading.Lock()
_held = ExitStack()
_users = 0


@contextmanager
def pillow_terms() -> Generator[None]:
    """No limit on pixels (ours has been checked before), no painting over, no warnings from Pillow's modules."""
    global _users
    with _quiet() if getattr(sys.flags, "context_aware_warnings", False) else ExitStack():
        with _lock:
            if _users == 0:
                _held.enter_context(_switches())
            _users += 1
        try:
            yield
        finally:
            with _lock:
                _users -= 1
                if _users == 0:
                    _held.close()


@contextmanager
def _switches() -> Generator[None]:
    most, lenient = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
    try:
        with ExitStack() if getattr(sys.flags, "context_aware_warnings", False) else _quiet():
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = most, lenient


@contextmanager
def _quiet() -> Generator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
        yield
