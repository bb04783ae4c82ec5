"""What the container formats have in common: the result of looking at a file's structure before it is decoded."""

from dataclasses import dataclass

from imgflow.errors import PhotoError


@dataclass(frozen=True, slots=True)
class Container:
    """A file whose structure was found sound.

    Attributes:
        data: the bytes to decode: the file's own, or a repaired copy.
        bits: bits per channel.
        warnings: what was odd but harmless.
        size: width and height as stored, where they must be known before the decoder may see the file.
        exact_end: the decoder should need nearly all of `data`; what is left over shows that it lost its way.
        when_dry: error code if the decoder asks for more than `data`.
    """

    data: bytes
    bits: int = 8
    warnings: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    exact_end: bool = False
    when_dry: str = "truncated"


def truncated(has: int, needs: int) -> PhotoError:
    """The error for a file that ends too early."""
    return PhotoError("truncated", f"{has:,} of at least {needs:,} bytes are there")
