"""Maximum-weight assignment in which a row may also stay without a column."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def assign(gain: np.ndarray, assigned: np.ndarray) -> None:  # pragma: no cover - compiled
    """Improve an assignment of rows (arguments) to columns (labels) to one of maximum total gain.

    gain[row, column] is what the column is worth to the row beyond staying without one. `assigned[row]` holds
    the row's best column (or -1) on entry and its final one on return. Successive shortest augmenting paths
    with prices (Jonker and Volgenant 1987): rows that agree with each other are never touched.
    """
    rows, columns = gain.shape
    profit = np.zeros(rows)
    price = np.zeros(columns)
    distance = np.empty(columns)
    origin = np.empty(columns, np.int64)
    owner = np.full(columns, -1)
    done = np.empty(columns, np.bool_)
    for row in range(rows):
        if assigned[row] >= 0:
            profit[row] = gain[row, assigned[row]]
            if owner[assigned[row]] < 0:
                owner[assigned[row]] = row

    for start in range(rows):
        if assigned[start] < 0 or owner[assigned[start]] == start:
            continue
        assigned[start] = -1
        distance[:] = np.inf
        done[:] = False
        row, reached, leaver, leaving = start, 0.0, -1, np.inf
        while True:
            if reached + profit[row] < leaving:  # the path may end with this row doing without a column
                leaving, leaver = reached + profit[row], row
            nearest = -1
            for column in range(columns):
                if done[column]:
                    continue
                length = reached + profit[row] - gain[row, column] + price[column]
                if length < distance[column]:
                    distance[column], origin[column] = length, row
                if nearest < 0 or distance[column] < distance[nearest]:
                    nearest = column
            if nearest < 0 or leaving <= distance[nearest]:
                total, column = leaving, assigned[leaver]
                assigned[leaver] = -1
                break
            if owner[nearest] < 0:
                total, column, leaver = distance[nearest], nearest, -1
                break
            done[nearest] = True
            reached, row = distance[nearest], owner[nearest]

        profit[start] -= total
        for other in range(columns):
            if done[other]:
                price[other] += total - distance[other]
                profit[owner[other]] -= total - distance[other]
        if leaver != start:  # shift the columns along the path, back to its start
            while True:
                row = origin[column]
                given_up = assigned[row]
                assigned[row], owner[column] = column, row
                if row == start:
                    break
                column = given_up
