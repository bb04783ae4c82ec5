"""A tiny segmenter in ONNX form, put together byte by byte (protobuf wire format), so that no test needs real weights.

It computes sigmoid(mean over R, G, B of the normalised picture): bright is product, dark is ground.
"""


def tiny_onnx(size: int = 320) -> bytes:
    """A 1 x 3 x size x size -> 1 x 1 x size x size model (IR version 8, opset 11)."""
    axes = _text(1, "axes") + _number(8, 1) + _number(20, 7)
    keepdims = _text(1, "keepdims") + _number(3, 1) + _number(20, 2)
    mean = _text(1, "x") + _text(2, "mean") + _text(4, "ReduceMean") + _part(5, axes) + _part(5, keepdims)
    sigmoid = _text(1, "mean") + _text(2, "y") + _text(4, "Sigmoid")
    graph = _part(1, mean) + _part(1, sigmoid) + _text(2, "tiny")
    graph += _part(11, _tensor("x", 1, 3, size, size)) + _part(12, _tensor("y", 1, 1, size, size))
    return _number(1, 8) + _part(7, graph) + _part(8, _text(1, "") + _number(2, 11))


def _tensor(name: str, *shape: int) -> bytes:
    dimensions = b"".join(_part(1, _number(1, length)) for length in shape)
    return _text(1, name) + _part(2, _part(1, _number(1, 1) + _part(2, dimensions)))


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _part(field, content.encode())
