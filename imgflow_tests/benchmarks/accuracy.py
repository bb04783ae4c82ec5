"""How far cutouts are from the truth: `python -m ….accuracy RESULTS TRUTH` prints one JSON object."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Mean over the photos of the truth, each `<name>.png` with alpha.

    SAD: sum of absolute alpha differences (alpha from 0 to 1), in thousands. IoU: of alpha above one half.
    """
    results, truth = map(Path, sys.argv[1:3])
    differences: list[float] = []
    overlaps: list[float] = []
    for file in sorted(truth.glob("*.png")):
        if "." in file.stem:  # ground, shadow and clean photo
            continue
        wanted = np.asarray(Image.open(file).getchannel("A"), np.float32) / 255
        got = np.asarray(Image.open(results / file.name).convert("RGBA").getchannel("A"), np.float32) / 255
        differences.append(float(np.abs(got - wanted).sum()) / 1000)
        overlaps.append(float(((got > 0.5) & (wanted > 0.5)).sum() / ((got > 0.5) | (wanted > 0.5)).sum()))
    print(json.dumps({"photos": len(overlaps), "sad": np.mean(differences), "iou": np.mean(overlaps)}))


if __name__ == "__main__":
    main()
