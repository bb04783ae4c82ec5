"""Fringe: strands at the product's edge with the ground between them, as of pompoms, brushes, grass and fringed cloth.

Small networks paint it solid, or leave it out, and are certain of it. Colours tell it: there, thin things unlike the
ground and places of the ground's colour, open to the ground outside, lie closely together. Stripes and lace on a
product look like that too. But most strands differ in length: to their tips there is ever more ground between them;
a pattern is as dense at the product's edge as farther in, and often goes on all over it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgflow.stages.matte.closed_form.colour_evidence import LocalColours, colour_evidence, local_colours
from imgflow.stages.matte.morphology import depth_in, disc, near, opened_by
from imgflow.stages.matte.openings.ground_colour import GroundColour, fit_ground
from imgflow.stages.matte.openings.ground_tones import differences_of
from imgflow.stages.matte.openings.see_through import CLEAR
from imgflow.stages.matte.trimap import BACKGROUND, SURE, UNKNOWN, box_around
from imgflow.stages.sizes import at_most_side

LONGER_SIDE = 1024
"""Fringe is looked for on a copy of at most this longer side, pixels."""

STRAND, LEAST_STRAND = 0.007, 2
"""Half the width up to which something is a strand, or a bundle of some, as a share of the longer side; and the least,
pixels of that copy. (With .005, many bundles at the roots count as solid, and fringe falls into pieces that are too
small to be told from patterns.)"""

DEEPEST = 0.5
"""How much darker the ground may be between strands at most, natural logarithm: they shade it."""

SAMPLED = 4
"""One in so many rows and columns tells the product's own tone."""

LIKE_GROUND = 1.5
"""Distance from the ground's colour, in its bounds, up to which a pixel shows it: half of a blurred gap."""

FARTHEST = 0.15
"""Distance from what is surely product up to which fringe is looked for, as a share of the longer side."""

LEAST_SHARE = 0.12
"""Share of strands, and of ground, in a window as wide as the widest strand, that fringe has."""

SMALLEST = 16
"""Squares of half a strand's width from which on a piece tells how it is made."""

THINNING = 0.14
"""How much more of fringe is strand at its roots than at its tips, both halves by depth. (Drawn fringes whose strands
differ in length: .15 to .37, of one length: -.09 to .10; patterns in the ground's colour, leaves, rows of slats: -.25
to .11.)"""

BUNDLE = 3
"""Half the width up to which strands may lie together at their roots, in half widths of a strand."""

AROUND = 4
"""How far around places where both alternate clearly the fringe reaches, in half widths of a strand."""

PLAINER = 0.5
"""Share of the fringe's detail that the heart of the product may have at most: stripes and plaids go on there. (Drawn
fringes: up to .1, patterns all over a product: .86 to .95.)"""

CLEARLY = 0.8
"""Share of the product, off the fringe, that must be clearly unlike the ground, for its colours to tell anything."""

STRANDS, CLEAR_GROUND = 1, 2
"""Kinds of places in fringe: strands with their gaps, and ground at least a strand's width from them."""


