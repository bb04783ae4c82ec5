"""One model, one way, in a process of its own: `python -m ….model_run TASK` (JSON) prints one JSON object, last."""

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from imgflow_tests.benchmarks.model_ways import WAYS, Task


def timed(task: Task) -> dict[str, Any]:
    """Load, then run each photo; the results are written after the clock was stopped.

    Returns:
        seconds: of each photo, from its file to the result in memory.
        cpu_seconds: the same, of all cores together.
        load: seconds until the model was ready, imports included.
        device, precision, fallback, software: as `Loaded` says; `card`: the GPU's name, None on the CPU.
        device_memory: bytes of the GPU that were taken, at the end; None on the CPU.
    """
    begin = time.perf_counter()
    loaded = WAYS[task.way](task)
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    load = time.perf_counter() - begin
    photos = sorted(Path(task.photos).iterdir())[: task.count] if task.photos else []
    if photos and loaded.device != "cpu":
        loaded.run(photos[0])  # a GPU's kernels are chosen at the first run
    for photo in photos:
        gc.collect()
        begin, cpu_begin = time.perf_counter(), time.process_time()
        made = loaded.run(photo)
        seconds.append(time.perf_counter() - begin)
        cpu_seconds.append(time.process_time() - cpu_begin)
        _write(made, Path(task.out, f"{photo.stem}.png"))
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "load": load,
        "device": loaded.device,
        "precision": loaded.precision,
        "fallback": loaded.fallback,
        "software": loaded.software,
        "card": _card(loaded.device),
        "device_memory": _device_memory(loaded.device),
    }


def _write(made: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(made, bytes):
        file.write_bytes(made)
    elif isinstance(made, Image.Image):
        made.save(file)
    else:
        Image.fromarray((made * 255).round().astype("uint8")).save(file)


def _card(device: str) -> str | None:
    if device != "cuda":
        return None
    import torch

    return torch.cuda.get_device_name()


def _device_memory(device: str) -> int | None:
    """What this process made PyTorch take at most; of ONNX Runtime, what all processes take now."""
    if device != "cuda":
        return None
    import torch

    free, total = torch.cuda.mem_get_info()
    return torch.cuda.max_memory_reserved() or total - free


def main() -> None:
    """Run the task of the command line."""
    print("\n" + json.dumps(timed(Task(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
