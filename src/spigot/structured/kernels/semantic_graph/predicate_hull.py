"""Projection of one predicate, its arcs and their labels onto their convex hull, exactly.

The dual function (see `predicate_dual.py`) is maximised by Newton's method on its pieces (Sun 1997), projected onto
λ >= 0 (Bertsekas 1982). If it zigzags, the damping of its steps grows, which turns them towards the gradient (Li,
Fukushima, Qi and Yamashita 2004).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .predicate_dual import RIDGE, STEPS, curvature, demand, settle, solve

PATIENCE = 12
NEAR = 8.0
"""A point with no number above this is near."""
GROWTH = 4.0
ROUGHLY = 1e-2
LIGHT_DAMPING = 1e-3
FULL_DAMPING = 1.0


@njit(nogil=True, cache=True)
def _direction(  # type: ignore[no-untyped-def]
    p, labels, prices, ceilings, taus, projected, sizes, places, excess, ridge, matrix, direction
):
    """Fill `direction` with a step of the prices that leads upwards and keeps them from becoming negative."""
    slopes = np.empty(prices.size)
    support = np.empty(labels.shape, np.bool_)
    for j in range(taus.size):
        for k in range(prices.size):
            support[j, k] = labels[j, k] - prices[k] - taus[j] > 0.0
    _, count = curvature(p, projected, sizes, support, places, matrix, slopes)
    step, diagonal = np.empty(count), np.empty(count)
    top, longest = 0.0, 0.0
    for k in range(prices.size):
        if places[k] >= 0:
            step[places[k]] = excess[k]
            diagonal[places[k]] = matrix[places[k], places[k]] + ridge
            top = max(top, ceilings[k])
    solve(matrix, count, step, ridge)
    for row in range(count):
        longest = max(longest, abs(step[row]))
    # Where the dual is flat, Newton's step is far too long. Shortened it still leads along the flat; with each price
    # held at its ceiling apart, it would not.
    shorter = min(1.0, top / longest) if longest > 0.0 else 1.0
    ascent, extent = 0.0, 0.0
    for k in range(prices.size):
        direction[k] = 0.0
        if places[k] >= 0:
            direction[k] = max(prices[k] + shorter * step[places[k]], 0.0) - prices[k]
        ascent += direction[k] * excess[k]
        extent += abs(direction[k] * excess[k])
    if ascent <= 1e-6 * extent:
        # Newton's step may cease to lead upwards when it is cut; one for each price apart does not.
        for k in range(prices.size):
            if places[k] >= 0:
                step_alone = prices[k] + excess[k] / diagonal[places[k]]
                direction[k] = min(max(step_alone, 0.0), ceilings[k]) - prices[k]


@njit(nogil=True, cache=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    # numba's own needs scipy.
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(nogil=True, cache=True)
def _raise(predicate, arcs, labels, deterministic, ceilings, tolerance, prices, projected, taus):  # type: ignore[no-untyped-def]
    """Maximise the dual from `prices` on until its gradient is below `tolerance`; return the predicate."""
    count = prices.size
    sizes, loose = np.empty(arcs.size, np.int64), np.empty((3, arcs.size))
    values, excess, direction, trial = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    places, matrix = np.empty(count, np.int64), np.empty((count, count))
    p = settle(predicate, arcs, labels, prices, taus, projected, sizes, loose, values)
    demand(p, labels, prices, taus, deterministic, excess)
    ridge = RIDGE
    for step in range(STEPS):
        free, error = 0, 0.0
        for k in range(count):
            places[k] = -1
            if excess[k] < 0.0 and prices[k] <= 1e-12 * ceilings[k]:
                prices[k] = 0.0  # on its way there: else it would cut every step short
            if deterministic[k] and (prices[k] > 0.0 or excess[k] > 0.0):
                places[k] = free
                free += 1
                error = max(error, abs(excess[k]))
        # Where pieces meet, rounding may send the prices to and fro across the edge.
        if error <= (tolerance if step < 3 * PATIENCE else 1e4 * tolerance):
            break
        _direction(p, labels, prices, ceilings, taus, projected, sizes, places, excess, ridge, matrix, direction)
        # The slope along the direction only falls: go where it is about 0, if the whole step leads beyond.
        first = _dot(excess, direction)
        low, high, slope_low, slope_high = 0.0, 1.0, first, 0.0
        length = 1.0
        for _ in range(60):
            for k in range(count):
                trial[k] = max(prices[k] + length * direction[k], 0.0)
            p = settle(predicate, arcs, labels, trial, taus, projected, sizes, loose, values)
            demand(p, labels, trial, taus, deterministic, excess)
            slope = _dot(excess, direction)
            if slope >= -0.1 * first and (slope <= 0.1 * first or length == 1.0):
                break
            if slope > 0.0:
                low, slope_low = length, slope
            else:
                high, slope_high = length, slope
            length = low + (high - low) * min(max(slope_low / (slope_low - slope_high), 0.1), 0.9)
        prices[:] = trial
        if step >= PATIENCE:
            ridge = min(max(10.0 * ridge, LIGHT_DAMPING), FULL_DAMPING) if length < 1.0 else max(0.1 * ridge, RIDGE)
    return p


@njit(nogil=True, cache=True)
def project_predicate(predicate, arcs, labels, deterministic, prices, projected, taus):  # type: ignore[no-untyped-def]
    """Project one predicate with its arcs and their labels; return the predicate.

    Where the point is far away, the dual is flat but for narrow ridges. So it is solved first for a point that is
    nearer in the same direction; the prices for that, grown by as much, are a start for the next.

    Args:
        predicate: a number.
        arcs: float64, `[arc]`, all finite.
        labels: float64, `[arc, label]`, finite or -inf, each arc having a finite one.
        deterministic: bool, `[label]`.
        prices: output, `[label]`.
        projected: output, the arcs.
        taus: output; the labels are max(labels - prices - taus, 0).
    """
    scale = abs(predicate)
    # An arc with label k has b_jk < q_jk - λ_k + a⁰_j: at these prices nobody wants it.
    ceilings = np.zeros(prices.size)
    for j in range(arcs.size):
        scale = max(scale, abs(arcs[j]))
        for k in range(prices.size):
            if labels[j, k] > -np.inf:
                scale = max(scale, abs(labels[j, k]))
                ceilings[k] = max(ceilings[k], arcs[j] + labels[j, k])
    tolerance = 1e-14 * max(scale, 1.0) * (arcs.size + 1)
    # Powers of two: nothing is rounded.
    far = 1.0
    while scale > NEAR * far:
        far *= GROWTH
    prices[:] = 0.0
    while far > 1.0:
        _raise(
            predicate / far, arcs / far, labels / far, deterministic, ceilings / far, ROUGHLY, prices, projected, taus
        )
        far /= GROWTH
        prices *= GROWTH
    return _raise(predicate, arcs, labels, deterministic, ceilings, tolerance, prices, projected, taus)
