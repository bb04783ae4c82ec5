"""Loading what the stages will want while the first photo is being read."""

import contextlib
import threading
from collections.abc import Iterable

from imgflow.heap import importing_much
from imgflow.recipe import Recipe, StageName

WITH_KERNELS: tuple[StageName, ...] = ("denoise", "shadow", "matte")
"""Stages that have numba kernels of their own."""


def load_ahead(recipes: Iterable[Recipe]) -> None:
    """Starts a thread that imports numba and takes the kernels from its cache, if one of the recipes needs them.

    That takes longer than decoding a photo of 12 megapixels, and most of decoding leaves the interpreter alone.
    """
    if any(recipe.is_on(stage) for recipe in recipes for stage in WITH_KERNELS):
        threading.Thread(target=_load, name="imgflow-load").start()


def _load() -> None:
    # Whatever is wrong, the stage that needs it will say so.
    with contextlib.suppress(Exception), importing_much():
        from imgflow.stages.warm_up import warm_up

        warm_up()
