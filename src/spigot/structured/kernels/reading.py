"""How kernels over trees read their scores."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK


@njit(nogil=True, cache=True)
def read_arc_scores(scores, mask, length, arcs, best):  # type: ignore[no-untyped-def]
    """Copy the candidates of one sentence to dense scratch, the best score of each modifier taken off its arcs.

    That changes no comparison of trees, large scores lose no precision in sums, and equal scores tie to the bit.

    Args:
        scores: `[head, modifier]`.
        mask: bool, the same, or empty: all arcs are candidates.
        length: tokens, without ROOT.
        arcs: set to the scores less the best ones, -inf where there is no candidate, `[head, modifier]`.
        best: set to the best score of each modifier, `[modifier]`.

    Returns:
        A status of `checks.py`.
    """
    if length < 0 or length >= scores.shape[0]:
        return BAD_LENGTH
    nodes = length + 1
    masked = mask.size > 0
    proper = True
    best[:nodes] = -np.inf
    for head in range(nodes):
        arcs[head, 0] = -np.inf
        for modifier in range(1, nodes):
            score = scores[head, modifier]
            if head == modifier or (masked and not mask[head, modifier]):
                score = -np.inf
            proper &= score < np.inf
            best[modifier] = max(best[modifier], score)
            arcs[head, modifier] = score
    if not proper:
        return NOT_A_NUMBER
    for modifier in range(1, nodes):
        if best[modifier] == -np.inf:
            return INFEASIBLE
    for head in range(nodes):
        for modifier in range(1, nodes):
            arcs[head, modifier] -= best[modifier]
    return OK
