"""Ground in the product's own shade, inside an opening part of which is known: it darkens softly and keeps its tint."""

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.morphology import opened
from imgflow.stages.matte.openings.ground_colour import GroundColour
from imgflow.stages.matte.slopes import slopes

DEEPEST = 0.6
"""How much darker the ground may be in a shadow, natural logarithm of its grey levels."""

TINTING = 0.07
"""How much a shadow may change the tint, for each unit that it darkens: light from elsewhere has another colour."""

GENTLE = 0.02
"""Greatest change of tone a pixel, natural logarithm: shadows end softly, spokes and rims do not."""


def shaded_ground(
    ground: GroundColour, rgb: NDArray[np.uint8], known: NDArray[np.uint8], within: NDArray[np.bool_], enlarged: float
) -> NDArray[np.uint8]:
    """1 on ground that is reached from known ground over soft changes of tone alone.

    Args:
        ground: behind the product.
        rgb: h x w x 3, uint8, with little noise.
        known: h x w, 1 on ground for sure.
        within: h x w, the openings.
        enlarged: how many pixels of it were made of one of the photo's, along either axis: edges are that much softer.
    """
    import cv2

    alike, brightness = ground.in_shade(rgb, DEEPEST, TINTING)
    gentle = within & alike & (np.hypot(*slopes(brightness)) < GENTLE / max(1.0, enlarged))
    count, found = cv2.connectedComponents(opened(gentle) | (known & within), connectivity=4)
    labels = np.asarray(found, np.intp)
    reached = np.zeros(count, np.bool_)
    reached[labels[(known > 0) & within]] = True
    reached[0] = False
    return reached[labels].astype(np.uint8)
