"""log Z, marginals, entropy and their derivatives over the derivations of a packed forest (a directed hypergraph).

Node v is derived by one of its edges, and an edge by the derivations of its two children and the choice of a part:

    inside[v] = log Σ_e exp(inside[left e] + inside[right e] - inside[under e] + score[part e])

Children come before their parents, and the last node is the root. Scores add up in limbs, so that the share of an edge
in its node is right for scores of any size. Where no edge is divided by a node (`under`), the way back adds and
multiplies positive numbers only.

The entropy of a node is H[v] = Σ_e share (H[left] + H[right] - log share): nothing is subtracted that could be large.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from ..numerics.drawing import draw_in_proportion
from ..numerics.limbs import gap, set_limbs
from ..numerics.splitmix import uniform
from ..runtime.status import INFEASIBLE, OK

LOG_Z, MARGINALS, SAMPLE, SLOPES, ENTROPY = range(5)
"""What `sum_forest` computes beside log Z: nothing; marginals; a sample; slopes of marginals; those of the entropy."""


class Forest(NamedTuple):
    """Node v has the edges first[v] .. first[v + 1] - 1; -1 stands for no child and for no part."""

    first: np.ndarray
    left: np.ndarray
    right: np.ndarray
    under: np.ndarray
    part: np.ndarray


@njit(nogil=True, cache=True, error_model="numpy")
def _add(term, sign, node, inside):  # type: ignore[no-untyped-def]
    if node >= 0:
        for limb in range(3):
            term[limb] += sign * inside[node, limb]


@njit(nogil=True, cache=True, error_model="numpy")
def _set_terms(v, first, left, right, under, part, limbs, inside, terms):  # type: ignore[no-untyped-def]
    """Set terms[e] to the weights of the edges of v, and return which is the largest, -1 if all are none."""
    best = -1
    for e in range(first[v], first[v + 1]):
        term = terms[e - first[v]]
        term[:] = 0.0
        _add(term, 1.0, left[e], inside)
        _add(term, 1.0, right[e], inside)
        _add(term, -1.0, under[e], inside)
        _add(term, 1.0, part[e], limbs)
        if term[0] > -np.inf and (best < 0 or gap(term, terms[best]) > 0.0):
            best = e - first[v]
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _set_shares(count, best, terms, shares):  # type: ignore[no-untyped-def]
    """Set shares[e] to those of the terms, which sum to 1, and return log Σ exp(term - largest term)."""
    total = 0.0
    for e in range(count):
        shares[e] = np.exp(min(gap(terms[e], terms[best]), 0.0)) if terms[e, 0] > -np.inf else 0.0
        total += shares[e]
    for e in range(count):
        shares[e] /= total
    return np.log(total)


@njit(nogil=True, cache=True, error_model="numpy")
def _slope(e, left, right, under, part, slopes, towards):  # type: ignore[no-untyped-def]
    slope = 0.0
    if left[e] >= 0:
        slope += slopes[left[e]]
    if right[e] >= 0:
        slope += slopes[right[e]]
    if under[e] >= 0:
        slope -= slopes[under[e]]
    if part[e] >= 0 and towards.size > 0:
        slope += towards[part[e]]
    return slope


@njit(nogil=True, cache=True, error_model="numpy")
def sum_forest(first, left, right, under, part, scores, towards, seed, wanted, log_z, out):  # type: ignore[no-untyped-def]
    """Sum over the derivations of the last node.

    Args:
        first: as in `Forest`.
        left: likewise.
        right: likewise.
        under: likewise.
        part: likewise.
        scores: of the parts, -inf where there is no candidate.
        towards: the direction of `SLOPES`, read at candidates only; else empty.
        seed: of `SAMPLE`.
        wanted: see `LOG_Z`.
        log_z: set to the limbs of log Z.
        out: shaped like `scores`, zeros; set to what is wanted.

    Returns:
        A status of `checks.py`, and the entropy, 0 unless it is wanted.
    """
    nodes = first.size - 1
    limbs = np.empty((scores.size, 3))
    for p in range(scores.size):
        set_limbs(limbs[p], scores[p])
    widest = 0
    for v in range(nodes):
        widest = max(widest, first[v + 1] - first[v])
    inside, slopes = np.empty((nodes, 3)), np.zeros(nodes)
    terms, shares = np.empty((widest, 3)), np.empty(widest)
    for v in range(nodes):
        count = first[v + 1] - first[v]
        best = _set_terms(v, first, left, right, under, part, limbs, inside, terms)
        if best < 0:
            inside[v, 0], inside[v, 1], inside[v, 2] = -np.inf, 0.0, 0.0
            continue
        more = _set_shares(count, best, terms, shares)
        inside[v] = terms[best]
        inside[v, 2] += more
        for e in range(count if wanted >= SLOPES else 0):
            if shares[e] > 0.0:
                slope = _slope(first[v] + e, left, right, under, part, slopes, towards)
                slopes[v] += shares[e] * (slope - np.log(shares[e]) if wanted == ENTROPY else slope)
    log_z[:] = inside[nodes - 1]
    if log_z[0] == -np.inf:
        return INFEASIBLE, 0.0
    if wanted == LOG_Z:
        return OK, 0.0
    mass, d_mass = np.zeros(nodes), np.zeros(nodes)
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed)
    mass[nodes - 1] = 1.0
    for v in range(nodes - 1, -1, -1):
        if mass[v] == 0.0 and d_mass[v] == 0.0:
            continue
        best = _set_terms(v, first, left, right, under, part, limbs, inside, terms)
        count = first[v + 1] - first[v]
        _set_shares(count, best, terms, shares)
        if wanted == SAMPLE:
            drawn = draw_in_proportion(shares[:count], uniform(state))
            shares[:count] = 0.0
            shares[drawn] = 1.0
        for k in range(count):
            e, share = first[v] + k, shares[k]
            if share == 0.0:
                continue
            flow, d_flow = mass[v] * share, d_mass[v] * share
            if wanted >= SLOPES:
                slope = _slope(e, left, right, under, part, slopes, towards)
                d_flow += flow * ((slope - np.log(share) if wanted == ENTROPY else slope) - slopes[v])
            for child in (left[e], right[e]):
                if child >= 0:
                    mass[child] += flow
                    d_mass[child] += d_flow
            if under[e] >= 0:
                mass[under[e]] -= flow
                d_mass[under[e]] -= d_flow
            if part[e] >= 0:
                out[part[e]] += flow if wanted < SLOPES else d_flow
    # Marginals are sums of many numbers, and rounding may bring them out of [0, 1].
    if wanted == MARGINALS:
        for p in range(out.size):
            out[p] = min(max(out[p], 0.0), 1.0)
    return OK, slopes[nodes - 1]
