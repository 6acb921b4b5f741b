"""The candidates of a sentence, as kernels over dependency trees read them."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..numerics.vector import U0
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK


@njit(nogil=True, cache=True, error_model="numpy")
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
    nodes = np.uint64(length + 1)
    none = arcs.dtype.type(-np.inf)
    best[:nodes] = none
    improper = False
    for head in range(nodes):
        for modifier in range(nodes):
            arcs[head, modifier] = scores[head, modifier]
        if mask.size > 0:
            for modifier in range(nodes):
                if not mask[head, modifier]:
                    arcs[head, modifier] = none
        arcs[head, U0] = none
        arcs[head, head] = none
        for modifier in range(nodes):
            score = arcs[head, modifier]
            improper |= not (score < np.inf)
            best[modifier] = max(best[modifier], score)
    if improper:
        return NOT_A_NUMBER
    best[U0] = 0.0
    for modifier in range(nodes):
        if best[modifier] == none:
            return INFEASIBLE
    for head in range(nodes):
        for modifier in range(nodes):
            arcs[head, modifier] -= best[modifier]
    return OK
