"""The derivative of the projection of one predicate, its arcs and their labels onto their convex hull."""

from __future__ import annotations

import numpy as np
from numba import njit

from .predicate_dual import RIDGE, curvature, solve


@njit(nogil=True, cache=True)
def differentiate_predicate(p, arcs, labels, prices, of_predicate, of_arcs, of_labels):  # type: ignore[no-untyped-def]
    """Multiply a vector with the (symmetric) Jacobian of `project_predicate`; return its first number.

    The projection is linear as long as the same labels and prices are positive and the same arcs equal the predicate.

    Args:
        p: the predicate that it returned.
        arcs: those that it returned, `[arc]`.
        labels: likewise, `[arc, label]`.
        prices: likewise, `[label]`.
        of_predicate: the vector.
        of_arcs: its other numbers, `[arc]`; overwritten with the result.
        of_labels: likewise, `[arc, label]`.
    """
    count = prices.size
    support = labels > 0.0
    sizes = np.zeros(arcs.size, np.int64)
    totals = np.zeros(arcs.size)
    for j in range(arcs.size):
        for k in range(count):
            if support[j, k]:
                sizes[j] += 1
                totals[j] += of_labels[j, k]
    places = np.full(count, -1)
    free = 0
    for k in range(count):
        if prices[k] > 0.0:
            places[k] = free
            free += 1
    matrix, slopes = np.empty((free, free)), np.empty(free)
    c, _ = curvature(p, arcs, sizes, support, places, matrix, slopes)

    # First as if the prices stood still,
    moved = of_predicate
    for j in range(arcs.size):
        if sizes[j] > 0 and arcs[j] >= p:
            moved += of_arcs[j] + totals[j] / sizes[j]
    moved = moved / c if 0.0 < p < 1.0 else 0.0
    change = np.full(free, -moved)
    for j in range(arcs.size):
        tight = arcs[j] >= p
        tau = (totals[j] - moved) / max(sizes[j], 1) if tight else (totals[j] - of_arcs[j]) / (sizes[j] + 1)
        for k in range(count):
            if support[j, k] and places[k] >= 0:
                change[places[k]] += of_labels[j, k] - tau
    # then with the change of the prices that keeps the demand for their labels as it is.
    solve(matrix, free, change, RIDGE)
    for row in range(free):
        moved += slopes[row] * change[row] / c
    for j in range(arcs.size):
        total = totals[j]
        for k in range(count):
            if support[j, k] and places[k] >= 0:
                total -= change[places[k]]
        tight = arcs[j] >= p
        tau = (total - moved) / max(sizes[j], 1) if tight else (total - of_arcs[j]) / (sizes[j] + 1)
        for k in range(count):
            price = change[places[k]] if places[k] >= 0 else 0.0
            of_labels[j, k] = of_labels[j, k] - price - tau if support[j, k] else 0.0
        of_arcs[j] = 0.0 if sizes[j] == 0 else moved if tight else of_arcs[j] + tau
    return moved
