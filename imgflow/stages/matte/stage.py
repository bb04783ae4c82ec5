"""Cutting the product out: a soft alpha, and colours that are the product's own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import PhotoError
from imgflow.models.base import AlphaMatter, Segmenter
from imgflow.photos.picture import Picture
from imgflow.recipe import MatteConfig
from imgflow.stages.base import StageOutput
from imgflow.stages.matte.closed_form.solve import solve_alpha
from imgflow.stages.matte.edges.firm_edges import firm_edges
from imgflow.stages.matte.edges.foreground import clean_colours
from imgflow.stages.matte.fringe import Fringe, find_fringe
from imgflow.stages.matte.guided_upsampling import enlarge_alpha
from imgflow.stages.matte.looks.doubts import decide_doubts
from imgflow.stages.matte.looks.product import find_product
from imgflow.stages.matte.openings.find import Openings, find_openings
from imgflow.stages.matte.trimap import UNKNOWN, clean_mask, trimap
from imgflow.stages.sizes import SHOWN_SIDE, at_most_pixels, at_most_side, enlarged

MOST_PIXELS = 24_000_000
"""Larger photos are cut out at this size and their alpha is enlarged along the full photo's edges."""

MOST_UNKNOWN = 2_000_000
"""Unknown pixels solved at full size (about 5 s on two cores); with more, the same is done."""

SEE_THROUGH = 0.1
"""A photo's own alpha that nowhere exceeds this shows nothing."""

LEAST_SOLID = 0.25
"""Share of what is visible in a cutout that is at least half opaque; with less, it is hardly a product."""

HALF_TRANSPARENT = 0.15, 0.85
"""An alpha between these is neither product nor ground."""

WIDE_SOFT, MOST_WIDE_SOFT = 0.01, 0.02
"""Half the width, as a share of the longer side, of an area of such alpha that is no edge; and the share of the cutout
that such areas may be."""

MOST_DECIDED = 0.04
"""The same of doubts that were decided: they may have been decided wrong."""

LOST = 0.04
"""Gap, as a share of the longer side, that a network leaves in a thin part: what lies off by less is no speck. (Of 30
small regions between .008 and this, which it saw clearly, 28 were product in pictures with truth; beyond, 5 of 9.)"""

WHITE = (255, 255, 255)


def matte(
    picture: Picture, config: MatteConfig, segmenter: Segmenter, matter: AlphaMatter | None = None
) -> StageOutput:
    """Alpha and clean colours for the product in a photo.

    The segmenter's alpha is rid of specks and pinholes and its wide doubts are decided; the band around its edges,
    fringe that it painted solid or left out, and whatever else it was unsure of are solved by closed-form matting with
    that alpha as prior; the haze that this leaves beside firm edges is taken away, and the colours of soft pixels are
    decontaminated.

    Args:
        picture: of any size; a photo's own transparency is treated as `config.input_alpha` says. If a shadow was
            removed from it, edges are found as they were before.
        config: `refine` is the stage's own method, if there is no `matter`.
        segmenter: tells product from ground.
        matter: a model that finds alpha in the band, in place of closed-form matting.

    Returns:
        A picture of the same size with alpha; details: `refine`, `input_alpha` (what was done with the photo's own
        transparency, or None), `confidence` (the segmenter's highest value), `weak` (it found nothing certain),
        `looks` (how often it looked), `foreground_share`, `unknown_share`, `opened_share` (of the photo, ground seen
        through the product where the segmenter saw none), `fringe_share` (of the photo, fringe that was solved by its
        colours), `decided_share` (of the photo, wide doubts that were decided), `iterations`, and `doubt` (why a person
        should look at the result) if there is one.

    Raises:
        PhotoError: `no_foreground` if the photo is blank (uniform, black, noise only) or fully transparent.
    """
    own_alpha = None if picture.alpha is None or bool((picture.alpha == 255).all()) else picture.alpha
    if own_alpha is not None and config.input_alpha != "ignore" and own_alpha.max() <= 255 * SEE_THROUGH:
        raise PhotoError("no_foreground", "the photo is transparent")
    if own_alpha is not None and config.input_alpha == "keep":
        kept = _extend_colours(picture.rgb, own_alpha) if config.decontaminate else picture.rgb
        return StageOutput(Picture(kept, own_alpha), _shares(own_alpha) | {"input_alpha": "keep", "refine": "none"})

    photo = picture.over(WHITE)
    edges = photo if picture.shadowed is None else picture.shadowed
    alpha, details = _cut_out(photo, edges, config, segmenter, matter)
    if own_alpha is not None and config.input_alpha == "intersect":
        alpha = np.minimum(alpha, own_alpha)
    if not (alpha > 0).any():
        raise PhotoError("no_foreground")
    rgb = clean_colours(photo, alpha) if config.decontaminate else photo
    details["input_alpha"] = config.input_alpha if own_alpha is not None else None
    return StageOutput(Picture(rgb, alpha), _shares(alpha) | details | _doubt(alpha, details))


