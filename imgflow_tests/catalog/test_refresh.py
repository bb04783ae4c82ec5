"""What the refresh finds stale, and how: by index, whatever is as today stays unread."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from imgflow.catalog.arrivals import Arrival, register, taken, waiting
from imgflow.catalog.batches import open_batches, requests_after
from imgflow.catalog.database import Catalog
from imgflow.catalog.refresh import Scope, Scopes, StalePhoto, add_refresh_batch, reopen_canceled, stale_photos
from imgflow.catalog.tables import Batch, Member, Photo

PLAIN = Scope("plain", "plain-rejected")
SHOES = Scope("shoes", "shoes-rejected")
KIDS = Scope("kids", "kids-rejected")

FOLDERS = [
    "",
    "a",
    "shoe",
    "shoes",
    "shoes-old",
    "shoes.old",
    "shoes/kids",
    "shoes/kids/boots",
    "shoes/x",
    "shoes0",
    "é",
]


def add(catalog: Catalog, *photos: tuple[str, str, str | None]) -> None:
    """Archived photos in a closed batch, by folder, status and chain."""
    with catalog.begin() as session:
        batch = Batch(key="done", folder="", kind="drop", state="done")
        session.add(batch)
        session.flush()
        for number, (folder, status, chain) in enumerate(photos):
            key = f"{folder}/{number:05d}.jpg".lstrip("/")
            values = {"source": "inbox", "output_name": key, "version": "v", "original_key": f"originals/{key}"}
            session.add(Photo(key=key, folder=folder, status=status, chain=chain, batch_id=batch.id, **values))


def stale(catalog: Catalog, scopes: Scopes, limit: int = 1000) -> list[StalePhoto]:
    """All of them, asked for in pieces."""
    found: list[StalePhoto] = []
    while True:
        with catalog.read() as session:
            piece = stale_photos(session, scopes, found[-1] if found else None, limit)
        if not piece:
            return found
        assert len(piece) <= limit
        found += piece


def folders(photos: list[StalePhoto]) -> list[str]:
    return [photo.folder for photo in photos]


def test_only_what_is_as_today_is_left_alone(catalog: Catalog):
    add(
        catalog,
        ("a", "done", "plain"),
        ("b", "done", "old"),
        ("c", "done", "plain-rejected"),
        ("d", "rejected", "plain-rejected"),
        ("e", "rejected", "plain"),
        ("f", "failed", None),
        ("g", "waiting", None),
        ("h", "waiting", "plain"),
        ("i", "done", None),
    )
    assert folders(stale(catalog, {"": PLAIN})) == ["b", "c", "e", "f", "g", "h", "i"]


@pytest.mark.parametrize("chain", ["plain", "shoes", "kids", "old"])
def test_a_folder_below_another_has_its_own_recipe(catalog: Catalog, chain: str):
    add(catalog, *((folder, "done", chain) for folder in FOLDERS))
    owners = {"shoes": "shoes", "shoes/x": "shoes", "shoes/kids": "kids", "shoes/kids/boots": "kids"}
    wanted = [folder for folder in FOLDERS if owners.get(folder, "plain") != chain]
    scopes = {"": PLAIN, "shoes": SHOES, "shoes/kids": KIDS}
    assert sorted(folders(stale(catalog, scopes))) == sorted(wanted)


def test_a_folder_with_a_broken_recipe_is_left_out_but_not_those_below_it_with_one_of_their_own(catalog: Catalog):
    add(catalog, *((folder, "failed", None) for folder in FOLDERS))
    found = folders(stale(catalog, {"": PLAIN, "shoes": None, "shoes/kids": KIDS}))
    assert sorted(found) == sorted(set(FOLDERS) - {"shoes", "shoes/x"})


def test_pieces_come_by_folder_and_nothing_twice(catalog: Catalog):
    outcomes = [("done", "old"), ("failed", None), ("done", "older"), ("done", "plain"), ("waiting", None)]
    add(catalog, *((f"f{n % 7}", *outcomes[n % 5]) for n in range(100)))
    whole = stale(catalog, {"": PLAIN})
    assert len(whole) == 80
    assert whole == sorted(whole, key=lambda photo: (photo.folder, photo.id))
    for limit in (7, 50):
        assert stale(catalog, {"": PLAIN}, limit) == whole


def test_photos_of_an_open_batch_are_not_stale(catalog: Catalog):
    add(catalog, *(("a", "failed", None) for _ in range(1200)))
    found = stale(catalog, {"": PLAIN})
    with catalog.begin() as session:
        batch = add_refresh_batch(session, "a", found[:1100])
    assert stale(catalog, {"": PLAIN}) == found[1100:]
    with catalog.read() as session:
        members = session.query(Member).filter_by(batch_id=batch.id).all()
        assert {(member.photo_id, member.state, member.version) for member in members} == {
            (photo.id, "taken", "v") for photo in found[:1100]
        }


def test_a_canceled_batch_is_opened_again_when_its_photos_still_wait(catalog: Catalog):
    with catalog.begin() as session:
        first, second = register(session, [Arrival(f"{n}/x.jpg", "s", "l") for n in "ab"], "inbox", "drop", 5)
        first.state = second.state = "canceled"
        session.query(Member).filter_by(batch_id=second.id).update({"state": "taken"})
    with catalog.begin() as session:
        assert reopen_canceled(session) == 1
    with catalog.read() as session:
        assert [session.get_one(Batch, batch.id).state for batch in (first, second)] == ["open", "canceled"]


def test_sqlite_reads_no_table_from_end_to_end(catalog: Catalog):
    """What ticks and refreshes ask must not grow with the catalog."""
    if catalog.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads small tables whole, and rightly so; `make bench` looks at large ones")
    add(catalog, *((folder, "done", chain) for folder in FOLDERS for chain in ("plain", "old", "shoes")))
    statements = list(_asked(catalog))
    assert len(statements) > 10
    with catalog.engine.connect() as connection:
        for statement, parameters in statements:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert not [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step], statement


def _asked(catalog: Catalog) -> Iterator[tuple[str, tuple[object, ...]]]:
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(catalog.engine, "before_cursor_execute", note)
    with catalog.begin() as session:
        open_batches(session, 0, 20)
        requests_after(session, 0, 10)
        waiting(session, "inbox", ["a", "b"])
        taken(session, "prefix", ["a", "b"])
        register(session, [Arrival("new/x.jpg", "s", "l")], "inbox", "drop", 5)
        reopen_canceled(session)
        stale_photos(session, {"": PLAIN, "shoes": SHOES}, None, 10)
        stale_photos(session, {"": PLAIN, "shoes": SHOES}, StalePhoto(1, "shoes", "v"), 10)
    event.remove(catalog.engine, "before_cursor_execute", note)
    return iter(asked)
