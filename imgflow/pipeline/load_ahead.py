"""Loading what the stages will want while the first photo is being read."""

import contextlib
import threading
from collections.abc import Sequence

from imgflow.heap import importing_much
from imgflow.models.loader import Models
from imgflow.recipe import STAGES, Chain, Recipe, StageName

WITH_KERNELS: tuple[StageName, ...] = ("denoise", "shadow", "matte")
"""Stages that have numba kernels of their own."""


def load_ahead(recipe: Recipe, models: Models) -> None:
    """Starts a thread that takes the kernels from numba's cache, and loads the models whose weights are here.

    The first takes longer than decoding a photo of 12 megapixels, and most of decoding leaves the interpreter alone.

    Args:
        recipe: the first photo's.
    """
    on: list[StageName] = [stage for stage in STAGES if recipe.is_on(stage)]
    chains = [chain for stage in on for chain in recipe.config(stage).chains().values()]
    threading.Thread(
        target=_load, args=(any(stage in WITH_KERNELS for stage in on), models, chains), name="imgflow-load"
    ).start()


def _load(kernels: bool, models: Models, chains: Sequence[Chain]) -> None:
    with contextlib.suppress(Exception):  # whatever is wrong, the stage that needs it will say so
        if kernels:
            with importing_much():
                from imgflow.stages.warm_up import warm_up

                warm_up()
        models.load_present(chains)
