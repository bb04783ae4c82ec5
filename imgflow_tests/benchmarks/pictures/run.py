"""One way on some inputs, in a process of its own: `python -m ….pictures.run TASK` (JSON) prints one JSON object."""

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from imgflow_tests.benchmarks.pictures.ways import WAYS, Task

_SMALL = 96
"""Side of the crop on which everything is loaded and compiled before the clock starts, pixels."""


def timed(task: Task) -> dict[str, Any]:
    """Work on each input; the arrays are in memory before the clock starts, results are written after it was stopped.

    Returns:
        seconds, cpu_seconds: of each input, wall and of all cores together.
    """
    way = WAYS[task.way](task)
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    Path(task.out).mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(map(Path, task.inputs)):
        given = dict(np.load(file))
        if number == 0:
            _warm_up(way, given)
        gc.collect()
        begin, cpu_begin = time.perf_counter(), time.process_time()
        made = way(given)
        seconds.append(time.perf_counter() - begin)
        cpu_seconds.append(time.process_time() - cpu_begin)
        result = Path(task.out, file.stem)
        if isinstance(made, bytes):
            result.with_name(f"{file.stem}.bin").write_bytes(made)
        else:
            np.save(result.with_name(f"{file.stem}.npy"), made)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def _warm_up(way: Any, given: dict[str, Any]) -> None:
    """On a small part of the first input, from its middle, where the product and its ground are."""
    small = {name: _middle(array) if array.ndim >= 2 else array for name, array in given.items()}
    try:
        way(small)
    except Exception as error:  # a small part may hold no product, or no ground: what is loaded by then is loaded
        print(f"warming up: {error}", file=sys.stderr)


def _middle(array: Any) -> Any:
    top, left = ((side - min(side, _SMALL)) // 2 for side in array.shape[:2])
    return np.ascontiguousarray(array[top : top + _SMALL, left : left + _SMALL])


def main() -> None:
    """Run the task of the command line."""
    print("\n" + json.dumps(timed(Task(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
