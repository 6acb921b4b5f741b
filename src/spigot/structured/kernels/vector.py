"""Row operations on charts, eight cells at a time.

A compiler must prove that a loop may be turned into vector code, and for the short rows of a chart its precautions
cost more than the loop. These functions are vector code from the start: each is a loop over blocks of eight cells, on
any processor. Blocks begin at multiples of eight, and the last may reach past `end`: rows are padded to `padded(size)`
cells. As numba aligns its arrays to 32 bytes, no block of single precision then lies across two cache lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8


@njit(nogil=True, cache=True)
def padded(size):  # type: ignore[no-untyped-def]
    """Return how many cells a row of `size` needs: whole blocks."""
    return (size + LANES - 1) // LANES * LANES


def _block(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Return a pointer to the eight cells from `at` on of a contiguous one-dimensional array."""
    vector = ir.VectorType(context.get_value_type(kind.dtype), LANES)
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _spread(builder: Any, value: Any) -> Any:
    """Return a vector with `value` in all lanes."""
    empty = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, lanes)


def _push(combine: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Make `push(targets, values, rows, begin, end)`, which combines rows, given a value for each, into the targets.

    Blocks that begin elsewhere than at multiples of `LANES` may reach past the end of a padded row. Each target takes
    the same number of rows, in their order. All share one loop: of short loops the ends are what takes the time, since
    a processor cannot foresee them.
    """

    @intrinsic
    def push(typing: Any, targets: Any, values: Any, rows: Any, begin: Any, end: Any) -> Any:
        each = len(rows) // len(targets)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            intos, numbers, others, start, stop = arguments
            spread = [
                _spread(builder, context.cast(builder, builder.extract_value(numbers, k), kind, targets[0].dtype))
                for k, kind in enumerate(values)
            ]
            step = ir.Constant(start.type, LANES)
            size = targets[0].dtype.bitwidth // 8
            with cgutils.for_range_slice(builder, start, stop, step) as (at, _):
                for t, target in enumerate(targets):
                    cells = _block(context, builder, target, builder.extract_value(intos, t), at)
                    total = builder.load(cells, align=size)
                    for k in range(t * each, (t + 1) * each):
                        row = builder.extract_value(others, k)
                        block = builder.load(_block(context, builder, rows[k], row, at), align=size)
                        total = combine(builder, total, spread[k], block)
                    builder.store(total, cells, align=size)
            return context.get_dummy_value()

        return types.void(targets, values, rows, types.intp, types.intp), generate

    return push


def _max_plus(builder: Any, total: Any, value: Any, block: Any) -> Any:
    bits = 32 if isinstance(total.type.element, ir.FloatType) else 64
    maximum = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(total.type, [total.type] * 2), f"llvm.maxnum.v{LANES}f{bits}"
    )
    return builder.call(maximum, [builder.fadd(value, block), total], fastmath=("nnan", "nsz"))


def _sum_product(builder: Any, total: Any, value: Any, block: Any) -> Any:
    return builder.fadd(total, builder.fmul(value, block, flags=("contract",)), flags=("contract",))


push_max = _push(_max_plus)
"""targets[t][j] = max(targets[t][j], value + row[j] for all rows of target t), begin <= j < end; nothing may be NaN."""

push_sum = _push(_sum_product)
"""targets[t][j] += Σ value · row[j] over the rows of target t, begin <= j < end."""
