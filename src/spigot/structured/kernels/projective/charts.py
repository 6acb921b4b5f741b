"""Inside-outside for projective trees by sums and products, without ROOT: the charts over the tokens.

The charts are those of `argmax.py` with sums for maxima. As matrices, with TO_J' for TO_J one row up,

    GAP = TO_I · TO_J'        TO_J = 1 + TO_J · LEFT        TO_I = 1 + RIGHT · TO_I
    LEFT = GAP ∘ lefts        RIGHT = GAP ∘ rights

and `outside` is the same run backwards: O_LEFT[i, j] is the derivative of log Z by LEFT[i, j].

All are upper triangles, cut into tiles of 4 x 4. What a tile gets from others is a product of matrices, with 16 sums at
work at once; what its own cells give to each other follows, row by row and column by column. Transposed copies let all
products run along rows. Sums and products are of quads: see there how slopes are computed along with the values.
"""

from __future__ import annotations

from numba import njit

from ..numerics.quads import (
    LANES,
    add,
    add_product,
    load,
    load_spread,
    multiply,
    nothing,
    spread_0,
    spread_1,
    spread_2,
    spread_3,
    store,
    transpose,
)

# Charts that `inside` fills, transposed ones last; then those of `outside`, and what both multiply by.
GAP, LEFT, RIGHT, TO_J, TO_I, LEFT_T, RIGHT_T, TO_J_T, TO_I_T = range(9)
O_GAP, O_LEFT, O_RIGHT, O_TO_J, O_TO_I = range(9, 14)
LEFTS, RIGHTS = 14, 15
# A plane for ROOT, whose rows are its arcs' potentials, GAP, TO_I, RIGHT, and the derivatives of the last three.
ROOT = 16
CHARTS = 17
ARCS, OPEN, SPANS, TAKEN, O_OPEN, O_SPANS, O_TAKEN = range(7)


@njit(nogil=True, forceinline=True)
def _zeros(charts):  # type: ignore[no-untyped-def]
    zero = nothing(charts)
    return zero, zero, zero, zero


@njit(nogil=True, forceinline=True)
def load_tile(charts, chart, row, column):  # type: ignore[no-untyped-def]
    """Return four rows of a tile."""
    return (
        load(charts, chart, row, column),
        load(charts, chart, row + 1, column),
        load(charts, chart, row + 2, column),
        load(charts, chart, row + 3, column),
    )


@njit(nogil=True, forceinline=True)
def store_tile(charts, chart, row, column, tile):  # type: ignore[no-untyped-def]
    """Set four rows of a tile."""
    store(charts, chart, row, column, tile[0])
    store(charts, chart, row + 1, column, tile[1])
    store(charts, chart, row + 2, column, tile[2])
    store(charts, chart, row + 3, column, tile[3])


@njit(nogil=True, forceinline=True)
def _add_product(tile, charts, a, row, b, shift, column, begin, end):  # type: ignore[no-untyped-def]
    """Return the tile plus Σ_k a[row .. row + 3, k] · b[k + shift, column .. column + 3], begin <= k < end."""
    first, second, third, fourth = tile
    for k in range(begin, end):
        cells = load(charts, b, k + shift, column)
        first = add_product(first, load_spread(charts, a, row, k), cells)
        second = add_product(second, load_spread(charts, a, row + 1, k), cells)
        third = add_product(third, load_spread(charts, a, row + 2, k), cells)
        fourth = add_product(fourth, load_spread(charts, a, row + 3, k), cells)
    return first, second, third, fourth


