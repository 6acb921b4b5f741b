"""Sum over all dependency trees by eliminating one token after another.

Leave token k out and let each arc h -> m stand for the path h -> k -> m too:

    w'(h, m) = w(h, m) + w(h, k) w(k, m) / D        D = Σ_h w(h, k)

Then the trees of the smaller graph sum to 1/D times those of the larger one. This is Gaussian elimination of the
Laplacian of the matrix-tree theorem (Koo et al. 2007), but with each pivot D summed anew from the arcs into k
instead of subtracted down (Grassmann, Taksar and Heyman 1985). Nothing is ever subtracted, so the result keeps
nearly all its digits where the Laplacian is singular to working precision.

A single child of ROOT is the limit of ever lighter arcs from ROOT. Of each sum only what dominates in that limit
counts. So D leaves ROOT out, unless ROOT is the only head left: then k is the child of ROOT, the graph is "rooted",
and of the paths from ROOT only those through k remain.

Weights are kept as `weights` says. Tokens are counted from 0 here; ROOT is treated apart.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..arcs.read import read_arc_scores
from ..numerics.weights import FLOOR, accumulate, divide, divide_row, none, total
from ..runtime.status import INFEASIBLE, OK

TINY = -1
"""Status of an attempt with linear weights that must be repeated with logarithmic ones."""


@njit(nogil=True, cache=True, error_model="numpy")
def read_weights(scores, mask, direction, length, arcs, root, best, logarithmic):  # type: ignore[no-untyped-def]
    """Fill arcs[:, m, h] and root[:, 0, m] so that the largest weight of each modifier is 1.

    Sets best[modifier] to the logarithm of what was divided out, and returns a status.
    """
    differences = np.empty((length + 1, length + 1))
    status = read_arc_scores(scores, mask, length, differences, best)
    if status != OK:
        return status
    dual = arcs.shape[0] == 2
    tiny = False
    for head in range(length + 1):
        for modifier in range(1, length + 1):
            weight = differences[head, modifier]
            slope = direction[head, modifier] if dual and weight > -np.inf else 0.0
            if not logarithmic:
                weight = np.exp(weight)
                slope *= weight
                tiny |= weight < FLOOR and differences[head, modifier] > -np.inf
            into, row, column = (root, 0, modifier - 1) if head == 0 else (arcs, modifier - 1, head - 1)
            into[-1, row, column] = slope
            into[0, row, column] = weight
    return TINY if tiny else OK


@njit(nogil=True, cache=True)
def copy_tokens(source, target, low, high):  # type: ignore[no-untyped-def]
    """Copy what arcs, or an array with one row such as root, hold on the tokens low .. high - 1."""
    first, end = (low, high) if source.shape[1] > 1 else (0, 1)
    for form in range(source.shape[0]):
        for row in range(first, end):
            for h in range(low, high):
                target[form, row, h] = source[form, row, h]


@njit(nogil=True, cache=True, error_model="numpy")
def eliminate(k, low, high, arcs, root, rooted, shares, column, logarithmic):  # type: ignore[no-untyped-def]
    """Eliminate token k from the graph over ROOT, k, and the tokens low .. high - 1.

    Fills shares[:, 0, low:high] with w(h, k) / D and column[:, 0, low:high] with w(k, m). Returns a status, log D,
    ROOT's share with its derivative, and whether the graph is rooted now.
    """
    zero = none(logarithmic)
    dual = arcs.shape[0] == 2
    of_root, dof_root = root[0, 0, k], root[-1, 0, k]
    from_token = False
    for h in range(low, high):
        from_token |= arcs[0, k, h] > zero
    if not from_token and of_root == zero:
        return INFEASIBLE, 0.0, zero, 0.0, rooted
    if from_token and not rooted:
        by, dlog = total(arcs, k, low, high, zero, 0.0, logarithmic)
    else:
        by, dlog = total(arcs, k, low, high, of_root, dof_root, logarithmic)
    divide_row(arcs, k, shares, low, high, by, dlog, logarithmic)
    of_root, dof_root = divide(of_root, dof_root, by, dlog, logarithmic)
    if not from_token and not rooted:
        rooted = True
        for m in range(low, high):
            if dual:
                root[1, 0, m] = 0.0
            root[0, 0, m] = zero

    tiny = False
    for m in range(low, high):
        weight, dweight = arcs[0, m, k], arcs[-1, m, k]
        column[-1, 0, m] = dweight
        column[0, 0, m] = weight
        # The token's own share is left out for a moment: no token becomes its own head.
        share, dshare = shares[0, 0, m], shares[-1, 0, m]
        shares[-1, 0, m] = 0.0
        shares[0, 0, m] = zero
        tiny |= accumulate(arcs, m, shares, 0, low, high, weight, dweight, logarithmic)
        shares[-1, 0, m] = dshare
        shares[0, 0, m] = share
    tiny |= accumulate(root, 0, column, 0, low, high, of_root, dof_root, logarithmic)
    return (TINY if tiny else OK), (by if logarithmic else np.log(by)), of_root, dof_root, rooted
