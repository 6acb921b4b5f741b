"""The forest of the eliminations of `elimination.py`: a node for each weight, divided by the pivots' nodes."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.sums import Forest


@njit(nogil=True, cache=True)
def _list_eliminations(nodes, width, scores, rooted, first, left, right, under, part):  # type: ignore[no-untyped-def]
    node, edge = 0, 0
    weight = np.full((nodes, nodes), -1, np.int64)
    for h in range(nodes):
        for m in range(1, nodes):
            if h != m and scores[h * width + m] > -np.inf:
                part[edge] = h * width + m
                weight[h, m] = node
                edge, node = edge + 1, node + 1
                first[node] = edge
    product = -1
    for k in range(nodes - 1, 0, -1):
        from_token = False
        for h in range(1, k):
            from_token |= weight[h, k] >= 0
        pivot = node
        for h in range(1 if from_token and not rooted else 0, k):
            if weight[h, k] >= 0:
                left[edge] = weight[h, k]
                edge += 1
        node += 1
        first[node] = edge
        if not from_token and not rooted:
            rooted = True
            weight[0, 1:k] = -1
        for m in range(1, k):
            for h in range(k):
                if h != m and weight[h, k] >= 0 and weight[k, m] >= 0:
                    left[edge], right[edge], under[edge] = weight[h, k], weight[k, m], pivot
                    edge += 1
                    if weight[h, m] >= 0:
                        left[edge] = weight[h, m]
                        edge += 1
                    weight[h, m] = node
                    node += 1
                    first[node] = edge
        left[edge], right[edge] = pivot, product
        product = node
        edge, node = edge + 1, node + 1
        first[node] = edge
    return node, edge


def nonprojective_forest(nodes: int, width: int, scores: np.ndarray, single_root: bool) -> Forest:
    """Return the forest over ROOT and tokens; the part of the arc i -> j is i · width + j, and scores are flat."""
    most = nodes**2 + sum(2 * k * k + k + 1 for k in range(nodes))
    forest = Forest(np.zeros(most + 1, np.int64), *(np.full(most, -1, np.int64) for _ in range(4)))
    used, edges = _list_eliminations(nodes, width, scores, not single_root, *forest)
    return Forest(forest.first[: used + 1], *(array[:edges] for array in forest[1:]))
