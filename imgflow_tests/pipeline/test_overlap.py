"""Reading ahead and writing behind: order, bounds, and what happens when something goes wrong."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from imgflow.pipeline.overlap import overlapped

PATIENCE = 10


class Line:
    """Counts what is in flight, and remembers who did what."""

    def __init__(self, weights: dict[int, float] | None = None) -> None:
        self.weights = weights or {}
        self.lock = threading.Lock()
        self.flying: set[int] = set()
        self.most = 0.0
        self.abandoned: list[int] = []
        self.threads: dict[str, set[str]] = {"read": set(), "work": set(), "write": set()}
        self.written: list[int] = []
        self.on_work: Callable[[int], None] = lambda item: None
        self.on_write: Callable[[int], None] = lambda item: None
        self.on_read: Callable[[int], None] = lambda item: None

    def weight(self, item: int) -> float:
        return self.weights.get(item, 1.0)

    def read(self, item: int) -> str:
        with self.lock:
            self.flying.add(item)
            self.most = max(self.most, sum(map(self.weight, self.flying)))
        self.threads["read"].add(threading.current_thread().name)
        self.on_read(item)
        return f"r{item}"

    def work(self, item: int, loaded: str) -> str:
        self.threads["work"].add(threading.current_thread().name)
        self.on_work(item)
        return loaded + f"w{item}"

    def write(self, item: int, made: str) -> str:
        self.threads["write"].add(threading.current_thread().name)
        self.on_write(item)
        with self.lock:
            self.flying.discard(item)
            self.written.append(item)
        return made

    def run(self, count: int, room: float) -> list[Any]:
        abandon = self.abandoned.append
        return list(overlapped(range(count), self.read, self.work, self.write, abandon, self.weight, room))


@pytest.mark.parametrize("room", [0, 1, 3, 100])
def test_results_come_in_order_and_the_room_is_kept(room: float):
    line = Line()
    assert line.run(20, room) == [f"r{i}w{i}" for i in range(20)]
    assert line.most <= max(room, 1)
    assert line.threads["work"] == {threading.current_thread().name}
    assert len(line.threads["read"]) == len(line.threads["write"]) == 1


def test_the_next_is_read_and_the_last_is_written_while_one_is_worked_on():
    line = Line()
    third_is_read, second_is_done = threading.Event(), threading.Event()
    line.on_read = lambda item: third_is_read.set() if item == 2 else None
    # Each waits for what only happens at the same time in another thread.
    line.on_work = lambda item: _wait(third_is_read) if item == 1 else second_is_done.set() if item == 2 else None
    line.on_write = lambda item: _wait(second_is_done) if item == 1 else None
    assert len(line.run(4, 10)) == 4


def test_something_too_heavy_is_alone():
    line = Line({3: float("inf")})
    alone: list[set[int]] = []
    later_is_ahead = threading.Event()
    line.on_read = lambda item: later_is_ahead.set() if item == 6 else None
    line.on_work = lambda item: alone.append(set(line.flying)) if item == 3 else None
    line.on_write = lambda item: _wait(later_is_ahead) if item == 5 else None
    assert len(line.run(8, 5)) == 8
    assert alone == [{3}]


def test_nothing_is_no_work():
    assert Line().run(0, 5) == []


@pytest.mark.parametrize("where", ["on_read", "on_work", "on_write"])
def test_trouble_is_raised_after_finished_work_is_written_and_what_was_read_is_given_back(where: str):
    line = Line()

    def trouble(item: int) -> None:
        if item == 2:
            raise ValueError("trouble")

    setattr(line, where, trouble)
    with pytest.raises(ValueError, match="trouble"):
        line.run(6, 3)
    assert line.written[:2] == [0, 1]
    assert not set(line.abandoned) & {0, 1, 2}
    assert 5 not in line.flying


def _wait(event: threading.Event) -> None:
    assert event.wait(PATIENCE)
