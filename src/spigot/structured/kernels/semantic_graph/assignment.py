"""Maximum-weight assignment in which a row may also stay without a column."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..matching.augment import augment


@njit(nogil=True, cache=True)
def assign(gain: np.ndarray, assigned: np.ndarray) -> None:  # pragma: no cover - compiled
    """Improve an assignment of rows (arguments) to columns (labels) to one of maximum total gain.

    gain[row, column] is the gain of the row from the column over having none. `assigned[row]` holds
    the row's best column (or -1) on entry and its final one on return. Rows without a conflict keep
    their columns.
    """
    rows, columns = gain.shape
    prices, scratch = np.zeros(columns), np.empty((3, columns))
    owners, origins, done = np.full(columns, -1), np.empty(columns, np.int64), np.empty(columns, np.int64)
    lost = np.zeros(rows, np.bool_)
    for row in range(rows):
        if assigned[row] >= 0:
            lost[row] = owners[assigned[row]] >= 0
            if lost[row]:
                assigned[row] = -1
            else:
                owners[assigned[row]] = row
    for row in range(rows):
        if lost[row]:
            augment(row, columns, gain, True, prices, assigned, owners, scratch, origins, done)
