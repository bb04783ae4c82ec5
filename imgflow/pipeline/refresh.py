"""The nightly refresh: whatever is not as today's recipe would make it goes into new batches."""

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from imgflow.catalog.arrivals import Arrival, Seen, chunks, register, taken, waiting
from imgflow.catalog.photo_keys import folder_of
from imgflow.catalog.refresh import Scope, Scopes, add_refresh_batch, reopen_canceled, stale_photos
from imgflow.errors import ObjectDeniedError, ObjectNotFoundError, RecipeError
from imgflow.pipeline.workspace import Workspace
from imgflow.recipe_file import RECIPE_NAME
from imgflow.store.base import ObjectInfo, Store
from imgflow.store.ignored import is_ignored

log = logging.getLogger(__name__)

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a refresh planned.

    Attributes:
        listed: objects in the read-only prefix.
        arrived: of those, the new and changed ones.
        stale: archived photos that are missing, failed or stale.
        batches: new batches, and canceled ones that are open again.
        problems: recipes that are not valid; nothing is planned for their folders.
    """

    listed: int
    arrived: int
    stale: int
    batches: int
    problems: list[str]


def plan_refresh(workspace: Workspace) -> Refresh:
    """List the read-only prefix, find what is not up to date, and put it into new batches.

    Listing and planning go on in pieces, so that memory does not grow with the catalog.

    Raises:
        InfrastructureError: the store or the catalog is away.
    """
    taken_in = _take_prefix(workspace, workspace.prefix) if workspace.prefix else _TakenIn()
    with workspace.catalog.begin() as session:
        reopened = reopen_canceled(session)
    scopes, problems = _scopes(workspace, taken_in.recipe_folders)
    stale, stale_batches = _regroup_stale(workspace, scopes)
    batches = taken_in.batches + reopened + stale_batches
    return Refresh(taken_in.listed, taken_in.arrived, stale, batches, problems)


@dataclass(slots=True)
class _TakenIn:
    """What one listing of the read-only prefix gave."""

    listed: int = 0
    arrived: int = 0
    batches: int = 0
    recipe_folders: set[str] = field(default_factory=set)


def _take_prefix(workspace: Workspace, prefix: Store) -> _TakenIn:
    told = _TakenIn()
    listing = prefix.list()
    while listed := list(itertools.islice(listing, _AT_ONCE)):
        told.recipe_folders |= {folder_of(info.key) for info in listed if info.key.rpartition("/")[2] == RECIPE_NAME}
        photos = [info for info in listed if not is_ignored(info.key)]
        arrivals = list(_arrivals(prefix, *_unknown(workspace, photos)))
        if arrivals:
            with workspace.catalog.begin() as session:
                told.batches += len(register(session, arrivals, "prefix", "refresh", workspace.settings.batch_size))
        told.listed += len(photos)
        told.arrived += len(arrivals)
    return told


def _unknown(workspace: Workspace, listed: list[ObjectInfo]) -> tuple[list[ObjectInfo], dict[str, Seen]]:
    """The listed objects that the catalog does not know as they are, and what it knows of these."""
    with workspace.catalog.read() as session:
        known = taken(session, "prefix", [info.key for info in listed])
        others = [info for info in listed if info.key not in known or known[info.key].listing != info.stamp]
        # The version that waits is newer than the one that was taken in.
        known |= waiting(session, "prefix", [info.key for info in others])
    return [info for info in others if info.key not in known or known[info.key].listing != info.stamp], known


def _arrivals(prefix: Store, changed: list[ObjectInfo], known: dict[str, Seen]) -> Iterator[Arrival]:
    for info in changed:
        try:
            stamp = prefix.content_stamp(info)
        except ObjectNotFoundError:
            continue
        except ObjectDeniedError as error:
            log.warning("%s", error)  # the others can be taken in
            continue
        if info.key not in known or known[info.key].stamp != stamp:
            yield Arrival(info.key, stamp, info.stamp)


def _regroup_stale(workspace: Workspace, scopes: Scopes) -> tuple[int, int]:
    """Put stale photos into new batches; returns how many photos and batches."""
    stale = batches = 0
    last = None
    while True:
        with workspace.catalog.read() as session:
            photos = stale_photos(session, scopes, last, _AT_ONCE)
        if not photos:
            return stale, batches
        with workspace.catalog.begin() as session:
            for folder, group in itertools.groupby(photos, key=lambda photo: photo.folder):
                for chunk in chunks(list(group), workspace.settings.batch_size):
                    add_refresh_batch(session, folder, chunk)
                    batches += 1
        stale, last = stale + len(photos), photos[-1]


def _scopes(workspace: Workspace, recipe_folders: set[str]) -> tuple[Scopes, list[str]]:
    """Today's chains for the whole catalog and for each folder with a recipe of its own; None where that is broken."""
    scopes: dict[str, Scope | None] = {}
    problems: list[str] = []
    for folder in sorted({""} | recipe_folders | workspace.recipe_folders()):
        try:
            scopes[folder] = Scope(*workspace.chains(workspace.recipe_for(folder)))
        except RecipeError as error:
            scopes[folder] = None
            problems.append(str(error))
    return scopes, problems
