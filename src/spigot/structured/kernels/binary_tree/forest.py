"""The forest of all binary trees over a row of tokens: a node for each span, an edge for each split."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.sums import Forest


@njit(nogil=True, cache=True)
def _list_splits(tokens, width, first, left, right, under, part):  # type: ignore[no-untyped-def]
    node, edge = 0, 0
    number = np.empty((tokens, tokens), np.int64)
    for length in range(tokens):
        for i in range(tokens - length):
            j = i + length
            number[i, j] = node
            for k in range(i, max(j, i + 1)):
                left[edge] = number[i, k] if length > 0 else -1
                right[edge] = number[k + 1, j] if length > 0 else -1
                under[edge], part[edge] = -1, i * width + j
                edge += 1
            node += 1
            first[node] = edge


def binary_tree_forest(tokens: int, width: int) -> Forest:
    """Return the forest; the part of the span i .. j is i · width + j."""
    nodes = tokens * (tokens + 1) // 2
    edges = tokens + (tokens - 1) * tokens * (tokens + 1) // 6
    forest = Forest(np.zeros(nodes + 1, np.int64), *(np.empty(edges, np.int64) for _ in range(4)))
    _list_splits(tokens, width, *forest)
    return forest
