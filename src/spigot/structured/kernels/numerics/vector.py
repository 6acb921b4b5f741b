"""Row operations on charts, eight cells at a time.

A compiler must prove that a loop may be turned into vector code, and for the short rows of a chart its precautions
cost more than the loop. These functions are vector code from the start: each is a loop over blocks of eight cells, on
any processor. Blocks begin at multiples of eight from where a row begins, and the last may reach past `end`: rows are
padded to `padded(size)` cells. As numba aligns its arrays to 32 bytes, no block of single precision then lies across
two cache lines.

All rows lie in one array, `cells`, and each is named by its first position there: so there are no views, whose
references numba counts. Positions are unsigned: to each use of a signed one numba adds what it takes to count from the
end if it is negative, which took more than half of the time of Eisner's algorithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

SIZE = 8
LANES = np.uint64(SIZE)
U0, U1, U2 = np.uint64(0), np.uint64(1), np.uint64(2)
"""For sums with positions, which a plain 1 would make signed."""


@njit(nogil=True, cache=True)
def padded(size):  # type: ignore[no-untyped-def]
    """Return how many cells a row of `size` needs: whole blocks."""
    return (size + SIZE - 1) // SIZE * SIZE


def _spread(context: Any, builder: Any, value: Any, own: Any, kind: Any) -> Any:
    """Return a vector with a number of the type `own` in all lanes, as the type `kind`."""
    value = context.cast(builder, value, own, kind)
    empty = ir.Constant(ir.VectorType(value.type, SIZE), ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), SIZE), [0] * SIZE))


class _Rows:
    """Rows of `cells`, given a tuple of their first positions."""

    def __init__(self, context: Any, builder: Any, kind: Any, cells: Any, firsts: Any, count: int) -> None:
        data = context.make_array(kind)(context, builder, cells).data
        self.builder, self.align = builder, kind.dtype.bitwidth // 8
        self.vector = ir.VectorType(context.get_value_type(kind.dtype), SIZE).as_pointer()
        self.pointers = [builder.gep(data, [builder.extract_value(firsts, k)]) for k in range(count)]

    def load(self, row: int, at: Any) -> Any:
        return self.builder.load(self._block(row, at), align=self.align)

    def store(self, row: int, at: Any, block: Any) -> None:
        self.builder.store(block, self._block(row, at), align=self.align)

    def _block(self, row: int, at: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.pointers[row], [at]), self.vector)


def _blocks(builder: Any, begin: Any, end: Any) -> Any:
    return cgutils.for_range_slice(builder, begin, end, ir.Constant(begin.type, SIZE))


def _maximum(builder: Any, one: Any, other: Any) -> Any:
    bits = 32 if isinstance(one.type.element, ir.FloatType) else 64
    maximum = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(one.type, [one.type] * 2), f"llvm.maxnum.v{SIZE}f{bits}"
    )
    return builder.call(maximum, [one, other], fastmath=("nnan", "nsz"))


@intrinsic
def set_rows(typing: Any, cells: Any, targets: Any, value: Any, begin: Any, end: Any) -> Any:
    """targets[t][j] = value, begin <= j < end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, firsts, number, start, stop = arguments
        spread = _spread(context, builder, number, value, cells.dtype)
        rows = _Rows(context, builder, cells, array, firsts, len(targets))
        with _blocks(builder, start, stop) as (at, _):
            for t in range(len(targets)):
                rows.store(t, at, spread)
        return context.get_dummy_value()

    return types.void(cells, targets, value, types.uintp, types.uintp), generate


@intrinsic
def push_max(typing: Any, cells: Any, targets: Any, values: Any, sources: Any, begin: Any, end: Any) -> Any:
    """targets[t][j] = max(targets[t][j], value + source[j]), begin <= j < end, over the sources of t; no cell is NaN.

    There is a value for each source of each target. Sources are taken in their order, as many for each target, and from
    the first again when they are used up. All share one loop: of short loops the ends are what takes the time, since a
    processor cannot foresee them.
    """
    each = len(values) // len(targets)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, into, numbers, others, start, stop = arguments
        spread = [
            _spread(context, builder, builder.extract_value(numbers, k), own, cells.dtype)
            for k, own in enumerate(values)
        ]
        rows = _Rows(context, builder, cells, array, into, len(targets))
        taken = _Rows(context, builder, cells, array, others, len(sources))
        with _blocks(builder, start, stop) as (at, _):
            # All of them first: after a store the compiler would load them again.
            blocks = [taken.load(k, at) for k in range(len(sources))]
            for t in range(len(targets)):
                total = rows.load(t, at)
                for k in range(t * each, (t + 1) * each):
                    total = _maximum(builder, builder.fadd(spread[k], blocks[k % len(blocks)]), total)
                rows.store(t, at, total)
        return context.get_dummy_value()

    return types.void(cells, targets, values, sources, types.uintp, types.uintp), generate
