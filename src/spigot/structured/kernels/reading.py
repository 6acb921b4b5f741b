"""How kernels over trees read their scores."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK
from .vector import LANES, push_max, push_sum


@njit(nogil=True, cache=True)
def read_arc_scores(scores, mask, length, arcs, best):  # type: ignore[no-untyped-def]
    """Copy the candidates of one sentence to dense scratch, the best score of each modifier taken off its arcs.

    That changes no comparison of trees, large scores lose no precision in sums, and equal scores tie to the bit.

    Args:
        scores: `[head, modifier]`.
        mask: bool, the same, or empty: all arcs are candidates.
        length: tokens, without ROOT.
        arcs: set to the scores less the best ones, -inf where there is no candidate, `[head, modifier]`.
        best: set to the best score of each modifier, 0 for ROOT, `[modifier]`.

    Returns:
        A status of `checks.py`.
    """
    if length < 0 or length >= scores.shape[0]:
        return BAD_LENGTH
    nodes = length + 1
    blocks = nodes // LANES * LANES
    improper = 0
    best[:nodes] = -np.inf
    for head in range(nodes):
        row = arcs[head]
        for modifier in range(nodes):
            row[modifier] = scores[head, modifier]
        if mask.size > 0:
            for modifier in range(nodes):
                if not mask[head, modifier]:
                    row[modifier] = -np.inf
        row[0] = -np.inf
        row[head] = -np.inf
        for modifier in range(nodes):
            improper += not (row[modifier] < np.inf)
        push_max((best,), (0.0,), (row,), 0, blocks)
        for modifier in range(blocks, nodes):
            best[modifier] = max(best[modifier], row[modifier])
    if improper > 0:
        return NOT_A_NUMBER
    for modifier in range(1, nodes):
        if best[modifier] == -np.inf:
            return INFEASIBLE
    best[0] = 0.0
    for head in range(nodes):
        push_sum((arcs[head],), (-1.0,), (best,), 0, blocks)
        for modifier in range(blocks, nodes):
            arcs[head, modifier] -= best[modifier]
    return OK
