"""What size of file and picture is taken in, checked before a single pixel is decoded."""

from dataclasses import dataclass

from imgflow.errors import PhotoError


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what is taken in; the defaults are those of the settings.

    Attributes:
        max_bytes: largest file, bytes.
        max_pixels: most pixels (width x height).
        min_side: shortest side, pixels.
        max_side: longest side, pixels.
        max_aspect: largest ratio of the longer to the shorter side.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 120_000_000
    min_side: int = 16
    max_side: int = 16_384
    max_aspect: float = 20.0

    def check_bytes(self, count: int) -> None:
        """Checks the size of the file.

        Raises:
            PhotoError: `empty_file` or `too_large`.
        """
        if count == 0:
            raise PhotoError("empty_file")
        if count > self.max_bytes:
            raise PhotoError("too_large", f"{count:,} bytes, at most {self.max_bytes:,}")

    def check_size(self, width: int, height: int) -> None:
        """Checks the size that the header claims, in pixels.

        Raises:
            PhotoError: `corrupt` (no pixels at all), `too_many_pixels`, `too_large`, `too_small` or `too_elongated`.
        """
        size = f"{width} x {height} pixels"
        shorter, longer = sorted((width, height))
        if shorter <= 0:
            raise PhotoError("corrupt", f"the header says {size}")
        if width * height > self.max_pixels:
            raise PhotoError("too_many_pixels", f"{size}, at most {self.max_pixels:,} in all")
        if longer > self.max_side:
            raise PhotoError("too_large", f"{size}, at most {self.max_side:,} a side")
        if shorter < self.min_side:
            raise PhotoError("too_small", f"{size}, at least {self.min_side} a side")
        if longer > shorter * self.max_aspect:
            raise PhotoError("too_elongated", f"{size}, at most {self.max_aspect:g} : 1")
