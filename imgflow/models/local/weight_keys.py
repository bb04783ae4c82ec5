"""What is in a file of weights, found without running or loading anything of it.

A safetensors file begins with its keys as JSON. A PyTorch checkpoint is a pickle: its opcodes are read, never executed,
and the strings in them are the keys.
"""

import json
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

HEADER_BYTES = 100 << 20
"""The format's own limit for a safetensors header."""

PICKLES = 5
"""In a checkpoint from before PyTorch 1.6: magic number, protocol, machine, the object, the names of its storages."""


class UnreadableWeightsError(Exception):
    """The file is not what its ending says; the message says what is wrong."""


def weight_keys(path: Path) -> frozenset[str]:
    """The keys of a state dict, and in a PyTorch checkpoint every other string of it, too.

    Args:
        path: .safetensors, .pth, .pt, .ckpt or .bin.

    Raises:
        UnreadableWeightsError: it is none.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".safetensors":
                return frozenset(_safetensors_keys(file))
            if zipfile.is_zipfile(file):
                return frozenset(_zipped_keys(file))
            file.seek(0)
            return frozenset(text for _ in range(PICKLES) for text in _strings(file))
    except (ValueError, KeyError, IndexError, struct.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableWeightsError(f"it is no file of weights ({error})") from error


def _safetensors_keys(file: IO[bytes]) -> Iterator[str]:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > HEADER_BYTES:
        raise ValueError(f"a header of {length:,} bytes")
    header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    return (str(key) for key in header if key != "__metadata__")


def _zipped_keys(file: IO[bytes]) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        pickled = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if not pickled:
            raise ValueError("a zip archive without a data.pkl")
        with archive.open(pickled[0]) as stream:
            yield from _strings(stream)


def _strings(stream: IO[bytes]) -> Iterator[str]:
    """Of one pickle; the stream is left behind it."""
    for opcode, argument, _ in pickletools.genops(stream):
        if isinstance(argument, str) and opcode.name in ("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINUNICODE8"):
            yield argument
