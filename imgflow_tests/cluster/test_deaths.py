"""A cluster whose machines die: what Docker would run, run without it. Nothing is lost and nothing done twice."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis as redislib

from imgflow_tests.cluster.machines import Machines, cut_off, kill
from imgflow_tests.daemon.test_kills import check_no_stray_objects
from imgflow_tests.servers import Redis

pytestmark = pytest.mark.server

LOST_SECONDS = 15
SWEEP_SECONDS = 10
"""A worker that is alive looks every five seconds for steps of workers that are not."""

RECIPE = "shadow: {method: retinex}\nmatte: {refine: none, second_look: off, openings: off}\n"
"""Every stage, and one look of the network: seconds of each photo less than by default, and the deaths are the same."""


@pytest.mark.long(120)
def test_sixty_photos_survive_the_deaths_of_workers(
    cluster: Callable[..., Machines], small_photos: Callable[[int], dict[str, bytes]], tmp_path: Path
):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    machines = cluster(batch_size=15, celery_lost_seconds=LOST_SECONDS, recipe=recipe)
    photos = {key.replace("/", "-"): data for key, data in small_photos(60).items()}
    for key, data in photos.items():
        machines.drop(key, data)
    machines.start_code_server()
    first = machines.start_worker("first", "cpu")
    second = machines.start_worker("second", "gpu,cpu")
    machines.start_daemon()

    # A machine is gone: nothing is left of this worker that could give its step back.
    _, lost = machines.catch(first, "first")
    killed = kill(first)
    # Of the other only the process that does the work, as when memory has run out. Its worker gives the step back.
    pool_process, given_back = machines.catch(second, "second", "matted")
    pool_process.kill()
    check_outcome(machines, photos)

    executions = machines.executions()
    assert {run.status.value for run in machines.runs()} == {"SUCCESS"}, "a run had to be started again"
    assert len(machines.runs()) == len(machines.instance.get_dynamic_partitions("batches")) == 4
    assert {each.worker for each in executions if each.step == "matted"} == {"second"}
    assert [each.worker for each in executions if each.what == given_back.what] == ["second", "second"]
    assert [each.worker for each in executions if each.what == lost.what] == ["first", "second"]
    # It comes next as soon as its time is over; the second worker may be at work, and has another queue, too.
    again = [each.moment for each in executions if each.what == lost.what][1]
    overtaking = [each for each in executions if killed + LOST_SECONDS + SWEEP_SECONDS < each.moment < again]
    assert len(overtaking) <= 1


@pytest.mark.long(90)
def test_photos_survive_the_deaths_of_code_location_and_broker(
    cluster: Callable[..., Machines], small_photos: Callable[[int], dict[str, bytes]], redis: Redis
):
    machines = cluster(batch_size=8, celery_lost_seconds=LOST_SECONDS)
    photos = {key.replace("/", "-"): data for key, data in small_photos(8).items()}
    for key, data in photos.items():
        machines.drop(key, data)
    code_server = machines.start_code_server()
    machines.start_daemon()

    # Nobody is there yet who could take the first step; then the broker forgets it.
    with closing(redislib.Redis.from_url(redis.url)) as client:
        machines.wait(lambda: client.keys("cpu*"), 60, "the first step to be sent")
        client.delete(*client.keys("cpu*"))
    machines.wait(lambda: "The broker has lost step" in machines.log(), 60, "the step to be missed")
    first = machines.start_worker("first", "cpu,gpu")

    # With the code server die the processes of its runs; the steps that they wait for go on.
    pool_process, old = machines.catch(first, "first")
    machines.start_worker("second", "cpu,gpu")
    cut_off(code_server)
    machines.start_code_server()
    machines.wait(lambda: machines.has_failed(old.run), 90, "the run to be given up")
    # The second worker takes the first step of the run in its place, finds the batch at work, and gives it back.
    machines.wait(lambda: "another step is at work" in machines.log(), 90, "the new run to wait for the old step")
    pool_process.resume()
    machines.wait(lambda: any(each.run != old.run for each in machines.executions()), 90, "the new run's first step")
    # Whatever the workers are at: they have no broker for a while, and it has only what is on its disk.
    redis.stop()
    redis.start()
    check_outcome(machines, photos)

    anew = [each for each in machines.executions() if each.run != old.run]
    assert anew[0].moment > machines.moment_of_success(old)


def check_outcome(machines: Machines, photos: dict[str, bytes]) -> None:
    """Every photo has ended well, once."""
    standing = machines.wait_for_end(len(photos), 240)
    machines.wait_for_runs()
    assert standing.photos == dict.fromkeys(photos, "done")
    assert machines.objects("inbox") == []
    assert len(machines.objects("published")) == len(photos)
    assert max(machines.times_done().values()) == 1
    check_no_stray_objects(machines)
