"""What a batch works with: settings, store, catalog, models, and the recipes of the folders."""

import functools
from dataclasses import dataclass

from imgflow.catalog.database import Catalog
from imgflow.catalog.photo_keys import folder_of
from imgflow.errors import RecipeError, UsageError
from imgflow.models.loader import Models
from imgflow.photos.limits import Limits
from imgflow.pipeline.from_settings import ancestors, limits_of, recipe_in_settings
from imgflow.pipeline.naming import INBOX
from imgflow.pipeline.plan import published_chain, rejected_chain
from imgflow.recipe import Recipe
from imgflow.recipe_file import RECIPE_NAME, parse_recipe
from imgflow.settings import Settings
from imgflow.store.base import Store


@dataclass(frozen=True)
class Workspace:
    """One imgflow catalog at work.

    Attributes:
        store: the bucket or folder with inbox/, originals/ and so on.
        prefix: the read-only catalog prefix, or None.
    """

    settings: Settings
    store: Store
    catalog: Catalog
    models: Models
    prefix: Store | None = None

    @functools.cached_property
    def limits(self) -> Limits:
        """What photos are taken in."""
        return limits_of(self.settings)

    def recipe_for(self, folder: str) -> Recipe:
        """The recipe of a folder of photos: the nearest `recipe.yaml` at or above it, else the settings' own.

        Raises:
            RecipeError: the recipe is not valid, or names a model that there is not.
        """
        beside = (self._recipe_beside(ancestor) for ancestor in ancestors(folder))
        recipe = next(filter(None, beside), None) or recipe_in_settings(self.settings, folder)
        try:
            self.models.check(recipe.chains())
        except UsageError as error:
            raise RecipeError(f"the recipe of {folder or 'the inbox'}: {error}") from error
        return recipe

    def recipe_folders(self) -> set[str]:
        """Every folder whose own recipe is in the inbox or in the settings (not: in the read-only prefix)."""
        beside = {
            folder_of(info.key.removeprefix(f"{INBOX}/"))
            for info in self.store.list(f"{INBOX}/")
            if info.key.rpartition("/")[2] == RECIPE_NAME
        }
        return beside | {folder.strip("/") for folder in self.settings.recipes}

    def chains(self, recipe: Recipe) -> tuple[str, str]:
        """The chain of a photo done, and of one rejected, under this recipe today."""
        done = published_chain(recipe, self.models.weights_hash)
        return done, rejected_chain(done, self.limits)

    def _recipe_beside(self, folder: str) -> Recipe | None:
        below = f"{folder}/{RECIPE_NAME}" if folder else RECIPE_NAME
        places = [(self.store, f"{INBOX}/{below}")] + ([(self.prefix, below)] if self.prefix else [])
        for store, key in places:
            if store.exists(key):
                return parse_recipe(store.get(key).decode(errors="replace"), key)
        return None