@njit(nogil=True, forceinline=True)
def _finish_inside(charts, i, below, j):  # type: ignore[no-untyped-def]
    """Finish the cells i, j .. j + 3, which hold sums over other tiles; rows from i + 1 to `below` of the tile are."""
    gaps, ends, starts = load(charts, GAP, i, j), load(charts, TO_J, i, j), load(charts, TO_I, i, j)
    for k in range(i + 1, below):
        to_j = load(charts, TO_J, k, j)
        gaps = add_product(gaps, load_spread(charts, TO_I, i, k - 1), to_j)
        ends = add_product(ends, load_spread(charts, TO_J, i, k), load(charts, LEFT, k, j))
        starts = add_product(starts, load_spread(charts, RIGHT, i, k), load(charts, TO_I, k, j))
    lefts, rights = load(charts, LEFTS, i, j), load(charts, RIGHTS, i, j)
    # A cell is final once those before it have been added: first the one in lane 0.
    right = multiply(gaps, rights)
    starts = add_product(starts, spread_0(right), load(charts, TO_I, j, j))
    to_j = add_product(ends, gaps, lefts)
    gaps = add_product(gaps, spread_0(starts), load(charts, TO_J, j + 1, j))
    ends = add_product(ends, spread_0(to_j), load(charts, LEFT, j, j))
    right = multiply(gaps, rights)
    starts = add_product(starts, spread_1(right), load(charts, TO_I, j + 1, j))
    to_j = add_product(ends, gaps, lefts)
    gaps = add_product(gaps, spread_1(starts), load(charts, TO_J, j + 2, j))
    ends = add_product(ends, spread_1(to_j), load(charts, LEFT, j + 1, j))
    right = multiply(gaps, rights)
    starts = add_product(starts, spread_2(right), load(charts, TO_I, j + 2, j))
    to_j = add_product(ends, gaps, lefts)
    gaps = add_product(gaps, spread_2(starts), load(charts, TO_J, j + 3, j))
    ends = add_product(ends, spread_2(to_j), load(charts, LEFT, j + 2, j))
    right = multiply(gaps, rights)
    starts = add_product(starts, spread_3(right), load(charts, TO_I, j + 3, j))
    left = multiply(gaps, lefts)
    store(charts, LEFT, i, j, left)
    store(charts, RIGHT, i, j, right)
    store(charts, TO_J, i, j, add(ends, left))
    store(charts, TO_I, i, j, starts)


@njit(nogil=True, cache=True)
def inside_tiles(column, charts):  # type: ignore[no-untyped-def]
    """Fill the tiles of columns column .. column + 3, those before being filled.

    LEFTS[i, j] and RIGHTS[i, j] are the potentials of the arcs j -> i and i -> j, 0 where i >= j.
    """
    zeros = _zeros(charts)
    for row in range(column, -1, -LANES):
        gaps, ends, starts = zeros, zeros, zeros
        below = row
        if row == column:
            # Rows that are not finished yet are read, though they count nothing.
            store_tile(charts, LEFT, row, column, zeros)
        else:
            below = row + LANES
            gaps = _add_product(zeros, charts, TO_I, row, TO_J, 1, column, row + 3, column)
            ends = _add_product(zeros, charts, TO_J, row, LEFT, 0, column, row + 4, column)
            starts = _add_product(zeros, charts, RIGHT, row, TO_I, 0, column, row + 4, column)
        store_tile(charts, GAP, row, column, gaps)
        store_tile(charts, TO_J, row, column, ends)
        store_tile(charts, TO_I, row, column, starts)
        for i in range(row + 3, row - 1, -1):
            if row == column:
                charts[0][TO_I, i, i] = 1.0
            _finish_inside(charts, i, below, column)
            if row == column:
                charts[0][TO_J, i, i] = 1.0
        for chart, transposed in ((LEFT, LEFT_T), (RIGHT, RIGHT_T), (TO_J, TO_J_T), (TO_I, TO_I_T)):
            store_tile(charts, transposed, column, row, transpose(load_tile(charts, chart, row, column)))


