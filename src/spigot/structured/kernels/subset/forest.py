"""The forest of all subsets of k: node (i, c) stands for those of c of the first i candidates.

If there may be fewer than k, one more node has an edge to each (last, c).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.sums import Forest


@njit(nogil=True, cache=True)
def _list_choices(size, k, at_most, first, left, part):  # type: ignore[no-untyped-def]
    node, edge = 0, 0
    for i in range(size + 1):
        for c in range(k + 1):
            if i == 0:
                if c == 0:
                    left[edge], part[edge] = -1, -1
                    edge += 1
            else:
                left[edge], part[edge] = node - (k + 1), -1
                edge += 1
                if c > 0:
                    left[edge], part[edge] = node - (k + 1) - 1, i - 1
                    edge += 1
            node += 1
            first[node] = edge
    if at_most:
        for c in range(k + 1):
            left[edge], part[edge] = node - (k + 1) + c, -1
            edge += 1
        first[node + 1] = edge


def subset_forest(size: int, k: int, at_most: bool) -> Forest:
    """Return the forest; part i is candidate i."""
    edges = 1 + size * (2 * k + 1) + (k + 1) * at_most
    left, part, none = np.empty(edges, np.int64), np.empty(edges, np.int64), np.full(edges, -1, np.int64)
    forest = Forest(np.zeros((size + 1) * (k + 1) + at_most + 1, np.int64), left, none, none, part)
    _list_choices(size, k, at_most, forest.first, left, part)
    return forest