def _doubt(alpha: NDArray[np.uint8], details: dict[str, Any]) -> dict[str, str]:
    if details["weak"]:
        return {"doubt": "the segmenter was nowhere certain"}
    visible = np.count_nonzero(alpha > 255 * SEE_THROUGH)
    if np.count_nonzero(alpha >= 128) < LEAST_SOLID * visible or not visible:
        return {"doubt": "hardly anything of the cutout is solid"}
    fringe = details.get("fringe_share", 0.0) * alpha.size  # soft by nature
    if _wide_soft_area(alpha) > MOST_WIDE_SOFT * visible + fringe:
        return {"doubt": "large parts of the cutout are half transparent"}
    if details.get("decided_share", 0.0) * alpha.size > MOST_DECIDED * visible:
        return {"doubt": "the segmenter was undecided about large parts"}
    return {}


def _wide_soft_area(alpha: NDArray[np.uint8]) -> float:
    """Pixels in areas that are half transparent from edge to edge: what a segmenter half found, or glass."""
    import cv2

    small = at_most_side(alpha, 512)
    low, high = (round(255 * bound) for bound in HALF_TRANSPARENT)
    side = 2 * max(1, round(WIDE_SOFT * max(small.shape))) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = cv2.morphologyEx(np.asarray(cv2.inRange(small, low, high)), cv2.MORPH_OPEN, disc)
    return float(np.count_nonzero(wide)) * alpha.size / small.size


def _cut_out(
    photo: NDArray[np.uint8],
    edges: NDArray[np.uint8],
    config: MatteConfig,
    segmenter: Segmenter,
    matter: AlphaMatter | None,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The product is found in `photo`, its edge in `edges`: the same, or as it was before a shadow was removed:
    a rim of that stays beside the product. (13 scenes of 1 MP: .8 of the error.)
    """
    rgb = at_most_pixels(edges, MOST_PIXELS)
    side = max(SHOWN_SIDE, segmenter.input_size)
    small = at_most_side(photo, side)  # here the mask is made and cleaned
    before = small if edges is photo else at_most_side(edges, side)
    seen, details = find_product(small, before, segmenter, again=config.second_look == "auto")
    mask = clean_mask(seen.mask, small, config.clean, near=LOST * max(small.shape))
    details |= {"refine": config.refine}
    if matter is not None or config.refine == "closed_form":
        with ThreadPoolExecutor(1) as meanwhile:
            looking = meanwhile.submit(find_openings, small, mask, seen.belief) if config.openings == "auto" else None
            if seen.steady:
                decided = decide_doubts(small, mask, seen, config.band * max(small.shape))
                details["decided_share"] = round(float((decided != mask).mean()), 4)
                mask = decided
            fringe = find_fringe(small, mask)
            openings = looking.result() if looking else None
        if openings:
            mask = openings.cut_mask(mask)
        mask, solved = _refine(rgb, before, mask, config.band, openings, fringe, matter)
        details |= solved | {"opened_share": round(openings.share(), 4) if openings else 0.0}
        details["fringe_share"] = round(fringe.share(), 4) if fringe else 0.0
    elif rgb is not small:
        mask = enlarged(mask, rgb.shape)
    if rgb is not edges:
        mask = enlarge_alpha(mask, rgb, edges)
    return _quantise(mask), details


def _refine(
    rgb: NDArray[np.uint8],
    small: NDArray[np.uint8],
    mask: NDArray[np.float32],
    band: float,
    openings: Openings | None,
    fringe: Fringe | None,
    matter: AlphaMatter | None,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Alpha in the unknown band; closed-form, with very many unknown pixels, at a size where there are fewer.

    `small` is a copy of `rgb` on which edges are judged.
    """
    import cv2

    mask = enlarged(mask, rgb.shape)
    if fringe:
        mask = fringe.cut_mask(mask, rgb)
    regions = _regions(mask, band, openings, fringe)
    unknown = int((regions == UNKNOWN).sum())
    details: dict[str, Any] = {"unknown_share": round(unknown / mask.size, 4)}
    if matter is not None:
        return matter(rgb, regions), details
    solved = at_most_pixels(rgb, int(mask.size * min(1.0, MOST_UNKNOWN / max(unknown, 1))))
    if solved is rgb:
        solution = solve_alpha(rgb, regions, mask, band * max(mask.shape))
        alpha = solution.alpha
    else:
        mask = np.asarray(cv2.resize(mask, solved.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
        solution = solve_alpha(solved, _regions(mask, band, openings, fringe), mask, band * max(mask.shape))
        alpha = enlarge_alpha(solution.alpha, solved, rgb)
    return firm_edges(small, regions, alpha), details | {"iterations": solution.iterations}


def _regions(
    mask: NDArray[np.float32], band: float, openings: Openings | None, fringe: Fringe | None
) -> NDArray[np.uint8]:
    regions = trimap(mask, band * max(mask.shape))
    if fringe:
        fringe.cut_trimap(regions)
    if openings:
        openings.cut_trimap(regions)
    return regions


def _quantise(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """To uint8; what is within 1 % of clear or opaque becomes so, since the solver never quite arrives."""
    import cv2

    stretch = 255 / 0.98
    offset = 1e-4 - 0.01 * stretch  # in single precision one half would else be 127 now and then
    return np.asarray(cv2.addWeighted(alpha, stretch, alpha, 0, offset, dtype=cv2.CV_8U), np.uint8)


def _extend_colours(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo with straight colours of its own keeps them; only its transparent pixels are filled."""
    return np.where((alpha > 0)[..., None], rgb, clean_colours(rgb, alpha))


def _shares(alpha: NDArray[np.uint8]) -> dict[str, Any]:
    return {"foreground_share": round(float(alpha.mean()) / 255, 4)}