@njit(nogil=True, forceinline=True)
def _finish_outside(charts, i, row, j):  # type: ignore[no-untyped-def]
    """Finish the cells i, j .. j + 3, which hold sums over other tiles, the rows from `row` to i - 1 being finished."""
    o_left, o_right = load(charts, O_LEFT, i, j), load(charts, O_RIGHT, i, j)
    o_to_j, o_to_i = load(charts, O_TO_J, i, j), load(charts, O_TO_I, i, j)
    for k in range(row, i):
        o_to_j = add_product(o_to_j, load_spread(charts, TO_I, k, i - 1), load(charts, O_GAP, k, j))
        o_left = add_product(o_left, load_spread(charts, TO_J, k, i), load(charts, O_TO_J, k, j))
        o_to_i = add_product(o_to_i, load_spread(charts, RIGHT, k, i), load(charts, O_TO_I, k, j))
    lefts, rights = load(charts, LEFTS, i, j), load(charts, RIGHTS, i, j)
    # A cell is final once those after it have been added: first the one in lane 3.
    o_right = add_product(o_right, spread_3(o_to_i), load(charts, TO_I_T, j + 3, j))
    o_gap = add_product(multiply(add(o_left, o_to_j), lefts), o_right, rights)
    o_to_i = add_product(o_to_i, spread_3(o_gap), load(charts, TO_J_T, j + 3, j + 1))
    o_to_j = add_product(o_to_j, spread_3(o_to_j), load(charts, LEFT_T, j + 3, j))
    o_right = add_product(o_right, spread_2(o_to_i), load(charts, TO_I_T, j + 2, j))
    o_gap = add_product(multiply(add(o_left, o_to_j), lefts), o_right, rights)
    o_to_i = add_product(o_to_i, spread_2(o_gap), load(charts, TO_J_T, j + 2, j + 1))
    o_to_j = add_product(o_to_j, spread_2(o_to_j), load(charts, LEFT_T, j + 2, j))
    o_right = add_product(o_right, spread_1(o_to_i), load(charts, TO_I_T, j + 1, j))
    o_gap = add_product(multiply(add(o_left, o_to_j), lefts), o_right, rights)
    o_to_i = add_product(o_to_i, spread_1(o_gap), load(charts, TO_J_T, j + 1, j + 1))
    o_to_j = add_product(o_to_j, spread_1(o_to_j), load(charts, LEFT_T, j + 1, j))
    o_right = add_product(o_right, spread_0(o_to_i), load(charts, TO_I_T, j, j))
    o_left = add(o_left, o_to_j)
    store(charts, O_GAP, i, j, add_product(multiply(o_left, lefts), o_right, rights))
    store(charts, O_LEFT, i, j, o_left)
    store(charts, O_RIGHT, i, j, o_right)
    store(charts, O_TO_J, i, j, o_to_j)
    store(charts, O_TO_I, i, j, o_to_i)


@njit(nogil=True, cache=True)
def outside(size, charts):  # type: ignore[no-untyped-def]
    """Fill the charts of derivatives; O_TO_J and O_TO_I hold what comes from ROOT. Below the diagonal is nonsense."""
    zeros = _zeros(charts)
    for column in range(size - LANES, -1, -LANES):
        after = column + LANES
        for row in range(0, column + 1, LANES):
            o_right = _add_product(zeros, charts, O_TO_I, row, TO_I_T, 0, column, after, size)
            o_left = _add_product(zeros, charts, TO_J_T, row, O_TO_J, 0, column, 0, row)
            o_to_i = load_tile(charts, O_TO_I, row, column)
            o_to_i = _add_product(o_to_i, charts, O_GAP, row, TO_J_T, 0, column + 1, after, size)
            o_to_i = _add_product(o_to_i, charts, RIGHT_T, row, O_TO_I, 0, column, 0, row)
            o_to_j = load_tile(charts, O_TO_J, row, column)
            o_to_j = _add_product(o_to_j, charts, O_TO_J, row, LEFT_T, 0, column, after, size)
            o_to_j = _add_product(o_to_j, charts, TO_I_T, row - 1, O_GAP, 0, column, 0, row)
            store_tile(charts, O_RIGHT, row, column, o_right)
            store_tile(charts, O_LEFT, row, column, o_left)
            store_tile(charts, O_TO_I, row, column, o_to_i)
            store_tile(charts, O_TO_J, row, column, o_to_j)
            for i in range(row, row + LANES):
                _finish_outside(charts, i, row, column)
