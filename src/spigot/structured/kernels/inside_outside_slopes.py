"""The derivative of the marginals along one direction of the scores.

Forward-mode differentiation of `inside` and `outside` in `inside_outside_scaled.py`: an array called `d_left` holds
the slopes of `left`, and so on. Since the Jacobian of the marginals is symmetric, this is also the gradient of
<direction, marginals>.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..checks import OK
from .inside_outside_scaled import LARGEST, OUT_OF_RANGE, SMALLEST, clear, collect, inside, outside, scale
from .reading import read_arc_scores
from .vector import LANES, dot, padded, push_sum


@njit(nogil=True, cache=True)
def inside_slopes(nodes, single_root, arcs, direction, charts, d_charts, rows):  # type: ignore[no-untyped-def]
    """Fill the slopes of the charts, as the scores, the logarithms of `arcs`, move in `direction`."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    d_left, d_right, d_to_j, d_to_i = d_charts[0], d_charts[1], d_charts[2], d_charts[3]
    clear(nodes, d_left)
    clear(nodes, d_to_j)
    clear(nodes, d_to_i)
    d_gaps, d_ends, d_starts = rows[0], rows[1], rows[2]
    for i in range(nodes - 1, -1, -1):
        below = d_to_j[min(i + 1, nodes - 1)]
        for j in range(i, nodes):
            d_gaps[j] = below[j]
            d_ends[j] = 0.0
            d_starts[j] = 0.0
        for k in range(i + 1, nodes):
            d_left[i, k] = d_gaps[k] * arcs[k, i] + left[i, k] * direction[k, i]
            d_right[i, k] = d_gaps[k] * arcs[i, k] + right[i, k] * direction[i, k]
            d_to_j[i, k] = d_ends[k] + d_left[i, k]
            d_to_i[i, k] = d_starts[k] + d_right[i, k]
            if k + 1 == nodes:
                break
            begin = (k + 1) // LANES * LANES
            push_sum(d_starts, (right[i, k], d_right[i, k]), (d_to_i[k], to_i[k]), begin, nodes)
            push_sum(d_ends, (to_j[i, k], d_to_j[i, k]), (d_left[k], left[k]), begin, nodes)
            if i > 0 or not single_root:
                push_sum(d_gaps, (to_i[i, k], d_to_i[i, k]), (d_to_j[k + 1], to_j[k + 1]), begin, nodes)


@njit(nogil=True, cache=True)
def outside_slopes(  # type: ignore[no-untyped-def]
    nodes, single_root, arcs, direction, charts, d_charts, o_charts, do_charts
):
    """Fill the slopes of the outside charts."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    d_left, d_right, d_to_j, d_to_i = d_charts[0], d_charts[1], d_charts[2], d_charts[3]
    o_left, o_right, o_to_j, o_to_i, o_gap = o_charts[0], o_charts[1], o_charts[2], o_charts[3], o_charts[4]
    do_left, do_right, do_to_j, do_to_i = do_charts[0], do_charts[1], do_charts[2], do_charts[3]
    do_gap = do_charts[4]
    clear(nodes, do_gap)
    clear(nodes, do_left)
    clear(nodes, do_to_j)
    clear(nodes, do_to_i)
    do_to_i[0, nodes - 1] = -d_to_i[0, nodes - 1] / to_i[0, nodes - 1] / to_i[0, nodes - 1]
    for i in range(nodes):
        for k in range(nodes - 1, i, -1):
            m = k + 1
            if m < nodes:
                if i > 0 or not single_root:
                    do_to_i[i, k] += dot(do_gap[i], to_j[m], m, nodes) + dot(o_gap[i], d_to_j[m], m, nodes)
                    push_sum(do_to_j[m], (to_i[i, k], d_to_i[i, k]), (do_gap[i], o_gap[i]), m, nodes)
                do_to_j[i, k] += dot(do_to_j[i], left[k], m, nodes) + dot(o_to_j[i], d_left[k], m, nodes)
                push_sum(do_left[k], (to_j[i, k], d_to_j[i, k]), (do_to_j[i], o_to_j[i]), m, nodes)
            do_left[i, k] += do_to_j[i, k]
            do_right[i, k] = dot(do_to_i[i], to_i[k], k, nodes) + dot(o_to_i[i], d_to_i[k], k, nodes)
            push_sum(do_to_i[k], (right[i, k], d_right[i, k]), (do_to_i[i], o_to_i[i]), k, nodes)
            do_gap[i, k] = arcs[k, i] * (do_left[i, k] + o_left[i, k] * direction[k, i])
            do_gap[i, k] += arcs[i, k] * (do_right[i, k] + o_right[i, k] * direction[i, k])
        if i + 1 < nodes:
            push_sum(do_to_j[i + 1], (1.0,), (do_gap[i],), i + 1, nodes)


@njit(nogil=True, cache=True)
def slopes_of_marginals(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, direction, slopes, status
):
    """Set `slopes[b]` and `status[b]`; `direction` is read at candidates only."""
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    arcs, best, potentials = np.empty((size, size)), np.empty(size), np.empty((size, size))
    towards, rows = np.empty((size, size)), np.empty((3, padded(size)))
    charts, o_charts = np.zeros((4, size, padded(size))), np.zeros((5, size, padded(size)))
    d_charts, do_charts = np.zeros_like(charts), np.zeros_like(o_charts)
    for b in range(start, stop):
        nodes = lengths[b] + 1
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], arcs, best)
        if status[b] != OK:
            continue
        for head in range(nodes):
            for modifier in range(nodes):
                candidate = arcs[head, modifier] > -np.inf
                towards[head, modifier] = direction[b, head, modifier] if candidate else 0.0
        scale(nodes, arcs, potentials, rows[0])
        inside(nodes, single_root, potentials, charts, rows)
        if not SMALLEST < charts[3, 0, nodes - 1] < LARGEST:
            status[b] = OUT_OF_RANGE
            continue
        outside(nodes, single_root, potentials, charts, o_charts)
        inside_slopes(nodes, single_root, potentials, towards, charts, d_charts, rows)
        outside_slopes(nodes, single_root, potentials, towards, charts, d_charts, o_charts, do_charts)
        collect(nodes, d_charts, o_charts, slopes[b])
        collect(nodes, charts, do_charts, slopes[b])
