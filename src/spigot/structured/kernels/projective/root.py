"""Inside-outside for projective trees: the part of ROOT, which stands left of all tokens and has no head."""

from __future__ import annotations

from numba import njit

from ..numerics.quads import LANES, add_product, load, load_spread, multiply, nothing, reciprocal, store
from .charts import (
    ARCS,
    O_OPEN,
    O_SPANS,
    O_TAKEN,
    O_TO_I,
    O_TO_J,
    OPEN,
    ROOT,
    SPANS,
    TAKEN,
    TO_I,
    TO_I_T,
    TO_J,
    TO_J_T,
)


@njit(nogil=True, forceinline=True)
def _push(charts, target, factor, chart, row, shift, begin, end):  # type: ignore[no-untyped-def]
    """Add factor · charts[chart, row, j + shift] to a row of ROOT's, begin <= j < end."""
    for j in range(begin, end, LANES):
        cells = add_product(load(charts, ROOT, target, j), factor, load(charts, chart, row, j + shift))
        store(charts, ROOT, target, j, cells)


@njit(nogil=True, cache=True)
def inside_root(tokens, size, single_root, charts):  # type: ignore[no-untyped-def]
    """Fill ROOT's rows from the charts of the tokens and return Z, which is SPANS[tokens - 1].

    OPEN[j] is the gap between ROOT and j, TAKEN[j] that with the arc from ROOT to j, SPANS[j] all of ROOT .. j.
    """
    for j in range(0, size, LANES):
        store(charts, ROOT, OPEN, j, load(charts, TO_J, 0, j))
        store(charts, ROOT, SPANS, j, nothing(charts))
    for k in range(tokens):
        begin = k // LANES * LANES
        taken = multiply(load_spread(charts, ROOT, OPEN, k), load_spread(charts, ROOT, ARCS, k))
        _push(charts, SPANS, taken, TO_I, k, 0, begin, size)
        if not single_root:
            _push(charts, OPEN, load_spread(charts, ROOT, SPANS, k), TO_J, k + 1, 0, begin, size)
    for j in range(0, size, LANES):
        store(charts, ROOT, TAKEN, j, multiply(load(charts, ROOT, OPEN, j), load(charts, ROOT, ARCS, j)))
    return charts[0][ROOT, SPANS, tokens - 1]


@njit(nogil=True, cache=True)
def outside_root(tokens, size, single_root, charts):  # type: ignore[no-untyped-def]
    """Fill the derivatives of log Z by ROOT's rows, and set O_TO_J and O_TO_I to what the charts get from those."""
    zero = nothing(charts)
    for j in range(0, size, LANES):
        store(charts, ROOT, O_SPANS, j, zero)
        store(charts, ROOT, O_TAKEN, j, zero)
    # The cells past the last token are 0 again at once.
    store(charts, ROOT, O_SPANS, tokens - 1, reciprocal(load_spread(charts, ROOT, SPANS, tokens - 1)))
    store(charts, ROOT, O_SPANS, tokens, zero)
    for k in range(tokens - 1, -1, -1):
        _push(charts, O_TAKEN, load_spread(charts, ROOT, O_SPANS, k), TO_I_T, k, 0, 0, k + 1)
        if not single_root:
            o_open = multiply(load_spread(charts, ROOT, O_TAKEN, k), load_spread(charts, ROOT, ARCS, k))
            _push(charts, O_SPANS, o_open, TO_J_T, k, 1, 0, k)
    for j in range(0, size, LANES):
        store(charts, ROOT, O_OPEN, j, multiply(load(charts, ROOT, O_TAKEN, j), load(charts, ROOT, ARCS, j)))
    for i in range(size):
        taken = load_spread(charts, ROOT, TAKEN, i)
        before = zero
        if i > 0 and not single_root:
            before = load_spread(charts, ROOT, SPANS, i - 1)
        for j in range(i // LANES * LANES, size, LANES):
            store(charts, O_TO_I, i, j, multiply(taken, load(charts, ROOT, O_SPANS, j)))
            store(charts, O_TO_J, i, j, multiply(before, load(charts, ROOT, O_OPEN, j)))
    for j in range(0, size, LANES):
        store(charts, O_TO_J, 0, j, load(charts, ROOT, O_OPEN, j))
