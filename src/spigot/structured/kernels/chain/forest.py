"""The forest of all sequences of tags: two nodes for each tag at each position, without and with its emission."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.sums import Forest


@njit(nogil=True, cache=True)
def _list_steps(length, tags, transitions, first, left, part):  # type: ignore[no-untyped-def]
    node, edge = 0, 0
    for i in range(length):
        for tag in range(tags):
            for previous in range(tags if i > 0 else 1):
                left[edge] = 2 * ((i - 1) * tags) + tags + previous if i > 0 else -1
                part[edge] = transitions + ((i - 1) * tags + previous) * tags + tag if i > 0 else -1
                edge += 1
            node += 1
            first[node] = edge
        for tag in range(tags):
            left[edge] = 2 * i * tags + tag
            part[edge] = i * tags + tag
            edge, node = edge + 1, node + 1
            first[node] = edge
    for tag in range(tags):
        left[edge] = node - tags + tag
        part[edge] = -1
        edge += 1
    first[node + 1] = edge


def chain_forest(length: int, positions: int, tags: int) -> Forest:
    """Return the forest; parts are emissions `[position, tag]`, then transitions `[position, previous, next]`."""
    nodes = 2 * length * tags + 1
    edges = (length - 1) * tags**2 + tags + length * tags + tags
    left, part, none = np.empty(edges, np.int64), np.empty(edges, np.int64), np.full(edges, -1, np.int64)
    forest = Forest(np.zeros(nodes + 1, np.int64), left, none, none, part)
    _list_steps(length, tags, positions * tags, forest.first, left, part)
    return forest
