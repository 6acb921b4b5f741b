"""The forest of all projective trees over a sentence: the charts of `argmax.py`, a node for each cell."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.sums import Forest

GAP, LEFT, RIGHT, TO_J, TO_I = range(5)


@njit(nogil=True, cache=True)
def _list_cells(nodes, width, single_root, number, first, left, right, under, part):  # type: ignore[no-untyped-def]
    node, edge = 0, 0
    for length in range(nodes):
        for i in range(nodes - length):
            j = i + length
            for chart in range(TO_J if length == 0 else GAP, TO_I + 1):
                number[chart, i, j] = node
                count = 1 if length == 0 or chart in (LEFT, RIGHT) else length
                if chart == GAP and single_root and i == 0:
                    count = 1
                for k in range(i, i + count):
                    left[edge], right[edge], under[edge], part[edge] = -1, -1, -1, -1
                    if length == 0:
                        pass
                    elif chart == GAP:
                        left[edge], right[edge] = number[TO_I, i, k], number[TO_J, k + 1, j]
                    elif chart == LEFT:
                        left[edge], part[edge] = number[GAP, i, j], j * width + i
                    elif chart == RIGHT:
                        left[edge], part[edge] = number[GAP, i, j], i * width + j
                    elif chart == TO_J:
                        left[edge], right[edge] = number[TO_J, i, k], number[LEFT, k, j]
                    else:
                        left[edge], right[edge] = number[RIGHT, i, k + 1], number[TO_I, k + 1, j]
                    edge += 1
                node += 1
                first[node] = edge
    return node, edge


def projective_forest(nodes: int, width: int, single_root: bool) -> Forest:
    """Return the forest over ROOT and tokens; the part of the arc i -> j is i · width + j."""
    most = (nodes - 1) * nodes * (nodes + 1) // 2 + nodes * (nodes + 1)
    cells = 5 * nodes * (nodes + 1) // 2
    forest = Forest(np.zeros(cells + 1, np.int64), *(np.empty(most, np.int64) for _ in range(4)))
    number = np.empty((5, nodes, nodes), np.int64)
    used, edges = _list_cells(nodes, width, single_root, number, *forest)
    return Forest(forest.first[: used + 1], *(array[:edges] for array in forest[1:]))
