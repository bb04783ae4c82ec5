"""How far the colours of a photo can be trusted at edges: JPEG and cameras keep them at less detail than brightness."""

import numpy as np
from numpy.typing import NDArray

LUMA = (0.299, 0.587, 0.114)
"""Brightness of R, G, B (ITU-R BT.601, as in JPEG)."""

SHARP, SOFT = 0.95, 0.8
"""Sharpness of colours, against that of brightness, from which on they count as full and down to which as halved.

(Rendered scenes and photos: 0.96 and more as rendered, and as JPEGs with full colours; 0.83 with colours halved in
width, 0.7 in both directions, 0.48 to 0.84 in photos from cameras and the web.)
"""

SAMPLE = 100_000
"""Most pixels looked at."""

HALVED = 0.1
"""Weight of the colour differences B - Y and R - Y, against that of brightness Y, where colours were halved in size:
their edges lie elsewhere than those of brightness."""


def chroma_weight(rgb: NDArray[np.uint8], where: NDArray[np.int32]) -> float:
    """`HALVED` to 1: how much the colour differences B - Y and R - Y count beside brightness Y.

    Closed-form matting takes colours around a pixel to lie on a line. Where colours were kept at half the size (4:2:0,
    nearly every JPEG) they do not, and its error doubles (fur: four times), unless they count for less there.

    Args:
        rgb: H x W x 3, uint8.
        where: N flat indices of the pixels that matter.
    """
    return float(HALVED ** np.interp(colour_sharpness(rgb, where), (SOFT, SHARP), (1, 0)))


def colour_sharpness(rgb: NDArray[np.uint8], where: NDArray[np.int32]) -> float:
    """Sharpness of the colour differences, against that of brightness; 1 where there is too little to tell.

    Sharpness is the mean square of differences over one pixel against those over two: 1/4 on slopes, 1/2 in steps.

    Args:
        rgb: H x W x 3, uint8.
        where: N flat indices of the pixels that matter.
    """
    from imgflow.stages.matte.closed_form.chroma_kernel import sum_differences

    near, far = np.zeros(3), np.zeros(3)
    sum_differences(rgb, where, max(1, -(-where.size // SAMPLE)), np.asarray(LUMA, np.float32), near, far)
    brightness, colours = (near[0], far[0]), (near[1:].sum(), far[1:].sum())
    if min(*brightness, *colours) <= 0:
        return 1.0
    return float(colours[0] / colours[1] * brightness[1] / brightness[0])
