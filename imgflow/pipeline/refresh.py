"""The nightly refresh: whatever is not as today's recipe would make it goes into new batches."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from imgflow.catalog.arrivals import Arrival, chunks, register, taken, waiting
from imgflow.catalog.refresh import Scope, StalePhoto, add_refresh_batch, reopen_canceled, stale_photos
from imgflow.errors import ObjectNotFoundError, RecipeError
from imgflow.pipeline.workspace import Workspace, ancestors
from imgflow.store.base import ObjectInfo, Store
from imgflow.store.ignored import is_ignored

_LISTED_AT_ONCE = 1000


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

    Raises:
        InfrastructureError: the store or the catalog is away.
    """
    listed, arrived, new_batches = _take_prefix(workspace) if workspace.prefix else (0, 0, 0)
    with workspace.catalog.begin() as session:
        reopened = reopen_canceled(session)
    scopes, problems = _scopes(workspace)
    stale, stale_batches = _regroup_stale(workspace, scopes)
    return Refresh(listed, arrived, stale, new_batches + reopened + stale_batches, problems)


def _take_prefix(workspace: Workspace) -> tuple[int, int, int]:
    assert workspace.prefix is not None
    listed = arrived = batches = 0
    with workspace.catalog.read() as session:
        registered = waiting(session, "prefix")
    listing = (info for info in workspace.prefix.list() if not is_ignored(info.key))
    while chunk := list(itertools.islice(listing, _LISTED_AT_ONCE)):
        with workspace.catalog.read() as session:
            known = taken(session, "prefix", [info.key for info in chunk]) | {
                info.key: registered[info.key] for info in chunk if info.key in registered
            }
        changed = [info for info in chunk if info.key not in known or known[info.key].listing != info.stamp]
        arrivals = [
            arrival
            for arrival in _arrivals(workspace.prefix, changed)
            if arrival.key not in known or known[arrival.key].stamp != arrival.stamp
        ]
        with workspace.catalog.begin() as session:
            batches += len(register(session, arrivals, "prefix", "refresh", workspace.settings.batch_size))
        listed, arrived = listed + len(chunk), arrived + len(arrivals)
    return listed, arrived, batches


def _arrivals(prefix: Store, changed: list[ObjectInfo]) -> Iterator[Arrival]:
    for info in changed:
        try:
            yield Arrival(info.key, prefix.content_stamp(info), info.stamp)
        except ObjectNotFoundError:
            continue


def _regroup_stale(workspace: Workspace, scopes: dict[str, Scope | None]) -> tuple[int, int]:
    by_folder: dict[str, list[StalePhoto]] = {}
    for scope in filter(None, scopes.values()):
        with workspace.catalog.read() as session:
            for photo in stale_photos(session, scope):
                # A deeper folder with a recipe of its own is another scope's.
                if next(folder for folder in ancestors(photo.folder) if folder in scopes) == scope.folder:
                    by_folder.setdefault(photo.folder, []).append(photo)
    batches = 0
    for folder, photos in by_folder.items():
        for chunk in chunks(photos, workspace.settings.batch_size):
            with workspace.catalog.begin() as session:
                add_refresh_batch(session, folder, list(chunk))
            batches += 1
    return sum(map(len, by_folder.values())), batches


def _scopes(workspace: Workspace) -> tuple[dict[str, Scope | None], list[str]]:
    """Today's chains for the whole catalog and for each folder with a recipe of its own; None where that is broken."""
    scopes: dict[str, Scope | None] = {}
    problems: list[str] = []
    for folder in sorted({""} | workspace.recipe_folders()):
        try:
            scopes[folder] = Scope(folder, *workspace.chains(workspace.recipe_for(folder)))
        except RecipeError as error:
            scopes[folder] = None
            problems.append(str(error))
    return scopes, problems
