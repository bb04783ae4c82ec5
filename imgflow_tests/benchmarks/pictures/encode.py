"""Files: imgflow's encoders against Pillow's `save`, on cutouts as the matte stage leaves them."""

from collections.abc import Iterator

import numpy as np

from imgflow_tests.benchmarks.frame import Options, Row
from imgflow_tests.benchmarks.pictures.bench import bench, timing
from imgflow_tests.benchmarks.pictures.inputs import LARGE, scenes, write
from imgflow_tests.benchmarks.pictures.ways import ENCODED


def rows(options: Options) -> Iterator[Row]:
    """One row a format: all photos together; sizes as a share of Pillow's."""
    with bench(options) as prepared:
        megapixels = 1 if options.quick else 12
        files = scenes(prepared.scratch / "scenes", megapixels, LARGE[:2] if options.quick else LARGE)
        colours = prepared.run(("colour",), files, 1)["colour"]
        cutouts = [
            write(
                prepared.scratch / "cutouts",
                file.stem,
                cutout=np.dstack([colours.result(file), np.load(file)["alpha"]]),
            )
            for file in files
        ]
        for name in ENCODED:
            ours, theirs = f"encode {name}", f"encode {name}, Pillow"
            ran = prepared.run((ours, theirs), cutouts)
            sizes = {way: sum(ran[way].result(file).size for file in cutouts) for way in ran}
            figures: dict[str, float | str] = {
                "size ratio": sizes[ours] / sizes[theirs],
                "MB written": sizes[ours] / 1e6,
            }
            reference = "Pillow, level 6" if name == "PNG" else "Pillow's default effort"
            yield timing(
                f"encode {name}, {len(cutouts)} cutouts of {megapixels} MP; reference: {reference}",
                ran[ours],
                ran[theirs],
                figures,
            )