class Fringe(NamedTuple):
    """What was found, on a small copy of the photo."""

    zone: NDArray[np.uint8]
    """h x w, STRANDS or CLEAR_GROUND where strands and ground alternate, and close by; 0 elsewhere."""
    colours: LocalColours
    """Of strands and of the ground between them."""

    def share(self) -> float:
        """Share of the photo that is fringe."""
        return float((self.zone > 0).mean())

    def cut_mask(self, mask: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The segmenter's mask, H x W, 0 to 1, with what the photo's colours (H x W x 3) tell in the fringe."""
        zone = self._zone(mask.shape)
        where = np.flatnonzero(zone == STRANDS).astype(np.int32)
        cut = np.where(zone == CLEAR_GROUND, np.float32(0), mask)
        cut.ravel()[where] = colour_evidence(rgb, self.colours, where)[0]
        return cut

    def cut_trimap(self, regions: NDArray[np.uint8]) -> None:
        """Marks the fringe as unknown, in place, and ground that is clear of it as such."""
        zone = self._zone(regions.shape)
        regions[zone == STRANDS] = UNKNOWN
        regions[zone == CLEAR_GROUND] = BACKGROUND

    def _zone(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        import cv2

        return np.asarray(cv2.resize(self.zone, shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


class _Parts(NamedTuple):
    """What the photo shows near its product; each h x w, 1 where it is."""

    inside: NDArray[np.uint8]
    """What the segmenter takes for product."""
    solid: NDArray[np.uint8]
    """Clearly not the ground."""
    core: NDArray[np.uint8]
    """Wider than a strand."""
    strands: NDArray[np.uint8]
    """The rest of that, off the core's edge."""
    gaps: NDArray[np.uint8]
    """The ground, as far as it is open to that all around: not what is seen through a wheel."""


def find_fringe(rgb: NDArray[np.uint8], mask: NDArray[np.float32]) -> Fringe | None:
    """Finds fringe at the product's edge, inside or outside the segmenter's mask; None where there is none, or where
    the ground's colour cannot tell it.

    Args:
        rgb: H x W x 3, uint8.
        mask: H x W, 0 to 1, the segmenter's.
    """
    import cv2

    whole = at_most_side(rgb, LONGER_SIDE)
    mask = np.asarray(cv2.resize(mask, whole.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
    longer = max(mask.shape)
    window = box_around(mask >= SURE, round(FARTHEST * longer))
    if window is None:
        return None
    ground = fit_ground(whole, mask)
    if ground is None or ground.roughness:
        return None
    rgb, product = np.ascontiguousarray(whole[window]), mask[window]
    away = _distance_in_own_shade(ground.part(window), rgb, product)
    reach = max(LEAST_STRAND, round(STRAND * longer))
    parts = _parts(away, product, reach)
    places = _alternating(parts, reach)
    if not places.any():
        return None
    fringed = _pieces(parts, places, _detail(rgb, reach), reach)
    if not fringed.any():
        return None
    zone, known = np.zeros(mask.shape, np.uint8), mask.copy()
    zone[window] = fringed
    zone[window][fringed & (depth_in(parts.gaps) > reach) > 0] = CLEAR_GROUND
    np.copyto(known[window], np.clip((away - 1) / (CLEAR - 1), 0, 1), where=fringed > 0)
    return Fringe(zone, local_colours(whole, known))


def _distance_in_own_shade(
    ground: GroundColour, rgb: NDArray[np.uint8], product: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Distance from the ground's colour, which may be darker: halfway to the product's own tone."""
    own = np.s_[::SAMPLED, ::SAMPLED]
    brightness = differences_of(np.ascontiguousarray(rgb[own]), ground.tones[own])[0][product[own] >= SURE]
    if not brightness.size:
        return ground.distance(rgb)
    shade = float(np.clip(-np.median(brightness) / 2, 0, DEEPEST))
    return ground.distance_in_shade(rgb, (shade,))[0]


def _parts(away: NDArray[np.float32], product: NDArray[np.float32], reach: int) -> _Parts:
    import cv2

    inside = (product >= 0.5).view(np.uint8)
    solid = (away > CLEAR).view(np.uint8)
    core = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, disc(reach)), np.uint8)
    strands = solid & (1 - np.asarray(cv2.dilate(core, disc(2)), np.uint8))
    like = (away < LIKE_GROUND).view(np.uint8)
    # Strands may cross: gaps that are parted by less than two pixels are open to each other.
    count, found = cv2.connectedComponents(np.asarray(cv2.dilate(like, np.ones((3, 3), np.uint8))), connectivity=8)
    labels = np.asarray(found, np.int32)
    outside = np.zeros(count, np.uint8)
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[border] = 1
    return _Parts(inside, solid, core, strands, like & outside[labels])


def _alternating(parts: _Parts, reach: int) -> NDArray[np.uint8]:
    """1 where many strands and the ground alternate: a single one fills no more than a window's width."""
    import cv2

    window, least = (2 * reach + 1,) * 2, round(255 * LEAST_SHARE)
    strands, gaps = (cv2.blur(part * np.uint8(255), window) > least for part in (parts.strands, parts.gaps))
    both = (strands & gaps).view(np.uint8)
    return np.asarray(cv2.morphologyEx(both, cv2.MORPH_OPEN, disc(round(1.5 * reach))), np.uint8)


def _detail(rgb: NDArray[np.uint8], reach: int) -> NDArray[np.float32]:
    """How far each pixel is from the mean of a window around it: h x w, grey levels, mean of the channels."""
    import cv2

    offset = cv2.absdiff(rgb, cv2.blur(rgb, (2 * reach + 1,) * 2)).astype(np.float32).reshape(1, -1, 3)
    return np.asarray(cv2.transform(offset, np.full((1, 3), 1 / 3, np.float32)), np.float32).reshape(rgb.shape[:2])


def _pieces(parts: _Parts, places: NDArray[np.uint8], detail: NDArray[np.float32], reach: int) -> NDArray[np.uint8]:
    """1 around the places that are at the product and made as fringe is: denser bundles and single tips are near."""
    import cv2

    body = opened_by(parts.solid, BUNDLE * reach)
    heart = (depth_in(body) > reach) & (parts.inside > 0)
    around = near(places, AROUND * reach)
    rest = (parts.inside > around).view(np.uint8)
    if not heart.any() or np.count_nonzero(rest & parts.solid) < CLEARLY * np.count_nonzero(rest):
        return np.zeros_like(places)
    plain = float(np.median(detail[heart]))
    envelope = 1 - near(1 - near(parts.solid, BUNDLE * reach), BUNDLE * reach)
    depth = depth_in(envelope)
    told = near(places, 2 * reach) & (parts.solid | parts.gaps) & envelope & (1 - near(body, 2))
    count, found = cv2.connectedComponents(around, connectivity=8)
    labels = np.asarray(found, np.int32)
    chosen = np.zeros(count, np.uint8)
    for label in np.unique(labels[around & near(parts.core & parts.inside, 2 * reach) > 0]):
        here = (told > 0) & (labels == label)
        if np.count_nonzero(here) >= SMALLEST * reach**2 and plain < PLAINER * float(detail[here].mean()):
            chosen[label] = _thinning(depth[here], parts.solid[here] > 0) > THINNING
    return chosen[labels]


def _thinning(depth: NDArray[np.float32], strand: NDArray[np.bool_]) -> float:
    """How much more of a piece is strand at its roots than at its tips.

    Args:
        depth: N, from the outline of all strands together, pixels.
        strand: N, whether it is one; else a gap.
    """
    tips = depth <= np.median(depth)
    return 0.0 if tips.all() else float(strand[~tips].mean() - strand[tips].mean())
