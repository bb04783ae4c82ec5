"""Two who write to one catalog at once."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from imgflow.catalog.arrivals import Arrival, register, waiting
from imgflow.catalog.batches import cancel_batch, catalog_id, find_batch, requests_after
from imgflow.catalog.database import Catalog
from imgflow.catalog.refresh import reopen_canceled
from imgflow.catalog.results import save_result, update_photo
from imgflow.catalog.tables import Batch, Identity, Member, Photo, Result, RunRequest
from imgflow.errors import PhotoReplacedError


def take(catalog: Catalog, *keys: str, stamp: str = "sha256:1", batch_size: int = 5) -> list[str]:
    arrivals = [Arrival(key, stamp, f"{stamp} now") for key in keys]
    with catalog.begin() as session:
        return [batch.key for batch in register(session, arrivals, "inbox", "drop", batch_size)]


def in_threads(work: Callable[[int], object], count: int) -> None:
    """Call `work(0)` to `work(count - 1)` at once; the first error that one of them raises is raised here."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


@pytest.fixture
def catalogs(catalog: Catalog, catalog_url: str) -> list[Catalog]:
    """Four processes' views of one catalog."""
    return [catalog, *(Catalog(catalog_url) for _ in range(3))]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_same_arrivals_registered_at_once_are_registered_once(catalogs: list[Catalog], batch_size: int):
    keys = [f"{folder}/{number}.{ending}" for folder in "ab" for number in range(4) for ending in ("jpg", "png")]
    in_threads(lambda number: take(catalogs[number], *keys[:: (-1) ** number], batch_size=batch_size), 4)
    with catalogs[0].read() as session:
        assert Counter(session.scalars(select(Photo.key))) == Counter(keys)
        assert len(set(session.scalars(select(Photo.output_name)))) == len(keys)
        assert session.scalar(select(func.count()).select_from(Member)) == len(keys)
        batches = session.scalar(select(func.count()).select_from(Batch))
        assert batches == session.scalar(select(func.count()).select_from(RunRequest))
        assert batches == (len(keys) if batch_size == 1 else 6)


def test_overlapping_arrivals_in_another_order_do_not_lock_each_other_out(catalogs: list[Catalog]):
    for round_ in range(5):
        keys = [f"{round_}/{number}.jpg" for number in range(12)]
        in_threads(lambda n, keys=keys: take(catalogs[n], *keys[n * 2 : n * 2 + 6], stamp=f"sha256:{n}"), 4)
    with catalogs[0].read() as session:
        assert session.scalar(select(func.count()).select_from(Photo)) == 60


def test_an_arrival_that_waits_already_is_left_out_and_a_newer_one_is_not(catalog: Catalog):
    assert len(take(catalog, "a.jpg", "b.jpg")) == 1
    assert take(catalog, "a.jpg", "b.jpg") == []
    assert len(take(catalog, "a.jpg", "b.jpg", stamp="sha256:2")) == 1
    with catalog.read() as session:
        assert {seen.stamp for seen in waiting(session, "inbox", ["a.jpg", "b.jpg"]).values()} == {"sha256:2"}


def test_results_of_one_photo_written_at_once_leave_one_row(catalogs: list[Catalog]):
    take(catalogs[0], "a.jpg")
    with catalogs[0].begin() as session:
        photo = session.scalars(select(Photo)).one()
        photo.version = "1" * 64

    def write(number: int) -> None:
        for _ in range(5):
            result = Result(photo_id=photo.id, stage="matte", status="done", version="1" * 64, chain="", fingerprint="")
            with catalogs[number].begin() as session:
                update_photo(session, photo.id, "1" * 64, {"status": "done"})
                save_result(session, result)

    in_threads(write, 4)
    with catalogs[0].read() as session:
        assert session.scalar(select(func.count()).select_from(Result)) == 1
    with pytest.raises(PhotoReplacedError), catalogs[0].begin() as session:
        update_photo(session, photo.id, "2" * 64, {"status": "failed"})


def test_all_who_ask_at_once_are_told_the_same_catalog_id(catalogs: list[Catalog]):
    told: list[str] = []
    in_threads(lambda number: told.append(catalog_id(catalogs[number])), 4)
    assert len(set(told)) == 1
    with catalogs[0].read() as session:
        assert list(session.scalars(select(Identity.id))) == told[:1]


def test_the_catalog_id_is_only_read_once_it_is_there(catalog: Catalog):
    known = catalog_id(catalog)
    with catalog.begin() as writer:  # on SQLite a second writer would have to wait for this one
        writer.add(Photo(key="a", folder="", source="inbox", output_name="a"))
        writer.flush()
        assert catalog_id(catalog) == known


def test_a_canceled_batch_whose_photos_still_wait_is_asked_for_again(catalog: Catalog):
    first, second = take(catalog, "a/1.jpg", "b/1.jpg")
    take(catalog, "b/1.jpg", stamp="sha256:2")  # a newer batch has it now
    with catalog.begin() as session:
        for key in (first, second):
            batch = find_batch(session, key)
            assert batch is not None
            cancel_batch(session, batch.id)
        last = max(request.id for request in requests_after(session, 0, 10))
    with catalog.begin() as session:
        assert reopen_canceled(session) == 1
    with catalog.begin() as session:
        assert reopen_canceled(session) == 0
        (request,) = requests_after(session, last, 10)
    assert (request.batch_key, request.reason) == (first, "refresh")
