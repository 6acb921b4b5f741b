"""Inside-outside for projective trees in log space, with derivatives along one direction.

Slow, but correct for scores of any size. `scaled.py` does the same many times faster where its
numbers fit.

Every quantity is a pair [value, slope]: the slope is the derivative of the value when the scores move in a given
direction (forward-mode differentiation). The slope of a log-sum-exp is a mean of slopes, so it stays in range too.
The charts are those of `argmax.py`, with `right` kept as a whole, and ⊕ = log-sum-exp for max:

    gap[i, j]  = ⊕_k to_i[i, k] + to_j[k + 1, j]       left[i, j]  = gap[i, j] + score(j -> i)
    to_j[i, j] = ⊕_k to_j[i, k] + left[k, j]           right[i, j] = gap[i, j] + score(i -> j)
    to_i[i, j] = ⊕_k right[i, k] + to_i[k, j]
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...checks import INFEASIBLE
from ..arcs.read import read_arc_scores
from .scaled import OUT_OF_RANGE


@njit(nogil=True, cache=True, inline="always")
def _term(terms, k, a, b):  # type: ignore[no-untyped-def]
    """Make the product of the pairs `a` and `b` term k of a sum."""
    terms[k, 0] = a[0] + b[0]
    terms[k, 1] = a[1] + b[1]


@njit(nogil=True, cache=True)
def _sum(terms, count, total):  # type: ignore[no-untyped-def]
    """Set the pair `total` to log Σ exp over the first `count` terms."""
    peak = -np.inf
    for k in range(count):
        peak = max(peak, terms[k, 0])
    total[0], total[1] = peak, 0.0
    if peak == -np.inf:
        return
    mass = 0.0
    for k in range(count):
        weight = np.exp(terms[k, 0] - peak)
        mass += weight
        total[1] += weight * terms[k, 1]
    total[0] += np.log(mass)
    total[1] /= mass


@njit(nogil=True, cache=True)
def _share(terms, count, total, whole):  # type: ignore[no-untyped-def]
    """Turn the terms of the sum `total` into their shares of `whole`, a probability."""
    for k in range(count):
        weight = np.exp(terms[k, 0] - total[0]) if total[0] > -np.inf else 0.0
        terms[k, 1] = weight * (whole[1] + whole[0] * (terms[k, 1] - total[1]))
        terms[k, 0] = weight * whole[0]


@njit(nogil=True, cache=True, inline="always")
def _give(terms, k, a, b):  # type: ignore[no-untyped-def]
    """Add share k to the probabilities `a` and `b` of the two factors of term k."""
    for part in range(2):
        a[part] += terms[k, part]
        b[part] += terms[k, part]


@njit(nogil=True, cache=True)
def _gap_terms(i, count, j, to_j, to_i, terms):  # type: ignore[no-untyped-def]
    for k in range(i, i + count):
        _term(terms, k - i, to_i[i, k], to_j[k + 1, j])


@njit(nogil=True, cache=True)
def _to_j_terms(i, j, left, to_j, terms):  # type: ignore[no-untyped-def]
    for k in range(i, j):
        _term(terms, k - i, to_j[i, k], left[k, j])


@njit(nogil=True, cache=True)
def _to_i_terms(i, j, right, to_i, terms):  # type: ignore[no-untyped-def]
    for k in range(i + 1, j + 1):
        _term(terms, k - i - 1, right[i, k], to_i[k, j])


@njit(nogil=True, cache=True)
def inside(nodes, single_root, arcs, charts, terms):  # type: ignore[no-untyped-def]
    """Fill the charts; to_i[0, nodes - 1] is log Z.

    Args:
        nodes: tokens and ROOT.
        single_root: ROOT has one child.
        arcs: scores and their slopes, `[head, modifier, 2]`.
        charts: gap, left, right, to_j and to_i, each `[i, j, 2]`.
        terms: scratch, `[nodes, 2]`.
    """
    gap, left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3], charts[4]
    for i in range(nodes - 1, -1, -1):
        to_j[i, i] = 0.0
        to_i[i, i] = 0.0
        for j in range(i + 1, nodes):
            count = 1 if single_root and i == 0 else j - i
            _gap_terms(i, count, j, to_j, to_i, terms)
            _sum(terms, count, gap[i, j])
            for part in range(2):
                left[i, j, part] = gap[i, j, part] + arcs[j, i, part]
                right[i, j, part] = gap[i, j, part] + arcs[i, j, part]
            _to_j_terms(i, j, left, to_j, terms)
            _sum(terms, j - i, to_j[i, j])
            _to_i_terms(i, j, right, to_i, terms)
            _sum(terms, j - i, to_i[i, j])


@njit(nogil=True, cache=True)
def outside(nodes, single_root, charts, p_charts, p_arcs, terms):  # type: ignore[no-untyped-def]
    """Set `p_arcs[head, modifier, 2]` to the marginals, given the results of `inside`.

    `p_charts` is scratch like `charts`: the probability that the cell is part of the tree, shared out to the parts
    of the cell from the widest spans down.
    """
    gap, left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3], charts[4]
    p_gap, p_left, p_right, p_to_j, p_to_i = p_charts[0], p_charts[1], p_charts[2], p_charts[3], p_charts[4]
    p_charts[:, :nodes, :nodes] = 0.0
    p_arcs[:nodes, :nodes] = 0.0
    p_to_i[0, nodes - 1, 0] = 1.0
    for width in range(nodes - 1, 0, -1):
        for i in range(nodes - width):
            j = i + width
            _to_i_terms(i, j, right, to_i, terms)
            _share(terms, width, to_i[i, j], p_to_i[i, j])
            for k in range(i + 1, j + 1):
                _give(terms, k - i - 1, p_right[i, k], p_to_i[k, j])
            _to_j_terms(i, j, left, to_j, terms)
            _share(terms, width, to_j[i, j], p_to_j[i, j])
            for k in range(i, j):
                _give(terms, k - i, p_to_j[i, k], p_left[k, j])
            for part in range(2):
                p_arcs[i, j, part] = p_right[i, j, part]
                p_arcs[j, i, part] = p_left[i, j, part]
                p_gap[i, j, part] = p_left[i, j, part] + p_right[i, j, part]
            count = 1 if single_root and i == 0 else width
            _gap_terms(i, count, j, to_j, to_i, terms)
            _share(terms, count, gap[i, j], p_gap[i, j])
            for k in range(i, i + count):
                _give(terms, k - i, p_to_i[i, k], p_to_j[k + 1, j])


@njit(nogil=True, cache=True)
def sum_trees_in_log_space(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, direction, log_z, expected, log_charts, status
):
    """Compute the rows that `sum_trees` and, given a direction, `slopes_of_marginals` marked as `OUT_OF_RANGE`."""
    dual = int(direction.size > 0)
    for b in range(start, stop):
        if status[b] != OUT_OF_RANGE:
            continue
        nodes = lengths[b] + 1
        arcs, best = np.empty((nodes, nodes)), np.empty(nodes)
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], arcs, best)
        pairs = np.zeros((nodes, nodes, 2))
        for head in range(nodes):
            for modifier in range(nodes):
                pairs[head, modifier, 0] = arcs[head, modifier]
                if dual and arcs[head, modifier] > -np.inf:
                    pairs[head, modifier, 1] = direction[b, head, modifier]
        charts, terms = np.empty((5, nodes, nodes, 2)), np.empty((nodes, 2))
        inside(nodes, single_root, pairs, charts, terms)
        if charts[4, 0, nodes - 1, 0] == -np.inf:
            status[b] = INFEASIBLE
            continue
        log_z[b] = charts[4, 0, nodes - 1, 0] + best.sum()
        if expected.size > 0:
            outside(nodes, single_root, charts, np.empty_like(charts), pairs, terms)
            for head in range(nodes):
                for modifier in range(1, nodes):
                    expected[b, head, modifier] = pairs[head, modifier, dual]
        for chart in range(4 if log_charts.size > 0 else 0):
            for i in range(nodes):
                for j in range(i, nodes):
                    log_charts[b, chart, i, j] = charts[chart + 1, i, j, 0]
