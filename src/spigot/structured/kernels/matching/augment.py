"""One step of an assignment of rows to columns by shortest augmenting paths (Jonker and Volgenant 1987).

Prices of the columns are kept such that every row assigned so far has a column of the largest weight less price. To
assign one more row, Dijkstra's algorithm finds the cheapest exchange of columns; then prices are raised so that each
row on this path again has a best column.

Search loops run over all columns, without branches, so that they become vector code; a column that is done has a price
of infinity.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def _reach(size, weights, row, offset, prices, distances, origins):  # type: ignore[no-untyped-def]
    """Shorten the distances by ways through `row`; return the least of them."""
    least = np.inf
    for j in range(size):
        length = (offset - weights[row, j]) + prices[j]
        nearer = length < distances[j]
        distances[j] = length if nearer else distances[j]
        origins[j] = row if nearer else origins[j]
        least = distances[j] if distances[j] < least else least
    return least


@njit(nogil=True, cache=True, error_model="numpy")
def augment(start, size, weights, optional, prices, columns, owners, scratch, origins, done):  # type: ignore[no-untyped-def]
    """Assign row `start`, which has no column, and let other rows change theirs for it.

    Args:
        start: the row.
        size: the number of columns.
        weights: float64, `[row, column]`, -inf for no candidate.
        optional: whether one row of those on the path may end without a column, which has weight 0.
        prices: those of the columns; raised.
        columns: int64: columns[row] is the row's column, or -1; changed.
        owners: int64: the inverse; changed.
        scratch: float64, `[3, size]`.
        origins: int64, `[size]`.
        done: the same.

    Returns:
        whether there is a way.
    """
    distances, final, shut = scratch[0], scratch[1], scratch[2]
    offset = 0.0 if optional else -np.inf
    for j in range(size):
        distances[j] = np.inf
        shut[j] = prices[j]
        offset = max(offset, weights[start, j] - prices[j])
    row, nearest, count = start, -1, 0
    leaver, leaving = -1, np.inf
    while True:
        if optional and offset < leaving:
            leaver, leaving = row, offset
        reached = _reach(size, weights, row, offset, shut, distances, origins)
        if leaving <= reached:
            if leaver < 0:
                return False
            reached = leaving
            break
        nearest, free = -1, -1
        for j in range(size):
            if distances[j] == reached:
                nearest = j if nearest < 0 else nearest
                if owners[j] < 0:
                    free = j
                    break
        if free >= 0:
            nearest, leaver = free, -1
            break
        final[nearest], distances[nearest], shut[nearest] = reached, np.inf, np.inf
        done[count] = nearest
        count += 1
        row = owners[nearest]
        # The value that `row` gives up on a path through it.
        offset = reached + (weights[row, nearest] - prices[nearest])
    for k in range(count):
        prices[done[k]] += reached - final[done[k]]
    column = nearest
    if leaver >= 0:
        column, columns[leaver] = columns[leaver], -1
        if leaver == start:
            return True
    while True:
        row = origins[column]
        given_up = columns[row]
        columns[row], owners[column] = column, row
        if row == start:
            return True
        column = given_up
