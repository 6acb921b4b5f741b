"""Four neighbouring cells of a chart at once, with their slopes where there are any.

A quad is [value], or [value, slope]: a dual number of forward-mode differentiation, the slope being the derivative
along one direction. Its arithmetic is that of polynomials in ε with ε² = 0, so that one program computes values alone,
or values and slopes. `charts` is a tuple of one or two arrays `[chart, row, column]`, float64 and contiguous. A quad
lives in vector registers: four lanes, on any processor.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 4
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(32)


class QuadType(types.Type):  # type: ignore[misc]
    """The type of a quad with `parts` parts."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        super().__init__(name=f"Quad({parts})")


@register_model(QuadType)
class _QuadModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: QuadType) -> None:
        super().__init__(dmm, fe_type, ir.ArrayType(_VECTOR, fe_type.parts))


def _unpack(builder: Any, quad: Any) -> list[Any]:
    return [builder.extract_value(quad, part) for part in range(quad.type.count)]


def _pack(builder: Any, vectors: list[Any]) -> Any:
    quad = ir.Constant(ir.ArrayType(_VECTOR, len(vectors)), ir.Undefined)
    for part, vector in enumerate(vectors):
        quad = builder.insert_value(quad, vector, part)
    return quad


def _spread(builder: Any, vector: Any, lane: int) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, LANES), [lane] * LANES)
    return builder.shuffle_vector(vector, ir.Constant(_VECTOR, ir.Undefined), mask)


def _cells(context: Any, builder: Any, charts: Any, arguments: tuple[Any, ...]) -> list[Any]:
    """Return a pointer to the addressed cell of each part."""
    arrays, chart, row, column = arguments
    pointers = []
    for part, kind in enumerate(charts):
        array = context.make_array(kind)(context, builder, builder.extract_value(arrays, part))
        _, rows, columns = (builder.extract_value(array.shape, axis) for axis in range(3))
        at = builder.add(builder.mul(builder.add(builder.mul(chart, rows), row), columns), column)
        pointers.append(builder.gep(array.data, [at]))
    return pointers


@intrinsic
def load(typing: Any, charts: Any, chart: Any, row: Any, column: Any) -> Any:
    """Return charts[chart, row, column .. column + 3]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = _cells(context, builder, charts, arguments)
        return _pack(builder, [builder.load(builder.bitcast(p, _VECTOR.as_pointer()), align=8) for p in pointers])

    return QuadType(len(charts))(charts, types.intp, types.intp, types.intp), generate


@intrinsic
def load_spread(typing: Any, charts: Any, chart: Any, row: Any, column: Any) -> Any:
    """Return a quad with charts[chart, row, column] in all lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        empty = ir.Constant(_VECTOR, ir.Undefined)
        zero = ir.Constant(_INDEX, 0)
        pointers = _cells(context, builder, charts, arguments)
        firsts = [builder.insert_element(empty, builder.load(p), zero) for p in pointers]
        return _pack(builder, [_spread(builder, first, 0) for first in firsts])

    return QuadType(len(charts))(charts, types.intp, types.intp, types.intp), generate


@intrinsic
def store(typing: Any, charts: Any, chart: Any, row: Any, column: Any, quad: Any) -> Any:
    """Set charts[chart, row, column .. column + 3]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = _cells(context, builder, charts, arguments[:4])
        for pointer, vector in zip(pointers, _unpack(builder, arguments[4]), strict=True):
            builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(charts, types.intp, types.intp, types.intp, quad), generate


@intrinsic
def nothing(typing: Any, charts: Any) -> Any:
    """Return a quad of zeros for charts like these."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _pack(builder, [ir.Constant(_VECTOR, [0.0] * LANES)] * len(charts))

    return QuadType(len(charts))(charts), generate


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = zip(*(_unpack(builder, argument) for argument in arguments), strict=True)
        return _pack(builder, [builder.fadd(x, y) for x, y in pairs])

    return a(a, b), generate


def _products(builder: Any, a: Any, b: Any, sums: list[Any]) -> Any:
    """Return sums + a · b; the sums may be None."""
    x, y = _unpack(builder, a), _unpack(builder, b)
    for i, j in ((0, 0), (0, 1), (1, 0)):
        if i + j < len(sums):
            part = builder.fmul(x[i], y[j], flags=("contract",))
            before = sums[i + j]
            sums[i + j] = part if before is None else builder.fadd(before, part, flags=("contract",))
    return _pack(builder, sums)


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Any:
    """Return a · b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _products(builder, arguments[0], arguments[1], [None] * a.parts)

    return a(a, b), generate


@intrinsic
def add_product(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """Return total + a · b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _products(builder, arguments[1], arguments[2], _unpack(builder, arguments[0]))

    return total(total, a, b), generate


@intrinsic
def reciprocal(typing: Any, a: Any) -> Any:
    """Return 1 / a."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, *slopes = _unpack(builder, arguments[0])
        inverse = builder.fdiv(ir.Constant(_VECTOR, [1.0] * LANES), value)
        # One factor at a time: the square may be out of range.
        logs = [builder.fmul(slope, inverse) for slope in slopes]
        return _pack(builder, [inverse, *(builder.fneg(builder.fmul(log, inverse)) for log in logs)])

    return a(a), generate


def _lane(lane: int) -> Any:
    @intrinsic
    def spread(typing: Any, quad: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _pack(builder, [_spread(builder, vector, lane) for vector in _unpack(builder, arguments[0])])

        return quad(quad), generate

    return spread


spread_0, spread_1, spread_2, spread_3 = (_lane(lane) for lane in range(LANES))
"""Return a quad with one lane of another in all lanes."""


@intrinsic
def transpose(typing: Any, rows: Any) -> Any:
    """Return the columns of four rows, as a tuple of quads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        quads = [_unpack(builder, builder.extract_value(arguments[0], k)) for k in range(LANES)]

        def shuffle(a: Any, b: Any, *lanes: int) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INDEX, LANES), list(lanes)))

        parts = []
        for a, b, c, d in zip(*quads, strict=True):
            ab_even, ab_odd = shuffle(a, b, 0, 4, 2, 6), shuffle(a, b, 1, 5, 3, 7)
            cd_even, cd_odd = shuffle(c, d, 0, 4, 2, 6), shuffle(c, d, 1, 5, 3, 7)
            firsts = [shuffle(x, y, 0, 1, 4, 5) for x, y in ((ab_even, cd_even), (ab_odd, cd_odd))]
            parts.append(firsts + [shuffle(x, y, 2, 3, 6, 7) for x, y in ((ab_even, cd_even), (ab_odd, cd_odd))])
        columns = [_pack(builder, list(vectors)) for vectors in zip(*parts, strict=True)]
        return context.make_tuple(builder, signature.return_type, columns)

    return rows(rows), generate
