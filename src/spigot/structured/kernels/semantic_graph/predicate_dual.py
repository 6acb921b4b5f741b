"""The dual of the projection of one predicate, its arcs and their labels onto their convex hull.

With a price λ_k >= 0 for each use of a deterministic label k, the program decomposes into the predicate and single
arcs: labels b_jk = max(q_jk - λ_k - τ_j, 0), an arc a_j = a⁰_j + τ_j if that is below the predicate p, else a_j = p and
a multiplier μ_j = a⁰_j + τ_j - p >= 0. The predicate is where

    h(p) = p - p⁰ - Σ_k λ_k - Σ_j μ_j(p)

is 0, or at a bound. h rises and is concave and piecewise linear, so Newton's method finds its root in a few steps,
from the left and exactly. What is left is the dual function of the prices: concave, piecewise quadratic, with
the gradient Σ_j b_jk - p.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..numerics.threshold import arc_threshold

STEPS = 200
"""Far more than are needed."""
RIDGE = 1e-11
"""Added to the curvature, so that flat directions have some."""


@njit(nogil=True, cache=True)
def _arc(arc, labels, prices, cap, values):  # type: ignore[no-untyped-def]
    """Return τ, the arc and the number of its labels, given prices and a cap; `values` is scratch."""
    peak = -np.inf
    for k in range(labels.size):
        values[k] = labels[k] - prices[k]
        peak = max(peak, values[k])
    for k in range(labels.size):
        values[k] -= peak
    tau, projected, size = arc_threshold(values, labels.size, arc + peak, cap)
    return tau + peak, projected, size


@njit(nogil=True, cache=True)
def settle(predicate, arcs, labels, prices, taus, projected, sizes, loose, values):  # type: ignore[no-untyped-def]
    """Fill τ, the arcs and their numbers of labels, given prices, and return the predicate.

    `loose[:, j]` is scratch for the same three of arc j under a predicate of 1.
    """
    base = predicate
    for k in range(prices.size):
        base += prices[k]
    p = 1.0
    for step in range(STEPS):
        rest, slope = p - base, 1.0
        for j in range(arcs.size):
            if step > 0 and loose[1, j] <= p:
                taus[j], projected[j], sizes[j] = loose[0, j], loose[1, j], int(loose[2, j])
            else:
                taus[j], projected[j], sizes[j] = _arc(arcs[j], labels[j], prices, p, values)
                if step == 0:
                    loose[0, j], loose[1, j], loose[2, j] = taus[j], projected[j], sizes[j]
            if sizes[j] > 0 and projected[j] >= p:
                rest -= arcs[j] + taus[j] - p
                slope += 1.0 + 1.0 / sizes[j]
        following = max(p - rest / slope, 0.0)
        # The first step goes down from 1, to the left of the root; all others go up.
        if (following >= p) if step == 0 else (following <= p + 1e-16):
            break
        p = following
    return p


@njit(nogil=True, cache=True)
def demand(p, labels, prices, taus, deterministic, excess):  # type: ignore[no-untyped-def]
    """Fill excess[k] = Σ_j b_jk - p, the gradient of the dual, for each deterministic label."""
    for k in range(prices.size):
        excess[k] = -p if deterministic[k] else 0.0
    for j in range(taus.size):
        for k in range(prices.size):
            if deterministic[k]:
                excess[k] += max(labels[j, k] - prices[k] - taus[j], 0.0)


@njit(nogil=True, cache=True)
def curvature(p, projected, sizes, support, places, matrix, slopes):  # type: ignore[no-untyped-def]
    """Fill the top left of `matrix` with the negated second derivatives of the dual for the prices that are free.

    Args:
        p: the predicate.
        projected: the arcs, `[arc]`; those that equal p move with it.
        sizes: how many labels of each arc are positive.
        support: which ones, `[arc, label]`.
        places: the row of each label's price in `matrix`, -1 if it is not free, `[label]`.
        matrix: output; symmetric.
        slopes: output; `slopes[row] / c` is how p moves with a price. All 0 if p is at a bound.

    Returns:
        c, and how many prices are free.
    """
    count = 0
    for k in range(places.size):
        count = max(count, places[k] + 1)
    matrix[:count, :count] = 0.0
    slopes[:count] = 1.0
    c = 1.0
    members = np.empty(places.size, np.int64)
    for j in range(projected.size):
        if sizes[j] == 0:
            continue
        tight = projected[j] >= p
        weight = 1.0 / sizes[j] if tight else 1.0 / (sizes[j] + 1.0)
        c += 1.0 + weight if tight else 0.0
        found = 0
        for k in range(places.size):
            if support[j, k] and places[k] >= 0:
                members[found] = places[k]
                found += 1
        for x in range(found):
            row = members[x]
            matrix[row, row] += 1.0
            slopes[row] -= weight if tight else 0.0
            for y in range(found):
                matrix[row, members[y]] -= weight
    if not 0.0 < p < 1.0:
        slopes[:count] = 0.0
    for row in range(count):
        for column in range(count):
            matrix[row, column] += slopes[row] * slopes[column] / c
    return c, count


@njit(nogil=True, cache=True)
def solve(matrix, count, x, ridge):  # type: ignore[no-untyped-def]
    """Replace x by the solution of matrix · y = x, by Cholesky's method; the matrix is overwritten.

    It is positive semidefinite. `ridge`, added to its diagonal, curves directions in which it is flat.
    """
    for row in range(count):
        matrix[row, row] += ridge
    for row in range(count):
        for column in range(row + 1):
            total = matrix[row, column]
            for k in range(column):
                total -= matrix[row, k] * matrix[column, k]
            if row == column:
                matrix[row, row] = np.sqrt(max(total, 1e-12))
            else:
                matrix[row, column] = total / matrix[column, column]
    for row in range(count):
        for k in range(row):
            x[row] -= matrix[row, k] * x[k]
        x[row] /= matrix[row, row]
    for row in range(count - 1, -1, -1):
        for k in range(row + 1, count):
            x[row] -= matrix[k, row] * x[k]
        x[row] /= matrix[row, row]
