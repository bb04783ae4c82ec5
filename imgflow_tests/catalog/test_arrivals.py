"""Photos, batches and members written together."""

import pytest
from sqlalchemy import select

from imgflow.catalog.arrivals import Arrival, note_touched, register, waiting
from imgflow.catalog.batches import find_batch, members_of, requests_after
from imgflow.catalog.database import Catalog
from imgflow.catalog.tables import Batch, Member, Photo


def arrivals(*keys: str, stamp: str = "sha256:1") -> list[Arrival]:
    return [Arrival(key, stamp, f"{stamp} now") for key in keys]


def take(catalog: Catalog, batch_size: int, *keys: str, stamp: str = "sha256:1") -> list[str]:
    with catalog.begin() as session:
        return [batch.key for batch in register(session, arrivals(*keys, stamp=stamp), "inbox", "drop", batch_size)]


def test_a_batch_holds_photos_of_one_folder_and_starts_with_its_name(catalog: Catalog):
    keys = take(catalog, 2, "bikes/a.jpg", "bikes/b.jpg", "bikes/c.jpg", "shoes/x/d.jpg", "e.jpg")
    assert [key.rsplit("-", 2)[0] for key in keys] == ["inbox", "bikes", "bikes", "shoes/x"]
    assert len(set(keys)) == 4
    with catalog.read() as session:
        batch = find_batch(session, keys[1])
        assert batch is not None
        assert [photo.key for photo, _ in members_of(session, batch.id)] == ["bikes/a.jpg", "bikes/b.jpg"]


def test_every_batch_has_one_run_request_in_order(catalog: Catalog):
    keys = take(catalog, 1000, "b/1.jpg", "a/1.jpg")
    with catalog.read() as session:
        requests = requests_after(session, 0, 10)
        assert [request.batch_key for request in requests] == keys
        assert requests_after(session, requests[0].id, 10) == requests[1:]


def test_with_batch_size_one_the_batch_is_named_as_its_photo_and_used_again(catalog: Catalog):
    assert take(catalog, 1, "bikes/a.jpg") == ["bikes/a.jpg"]
    assert take(catalog, 1, "bikes/a.jpg", stamp="sha256:2") == ["bikes/a.jpg"]
    with catalog.read() as session:
        assert len(list(session.scalars(select(Batch)))) == 1
        (member,) = session.scalars(select(Member))
        assert member.stamp == "sha256:2"
        assert len(requests_after(session, 0, 10)) == 2


def test_a_batch_key_never_holds_the_range_separator(catalog: Catalog):
    assert take(catalog, 1, "a...b.jpg") == ["a…b.jpg"]
    assert take(catalog, 5, "shop.../x.jpg")[0].startswith("shop…-")


def test_a_replaced_photo_waits_in_both_batches_with_its_newest_content_known(catalog: Catalog):
    take(catalog, 5, "a.jpg")
    take(catalog, 5, "a.jpg", stamp="sha256:2")
    with catalog.read() as session:
        assert waiting(session, "inbox", ["a.jpg"])["a.jpg"].stamp == "sha256:2"
        assert len(list(session.scalars(select(Photo)))) == 1


def test_a_touched_photo_only_changes_its_listing_stamp(catalog: Catalog):
    take(catalog, 5, "a.jpg")
    with catalog.begin() as session:
        note_touched(session, "inbox", Arrival("a.jpg", "sha256:1", "later"))
    with catalog.read() as session:
        assert waiting(session, "inbox", ["a.jpg"])["a.jpg"].listing == "later"


def test_same_stems_get_names_of_their_own_for_ever(catalog: Catalog):
    take(catalog, 5, "a/front.jpg")
    take(catalog, 5, "a/front.png", "a/front.webp", "b/front.jpg")
    take(catalog, 5, "a/front.png.tif")  # its stem is what front.png was given
    with catalog.read() as session:
        names = {photo.key: photo.output_name for photo in session.scalars(select(Photo))}
    assert names == {
        "a/front.jpg": "a/front",
        "a/front.png": "a/front.png",
        "a/front.webp": "a/front.webp",
        "b/front.jpg": "b/front",
        "a/front.png.tif": "a/front.png.tif",
    }


def test_very_long_names_are_shortened_and_stay_apart(catalog: Catalog):
    take(catalog, 5, "x" * 240 + "1.jpg", "x" * 240 + "2.jpg", "ü" * 120 + ".jpg")
    with catalog.read() as session:
        names = [photo.output_name for photo in session.scalars(select(Photo))]
    assert len(set(names)) == 3
    assert max(len(name.encode()) for name in names) <= 225


def test_thousands_at_once_exceed_no_variable_limit(catalog: Catalog):
    photos = [f"a/{number}.jpg" for number in range(2500)]
    keys = take(catalog, 10_000, *photos)
    assert len(keys) == 5  # a batch is at most 500 photos
    with catalog.read() as session:
        assert len(waiting(session, "inbox", [*photos, "b.jpg"])) == 2500


def test_nothing_is_written_when_the_transaction_fails(catalog: Catalog):
    with pytest.raises(RuntimeError), catalog.begin() as session:
        register(session, arrivals("a.jpg"), "inbox", "drop", 5)
        raise RuntimeError("killed here")
    with catalog.read() as session:
        assert list(session.scalars(select(Photo))) == []
        assert requests_after(session, 0, 10) == []
