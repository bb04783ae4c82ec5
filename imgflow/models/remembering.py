"""A segmenter that is asked about the same picture by two stages looks at it once."""

import hashlib
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.models.base import Segmenter

LATEST = 8
"""Answers that are kept: those of the photos that are worked on at once, with their later looks. (Of pictures with
1280 pixels on the longer side, 50 MB.)"""


class Remembering:
    """Answers again what it has answered lately: the matte stage asks about the picture that the shadow stage left, and
    that is mostly the picture it got.

    Args:
        segmenter: what is asked; everything but its answers comes from it.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        # By shape and content; the one used last is last.
        self._answers: OrderedDict[tuple[tuple[int, ...], bytes], NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segmenter, name)

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As the segmenter; the result cannot be written to."""
        key = rgb.shape, hashlib.blake2b(rgb.tobytes()).digest()
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        answer = self._segmenter(rgb)
        answer.flags.writeable = False
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > LATEST:
                self._answers.popitem(last=False)
        return answer
