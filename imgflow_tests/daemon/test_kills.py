"""`kill -9` of worker, run, code server and daemon while photos come in: nothing is lost and nothing is done twice."""

import random
import time
from collections.abc import Callable

import pytest

from imgflow_tests.daemon.installation import Installation

pytestmark = pytest.mark.server

PHOTOS = 30
KILLS = 10


@pytest.mark.long(120)
def test_thirty_photos_survive_ten_kills(
    install: Callable[..., Installation], small_photos: Callable[[int], dict[str, bytes]]
):
    installation = install(batch_size=5)
    photos = small_photos(PHOTOS)
    moments = random.Random(11)
    # A daemon needs a minute to see that its code server is gone. One that is killed next is started anew at once.
    killers = [
        installation.kill_workers,
        installation.kill_runs,
        installation.kill_run_starter,
        installation.kill_code_servers,
        installation.kill_daemon,
    ]
    waiting = list(photos)
    kills: list[str] = []
    installation.start_daemon()
    while len(kills) < KILLS:
        for key in waiting[:3]:
            installation.drop(key, photos[key])
        del waiting[:3]
        # The moment is meant to be anywhere between two actions of imgflow: there is no condition to wait for.
        time.sleep(moments.uniform(0.2, 5))
        killer = killers[len(kills) % len(killers)]
        # Nobody is there to be killed while Dagster starts up; the same killer comes back a little later.
        if killer():
            kills.append(killer.__name__)
        if not installation.daemon_is_running():
            installation.start_daemon()
    for key in waiting:
        installation.drop(key, photos[key])
    installation.kill_daemon()
    for process in installation.processes():
        process.kill()
    installation.start_daemon()
    standing = installation.wait_for_end(PHOTOS, 300)

    assert set(standing.photos) == set(photos)
    assert set(standing.photos.values()) <= {"done", "failed"}
    # A photo fails only when the process died on it again and again.
    assert {code for code in standing.codes.values() if code} <= {"crashed"}
    assert installation.objects("inbox") == []
    published = {row.photo_id for row in installation.results() if row.stage == "publish" and row.status == "done"}
    assert len(published) == len(installation.objects("published")) == list(standing.photos.values()).count("done")
    assert max(installation.times_done().values()) == 1
    check_no_stray_objects(installation)


def check_no_stray_objects(installation: Installation) -> None:
    """Every object of the store belongs to a row of the catalog, and every row's object is there."""
    listed = {info.key for info in installation.workspace.store.list()}
    rows = {row.object_key for row in installation.results() if row.object_key}
    assert listed == rows
