"""A tiny segmenter in ONNX form, put together byte by byte (protobuf wire format), so that no test needs real weights.

It computes sigmoid(mean over R, G, B of the normalised picture): bright is product, dark is ground.
"""

FLOAT, FLOAT16 = 1, 10


def tiny_onnx(
    size: int = 320,
    logits: bool = False,
    half: bool = False,
    flat: bool = False,
    channels: bool = False,
    elsewhere: str = "",
    shape: tuple[int, ...] = (),
) -> bytes:
    """A 1 x 3 x size x size -> 1 x 1 x size x size model (IR version 8, opset 11).

    Args:
        size: 0: any.
        logits: ends before the sigmoid, as BiRefNet's exports do.
        half: float16 in and out.
        flat: gives 1 x size x size.
        channels: gives 1 x 3 x size x size: no map.
        elsewhere: a file that holds weights of it; the network then cannot be run.
        shape: of the input, if it is another; the network then cannot be run.
    """
    dtype = FLOAT16 if half else FLOAT
    axes = _text(1, "axes") + _number(8, 0 if channels else 1) + _number(20, 7)
    keepdims = _text(1, "keepdims") + _number(3, int(not flat)) + _number(20, 2)
    last = "y" if logits else "mean"
    mean = _text(1, "x") + _text(2, last) + _text(4, "ReduceMean") + _part(5, axes) + _part(5, keepdims)
    sigmoid = _text(1, "mean") + _text(2, "sigmoid") + _text(4, "Sigmoid")
    same = _text(1, "sigmoid") + _text(2, "y") + _text(4, "Identity")  # an exporter's leftovers
    graph = _part(1, mean) + (b"" if logits else _part(1, sigmoid) + _part(1, same)) + _text(2, "tiny")
    if elsewhere:
        external = _part(13, _text(1, "location") + _text(2, elsewhere))
        graph += _part(5, _number(1, 1) + _number(2, FLOAT) + _text(8, "w") + external + _number(14, 1))
    given = (1, 3, size, size) if channels else (1, size, size) if flat else (1, 1, size, size)
    graph += _part(11, _tensor("x", dtype, *(shape or (1, 3, size, size)))) + _part(12, _tensor("y", dtype, *given))
    return _number(1, 8) + _part(7, graph) + _part(8, _text(1, "") + _number(2, 11))


def _tensor(name: str, dtype: int, *shape: int) -> bytes:
    dimensions = b"".join(_part(1, _number(1, length) if length else _text(2, "any")) for length in shape)
    return _text(1, name) + _part(2, _part(1, _number(1, dtype) + _part(2, dimensions)))


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _part(field, content.encode())
