"""How far cutouts are from the truth: `python -m ….accuracy RESULTS TRUTH` prints one JSON object."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from imgflow_tests.benchmarks.merit import Floats, edge_colour, edge_error, iou, sad


def main() -> None:
    """Means over the photos of the truth, each `<name>.png` with straight colours and alpha; see `merit.py`."""
    results, truth = map(Path, sys.argv[1:3])
    told: list[dict[str, float]] = []
    for file in sorted(truth.glob("*.png")):
        if "." in file.stem:  # ground, shadow and clean photo
            continue
        (rgb, alpha), (colours, wanted) = _cutout(results / file.name), _cutout(file)
        colour = edge_colour(rgb, alpha, colours, wanted)
        told.append(
            {
                "sad": sad(alpha, wanted),
                "iou": iou(alpha, wanted),
                "edge": edge_error(alpha, wanted),
                "edge_delta_e": float(np.mean(list(colour.values()))),
            }
        )
    means = {key: float(np.mean([one[key] for one in told])) for key in told[0]}
    print(json.dumps({"photos": len(told), **means}))


def _cutout(file: Path) -> tuple[np.ndarray, Floats]:
    pixels = np.asarray(Image.open(file).convert("RGBA"))
    return pixels[..., :3], pixels[..., 3].astype(np.float32) / 255


if __name__ == "__main__":
    main()
