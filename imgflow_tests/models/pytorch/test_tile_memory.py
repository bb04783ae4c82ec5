"""What a tiled network takes is bounded by its tile, not by the photo: measured, in a process of its own."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, resource, sys
import numpy as np, torch
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch.placement import Placement
from imgflow.models.pytorch.super_image.edsr import Edsr
from imgflow.models.pytorch.tiling import TiledRestorer, Tiling

torch.set_num_threads(1)
network = Edsr(2, n_resblocks=1, n_feats=24).eval().to(memory_format=torch.channels_last)
model = Model("tiny", "upscale", "super_image", "MIT", True, "", (ModelFile("w.pt", "0" * 64, 1, ()),), scale=2)
tile, side = int(sys.argv[1]), int(sys.argv[2])
restorer = TiledRestorer(model, network, Placement("cpu", "fp32", None), Tiling(tile, 8), 2)
unit = 1 if sys.platform == "darwin" else 1024
restorer(np.zeros((64, 64, 3), np.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
made = restorer(np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"more": after - before, "made": made.nbytes}))
"""


def more(tile: int, side: int) -> tuple[int, int]:
    """Bytes that a photo took at the peak, beyond what was held; and those of its result."""
    # A process begins with the peak of the one that started it on its account, so a small one stands between.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", CODE, str(tile), str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return told["more"], told["made"]


@pytest.mark.skipif(sys.platform == "win32", reason="the peak is the system's own")
def test_memory_grows_with_the_tile_and_not_with_the_photo() -> None:
    small, made_small = more(tile=128, side=256)
    large, made_large = more(tile=128, side=1024)
    whole, _ = more(tile=1024, side=1024)
    # Sixteen times the pixels: the photo, its copy on the device and the result, but no more of what the network makes.
    assert large - small < 2 * (made_large - made_small) + (8 << 20)
    # The same photo at once needs 24 channels of float32 several times over.
    assert whole > large + 2 * 24 * 4 * 1024**2
