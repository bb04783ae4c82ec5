"""Conjugate gradients on the matting Laplacian of a band: numba kernels, imported when first used.

Lists, runs and parts are those of `band_kernels`. Runs are short, so `LANES` of their pixels at a time are worked on in
arrays of a fixed length that lie on the stack: so the compiler knows that nothing else writes to them, needs no tests
for overlaps, and leaves no rest to be done one by one. Indices are unsigned: none is asked whether it counts from the
end.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types  # noqa: TID253 (this module is itself imported inside functions)
from numba.core import cgutils  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253
from numba.np.numpy_support import carray  # noqa: TID253

PLACE, LENGTH, ABOVE = 0, 1, 2
"""Columns of a run, as in `band_kernels` (numba's cache does not see changes in another file)."""

LANES = 16
"""Pixels side by side. Lists must have room for as many behind the last place that a run knows."""

STRETCH = 512
"""Places that are summed in single precision."""

ONE, TWO = np.uint64(1), np.uint64(2)


@intrinsic
def _on_stack(typing: Any = None) -> Any:
    """`LANES` float32 that live as long as the kernel runs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once(builder, ir.FloatType(), size=ir.Constant(ir.IntType(64), LANES))

    return types.CPointer(types.float32)(), generate


@njit(inline="always")
def _five(entries: Any, at: Any, step: Any, values: Any, place: Any) -> Any:
    """Five entries, `step` apart, times values side by side."""
    near = entries[at] * values[place] + entries[at + step] * values[place + ONE]
    far = entries[at + step * np.uint64(3)] * values[place + np.uint64(3)]
    far += entries[at + step * np.uint64(4)] * values[place + np.uint64(4)]
    return near + entries[at + step * TWO] * values[place + TWO] + far


@njit(cache=True, nogil=True, fastmath=True)
def multiply(upper: Any, runs: Any, parts: Any, first: int, last: int, values: Any, product: Any, totals: Any) -> None:
    """Laplacian times `values`, which are 0 where alpha is known, into `product`; what each part adds to the scalar
    product of the two into `totals`. Does the parts from `first` to `last`."""
    entries, size = upper.reshape(-1), np.uint64(upper.shape[1])
    third, eighth = np.uint64(3) * size, np.uint64(8) * size
    # The entry for a pixel above is that pixel's own: one row of `upper` less, one place more.
    before, third_before, eighth_before = ONE - size, np.uint64(7) * size, np.uint64(12) * size
    sums, dots = carray(_on_stack(), LANES), carray(_on_stack(), LANES)
    for part in range(first, last):
        dots[:] = np.float32(0)
        for r in range(parts[part], parts[part + 1]):
            begin, end = runs[r, PLACE], runs[r, PLACE] + runs[r, LENGTH]
            for start in range(begin, end, LANES):
                here = np.uint64(start)
                above2, above1, below1, below2 = (
                    np.uint64(runs[r, ABOVE] + start - begin - 2),
                    np.uint64(runs[r, ABOVE + 1] + start - begin - 2),
                    np.uint64(runs[r, ABOVE + 2] + start - begin - 2),
                    np.uint64(runs[r, ABOVE + 3] + start - begin - 2),
                )
                for n in range(np.uint64(LANES)):
                    i = here + n
                    right = entries[size + i] * values[i + ONE] + entries[TWO * size + i] * values[i + TWO]
                    left = entries[size + i - ONE] * values[i - ONE] + entries[TWO * size + i - TWO] * values[i - TWO]
                    below = _five(entries, third + i, size, values, below1 + n)
                    below += _five(entries, eighth + i, size, values, below2 + n)
                    above = _five(entries, third_before + above1 + n, before, values, above1 + n)
                    above += _five(entries, eighth_before + above2 + n, before, values, above2 + n)
                    sums[n] = entries[i] * values[i] + left + right + below + above
                for n in range(np.uint64(min(end - start, LANES))):
                    product[here + n] = sums[n]
                    dots[n] += sums[n] * values[here + n]
        total = 0.0
        for n in range(LANES):
            total += dots[n]
        totals[part] = total


@njit(cache=True, nogil=True, fastmath=True)
def descend(
    runs: Any,
    parts: Any,
    first: int,
    last: int,
    step: float,
    direction: Any,
    product: Any,
    scale: Any,
    answer: Any,
    rest: Any,
    totals: Any,
) -> None:
    """One step along `direction`: changes `answer` and `rest`; `totals` gets the preconditioned square of the rest.

    `scale` is the preconditioner, one over the diagonal; it is 0 between the runs, like direction, product and rest.
    """
    far = np.float32(step)
    for part in range(first, last):
        begin, end = runs[parts[part], PLACE], runs[parts[part + 1] - 1, PLACE] + runs[parts[part + 1] - 1, LENGTH]
        total = 0.0
        for start in range(begin, end, STRETCH):
            square = np.float32(0)
            for n in range(np.uint64(start), np.uint64(min(start + STRETCH, end))):
                answer[n] += far * direction[n]
                left = rest[n] - far * product[n]
                rest[n] = left
                square += left * left * scale[n]
            total += square
        totals[part] = total


@njit(cache=True, nogil=True, fastmath=True)
def turn(runs: Any, parts: Any, first: int, last: int, keep: float, rest: Any, scale: Any, direction: Any) -> None:
    """The next direction: the preconditioned rest and `keep` times the last direction."""
    share = np.float32(keep)
    begin, end = runs[parts[first], PLACE], runs[parts[last] - 1, PLACE] + runs[parts[last] - 1, LENGTH]
    for n in range(np.uint64(begin), np.uint64(end)):
        direction[n] = rest[n] * scale[n] + share * direction[n]
