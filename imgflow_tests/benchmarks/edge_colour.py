"""How far the colours at a cutout's edge are from the truth, on new grounds."""

import cv2
import numpy as np
from numpy.typing import NDArray

GROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (0, 160, 0), "red": (200, 0, 0)}

SOFT = (0.02, 0.98)
"""Between these true alphas a pixel belongs to the edge."""


def edge_error(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.floating],
    true_colours: NDArray[np.uint8],
    true_alpha: NDArray[np.floating],
    ground: tuple[int, int, int],
) -> float:
    """Mean CIE76 ΔE between a cutout and the true one, both laid on a ground, over the edge's pixels.

    Args:
        rgb: H x W x 3, the cutout's straight colours.
        alpha: H x W, 0 to 1, the cutout's.
        true_colours: H x W x 3, straight.
        true_alpha: H x W, 0 to 1.
        ground: R, G, B, 0 to 255.
    """
    edge = (true_alpha > SOFT[0]) & (true_alpha < SOFT[1])
    labs = [
        _lab(colours[edge], opacity[edge], ground) for colours, opacity in ((rgb, alpha), (true_colours, true_alpha))
    ]
    return float(np.linalg.norm(labs[0] - labs[1], axis=-1).mean())


def improvement(
    photo: NDArray[np.uint8],
    cleaned: NDArray[np.uint8],
    alpha: NDArray[np.floating],
    true_colours: NDArray[np.uint8],
    true_alpha: NDArray[np.floating],
) -> tuple[float, float]:
    """`edge_error` with the photo's colours and with the cleaned ones, mean over `GROUNDS`; arguments as there."""
    before, after = (
        float(np.mean([edge_error(rgb, alpha, true_colours, true_alpha, ground) for ground in GROUNDS.values()]))
        for rgb in (photo, cleaned)
    )
    return before, after


def _lab(colours: NDArray[np.uint8], alpha: NDArray[np.floating], ground: tuple[int, int, int]) -> NDArray[np.float32]:
    """N x 3, CIELAB of N pixels laid on a ground and rounded to bytes, as a file would have them."""
    share = alpha[:, None].astype(np.float32)
    laid = np.rint(share * colours + (1 - share) * np.float32(ground)).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(laid[None], cv2.COLOR_RGB2Lab), np.float32)[0]
