"""Each picture stage against its literal method: seconds, memory and figures of merit.

One module a part; `pictures` runs all, `pictures.denoise` (and so on) one of them. Every variant of a row gets the same
inputs, loaded before its clock starts, in a process of its own; they take turns.
"""

import importlib
from collections.abc import Iterator

from imgflow_tests.benchmarks.frame import Options, Row

PARTS = {
    "denoise": "noise removal against literal non-local means, on simulated camera noise and on real pairs",
    "shadow": "shadow removal against the literal LAB rule",
    "matte": "alpha against the raw mask, the literal 20 px band and rembg -a",
    "solver": "closed-form matting alone, on one trimap, against pymatting",
    "colour": "colours at soft edges against the raw ones and against pymatting",
    "encode": "files against Pillow's",
}
"""Every part by name: a module of this package with a function `rows`."""


def rows(options: Options) -> Iterator[Row]:
    """Of all parts."""
    for part in PARTS:
        yield from importlib.import_module(f"{__name__}.{part}").rows(options)
