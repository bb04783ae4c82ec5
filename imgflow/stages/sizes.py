"""The size of a smaller or larger copy."""


def scaled_size(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Width and height, as OpenCV wants them, of an H x W (x anything) picture at `scale`; at least one pixel each."""
    height, width = shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))
