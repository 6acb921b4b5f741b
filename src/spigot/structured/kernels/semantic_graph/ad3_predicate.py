"""AD³ (Martins et al. 2011, 2015) on the factor graph of one predicate: alternating directions for the dual of an LP.

Three kinds of factors have copies of the variables that they share, each variable's score being divided equally among
its factors:

    predicate         p and all arcs a_j: an arc needs its predicate
    arc               a_j and its labels b_jk: exactly as many labels as arcs (XOR with output)
    deterministic k   the labels b_jk: at most one

In each iteration a factor finds max <s/degree + λ, x> - η ‖x - u‖² over the convex hull of its allowed values; u
becomes the mean of the copies, and λ moves against the disagreement, by 2η (x - u). The limit is the solution of the
linear program: a graph or, if factors keep disagreeing, a fractional point.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..numerics.threshold import arc_threshold, threshold

ADAPT_EVERY = 10
LARGEST_STEP, SMALLEST_STEP = 100.0, 1e-3
PRIMAL_AHEAD, DUAL_AHEAD = 100.0, 10.0
"""The published solver's schedule: every ten iterations η is doubled, or halved, if one residual is so much larger."""


@njit(nogil=True, cache=True)
def project_predicate_factor(predicate, arcs, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the arcs of the nearest point of {0 <= a_j <= p <= 1}, and return p.

    Arcs above p share it: p is the mean of the predicate and of these. The mean over any set of arcs is at most that,
    so what lies below it is dropped until nothing does.
    """
    count = arcs.size
    out[:] = arcs
    while True:
        total = predicate
        for x in range(count):
            total += out[x]
        p = total / (count + 1)
        left = 0
        for x in range(count):
            if out[x] > p:
                out[left] = out[x]
                left += 1
        if left == count:
            break
        count = left
    p = min(max(p, 0.0), 1.0)
    for j in range(arcs.size):
        out[j] = min(max(arcs[j], 0.0), p)
    return p


@njit(nogil=True, cache=True)
def project_arc_factor(arc, labels, values, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the labels of the nearest point of {Σ b = a, b >= 0, a <= 1}, and return a.

    Labels may be -inf.
    """
    peak = labels.max()
    for k in range(labels.size):
        values[k] = labels[k] - peak
    tau, projected, _ = arc_threshold(values, labels.size, arc + peak, 1.0)
    for k in range(labels.size):
        out[k] = max((labels[k] - peak) - tau, 0.0)
    return projected


@njit(nogil=True, cache=True)
def project_at_most_one(point, values, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the nearest point of {Σ b <= 1, b >= 0}; numbers may be -inf."""
    total, count = 0.0, 0
    for x in range(point.size):
        out[x] = max(point[x], 0.0)
        total += out[x]
        values[count] = point[x]
        count += point[x] > 0.0
    if total > 1.0:
        tau = threshold(values, count, 1.0, 0)[0]
        for x in range(point.size):
            out[x] = max(point[x] - tau, 0.0)


@njit(nogil=True, cache=True)
def solve_predicate(  # type: ignore[no-untyped-def]
    predicate, arcs, labels, deterministic, iterations, step_size, tolerance, out_arcs, out_labels
):
    """Fill the arcs and labels, and return the predicate and the number of iterations.

    Args:
        predicate: score.
        arcs: scores, `[arc]`; like all float64.
        labels: scores, `[arc, label]`, -inf where there is no candidate; each arc has one.
        deterministic: bool, `[label]`.
        iterations: at most so many.
        step_size: η to begin with.
        tolerance: on the primal and the dual residual, root mean squares over all copies.
        out_arcs: output, the means of their copies.
        out_labels: output, likewise.
    """
    size, count = labels.shape
    if size == 0:
        return (1.0 if predicate > 0.0 else 0.0), 0
    links = 1 + 2 * size
    for j in range(size):
        for k in range(count):
            if labels[j, k] > -np.inf:
                links += 2 if deterministic[k] else 1
    arc_copies, arc_points = np.empty((2, size)), np.empty(size)
    label_copies = np.empty((2, size, count))
    column, column_out = np.empty(size), np.empty(size)
    row, values = np.empty(count), np.empty(max(size, count))
    # The multipliers of the first copy of each; those of the second, if there is one, are their negatives.
    of_arcs, of_labels = np.zeros(size), np.zeros((size, count))
    p, eta = 0.5, step_size
    out_arcs[:] = 0.5
    out_labels[:] = 0.5
    for iteration in range(iterations):
        weight = 0.5 / eta
        for j in range(size):
            arc_points[j] = out_arcs[j] + (0.5 * arcs[j] + of_arcs[j]) * weight
        before = p
        p = project_predicate_factor(p + predicate * weight, arc_points, arc_copies[0])
        primal, dual = 0.0, (p - before) ** 2
        for j in range(size):
            for k in range(count):
                share = 0.5 * labels[j, k] if deterministic[k] else labels[j, k]
                row[k] = out_labels[j, k] + (share + of_labels[j, k]) * weight
            point = out_arcs[j] + (0.5 * arcs[j] - of_arcs[j]) * weight
            arc_copies[1, j] = project_arc_factor(point, row, values, label_copies[0, j])
            mean = 0.5 * (arc_copies[0, j] + arc_copies[1, j])
            gap = arc_copies[0, j] - arc_copies[1, j]
            primal += 0.5 * gap * gap
            dual += 2.0 * (mean - out_arcs[j]) ** 2
            of_arcs[j] -= eta * gap
            out_arcs[j] = mean
        for k in range(count):
            if deterministic[k]:
                for j in range(size):
                    column[j] = out_labels[j, k] + (0.5 * labels[j, k] - of_labels[j, k]) * weight
                project_at_most_one(column, values, column_out)
                label_copies[1, :, k] = column_out
        for j in range(size):
            for k in range(count):
                if labels[j, k] == -np.inf:
                    out_labels[j, k] = 0.0
                    continue
                first = label_copies[0, j, k]
                second = label_copies[1, j, k] if deterministic[k] else first
                mean, gap = 0.5 * (first + second), first - second
                primal += 0.5 * gap * gap
                dual += (2.0 if deterministic[k] else 1.0) * (mean - out_labels[j, k]) ** 2
                of_labels[j, k] -= eta * gap
                out_labels[j, k] = mean
        primal, dual = np.sqrt(primal / links), np.sqrt(dual / links)
        if primal < tolerance and dual < tolerance:
            return p, iteration + 1
        if iteration % ADAPT_EVERY == 0:
            if primal > PRIMAL_AHEAD * dual and eta < LARGEST_STEP:
                eta *= 2.0
            elif dual > DUAL_AHEAD * primal and eta > SMALLEST_STEP:
                eta *= 0.5
    return p, iterations
