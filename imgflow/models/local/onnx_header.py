"""What an ONNX file says about itself: its input, and what its first output is. The weights are skipped, not read.

Method: the protobuf wire format (varints and lengths) with the field numbers of onnx.proto; no library is needed, and
a file of a gigabyte takes milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

FLOAT, FLOAT16 = 1, 10
"""onnx.TensorProto.DataType"""

SHAPING = frozenset({"Cast", "Identity", "Reshape", "Resize", "Slice", "Squeeze", "Unsqueeze", "Upsample"})
"""Operators behind a network's last one that leave a probability a probability."""

PROBABILITIES = frozenset({"Sigmoid", "HardSigmoid", "Softmax", "Clip"})


class UnreadableOnnxError(Exception):
    """The file is no ONNX model; the message says why."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, element type (onnx.TensorProto.DataType) and shape (0: not fixed) of an input or output."""

    name: str
    dtype: int
    shape: tuple[int, ...]


@dataclass(slots=True)
class OnnxHeader:
    """What is in a file.

    Attributes:
        inputs: without those that are weights.
        outputs: in order.
        makers: of each tensor: the operator that makes it, and that operator's first input.
        elsewhere: files beside this one that hold weights of it.
    """

    inputs: list[Tensor] = field(default_factory=list[Tensor])
    outputs: list[Tensor] = field(default_factory=list[Tensor])
    makers: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    elsewhere: set[str] = field(default_factory=set[str])

    def is_probability(self) -> bool:
        """Whether the first output is made by a sigmoid (or the like); else it is logits."""
        name = self.outputs[0].name
        while name in self.makers:
            operator, source = self.makers[name]
            if operator not in SHAPING:
                return operator in PROBABILITIES
            name = source
        return False


def read_header(path: Path) -> OnnxHeader:
    """Reads all of an ONNX file but its weights.

    Raises:
        UnreadableOnnxError: it is none.
        OSError: it cannot be read.
    """
    header, weights = OnnxHeader(), set[str]()
    try:
        with path.open("rb") as file:
            for number, begin, end in _parts(file, 0, path.stat().st_size):
                if number == 7:  # ModelProto.graph
                    _read_graph(file, begin, end, header, weights)
    except (EOFError, ValueError, IndexError) as error:
        raise UnreadableOnnxError(f"it is no ONNX model ({error})") from error
    header.inputs = [tensor for tensor in header.inputs if tensor.name not in weights]
    if not header.inputs or not header.outputs:
        raise UnreadableOnnxError("it is no ONNX model (no input or no output)")
    return header


def _read_graph(file: IO[bytes], begin: int, end: int, header: OnnxHeader, weights: set[str]) -> None:
    for number, start, stop in _parts(file, begin, end):
        match number:
            case 1:  # node: input 1, output 2, op_type 4
                fields = list(_parts(file, start, stop))
                ins, outs, (kind,) = ([_text(file, b, e) for m, b, e in fields if m == n] for n in (1, 2, 4))
                for output in outs:
                    header.makers[output] = (kind, ins[0] if ins else "")
            case 5:  # initializer: name 8, external_data 13 { key 1, value 2 }*
                fields = list(_parts(file, start, stop))
                weights.update(_text(file, b, e) for n, b, e in fields if n == 8)
                for entry in [(b, e) for n, b, e in fields if n == 13]:
                    texts = {n: _text(file, b, e) for n, b, e in _parts(file, *entry)}
                    if texts.get(1) == "location":
                        header.elsewhere.add(texts.get(2, ""))
            case 11:
                header.inputs.append(_tensor(file, start, stop))
            case 12:
                header.outputs.append(_tensor(file, start, stop))
            case _:
                pass


def _tensor(file: IO[bytes], begin: int, end: int) -> Tensor:
    """ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 }* } } }."""
    name, dtype, shape = "", 0, list[int]()
    for number, start, stop in _parts(file, begin, end):
        if number == 1:
            name = _text(file, start, stop)
        if number == 2:
            for _, type_start, type_stop in _parts(file, start, stop):
                for part, part_start, part_stop in _parts(file, type_start, type_stop):
                    if part == 1:
                        dtype = part_start  # of a number, the value stands for the place
                    if part == 2:
                        for _, dim_start, dim_stop in _parts(file, part_start, part_stop):
                            values = [v for n, v, e in _parts(file, dim_start, dim_stop) if n == 1 and e < 0]
                            shape.append(values[0] if values else 0)
    return Tensor(name, dtype, tuple(shape))


def _parts(file: IO[bytes], begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Field number, first byte, byte after the last; of a number: field number, its value, -1."""
    at = begin
    while at < end:
        file.seek(at)
        key = _varint(file)
        number, kind = key >> 3, key & 7
        match kind:
            case 0:
                value = _varint(file)
                at = file.tell()
                yield number, value, -1
            case 2:
                length = _varint(file)
                start = file.tell()
                at = start + length
                if at > end:
                    raise ValueError("a part is longer than the whole")
                yield number, start, at
            case 1 | 5:
                at = file.tell() + (8 if kind == 1 else 4)
            case _:
                raise ValueError(f"wire type {kind}")


def _varint(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError("it ends in the middle")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("a number without end")


def _text(file: IO[bytes], begin: int, end: int) -> str:
    file.seek(begin)
    return file.read(end - begin).decode()
