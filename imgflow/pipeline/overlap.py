"""Reading ahead and writing behind while the calling thread works."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Input = TypeVar("Input")
Output = TypeVar("Output")
Outcome = TypeVar("Outcome")

_MOST_AHEAD = 1


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Input],
    work: Callable[[Item, Input], Output],
    write: Callable[[Item, Output], Outcome],
    abandon: Callable[[Item], None],
    weight: Callable[[Item], float],
    room: float,
) -> Iterator[Outcome]:
    """`write(item, work(item, read(item)))` of every item, in order, each as soon as it is written.

    Args:
        read: runs in a thread of its own, for one item ahead.
        work: runs in the calling thread.
        write: runs in a thread of its own.
        abandon: is told each item that was read and will not be worked on, when something has gone wrong.
        weight: how much of the room an item takes from its reading to the end of its writing.
        room: for everything in flight. One item is always worked on, however heavy; an item that is heavier than the
            room is alone from beginning to end.

    Raises:
        Whatever one of the functions raises; items that are worked on are still written before.
    """
    waiting = deque(items)
    reading: deque[tuple[Item, Future[Input]]] = deque()
    writing: deque[Future[Outcome]] = deque()
    flying: deque[Item] = deque()

    def fits(more: float = 0.0) -> bool:
        return sum(map(weight, flying)) + more <= room

    def collect() -> Outcome:
        outcome = writing[0].result()
        writing.popleft()
        flying.popleft()
        return outcome

    with ThreadPoolExecutor(1, "imgflow-read") as reader, ThreadPoolExecutor(1, "imgflow-write") as writer:

        def start() -> None:
            item = waiting.popleft()
            flying.append(item)
            reading.append((item, reader.submit(read, item)))

        try:
            while waiting or reading:
                if not reading:
                    while writing and not fits(weight(waiting[0])):
                        yield collect()
                    start()
                item, future = reading[0]
                loaded = future.result()
                reading.popleft()
                while waiting and len(reading) < _MOST_AHEAD and fits(weight(waiting[0])):
                    start()
                made = work(item, loaded)
                del loaded, future
                writing.append(writer.submit(write, item, made))
                del made
                while writing and (not fits() or writing[0].done()):
                    yield collect()
            while writing:
                yield collect()
        except BaseException:
            reader.shutdown(wait=True, cancel_futures=True)
            for item, future in reading:
                if not future.cancelled() and not future.exception():
                    abandon(item)
            raise
