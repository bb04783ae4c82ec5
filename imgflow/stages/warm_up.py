"""Compiling the stages' kernels, or loading the compiled ones, ahead of the first photo."""

import numpy as np

from imgflow.stages.matte.trimap import BACKGROUND, FOREGROUND, UNKNOWN


def warm_up() -> None:
    """Compiles the kernels of all stages and of the PNG writer (once) on a tiny picture.

    At install time it fills numba's cache; when a program starts it takes them from there.
    """
    from imgflow.photos.encode import encode_png
    from imgflow.photos.picture import Picture
    from imgflow.stages.denoise.noise_level import NOISELESS
    from imgflow.stages.denoise.shrinkage import without_noise
    from imgflow.stages.matte.closed_form.solve import solve_alpha
    from imgflow.stages.matte.edges.firm_edges import firm_edges
    from imgflow.stages.matte.edges.foreground import clean_colours
    from imgflow.stages.matte.trimap import clean_mask
    from imgflow.stages.shadow.ground_kernel import FIELDS, THING, TONE, lift_rows

    rgb = np.zeros((24, 24, 3), np.uint8)
    rgb[:, 12:] = 200
    mask = np.zeros((24, 24), np.float32)
    mask[2:22, 2:16], mask[8:10, 8:10], mask[4, 20] = 1, 0, 1
    clean_mask(mask, rgb, smallest=0.5, near=1)
    trimap = np.full((24, 24), UNKNOWN, np.uint8)
    trimap[:, :4], trimap[:, -4:] = BACKGROUND, FOREGROUND
    without_noise(rgb, NOISELESS, 0.5)
    lift_rows(rgb.copy(), np.zeros((8, 8, FIELDS), np.float32), np.ones((8, 8), np.uint8), TONE, THING, 0, len(rgb))
    for writeable in (True, False):  # numba compiles for arrays that may not be written to apart
        rgb.flags.writeable = writeable
        encode_png(Picture(rgb))
        alpha = solve_alpha(rgb, trimap, np.full((24, 24), 0.5, np.float32), band=2).alpha
        firm_edges(rgb, trimap, np.full((24, 24), 0.3, np.float32))
        clean_colours(rgb, np.rint(alpha * 255).astype(np.uint8))
