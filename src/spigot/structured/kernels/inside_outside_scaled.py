"""Inside-outside for projective trees by plain sums and products, in float64.

The charts are those of `eisner.py` with sums for maxima, and cells are pushed to the right in the same way. `outside`
is `inside` run backwards: o_left[i, j] is the derivative of log Z by left[i, j].

What can go wrong is range. The potentials are exp(score - offset), where the offset of a modifier cancels and is chosen
to keep the sums in range: log-sum-exp over its heads, so that a chart would sum to at most 1 if modifiers were
independent, but no more than log 6.75 above its best head, 6.75 being the factor by which the number of projective
trees grows with each token. If Z still comes out too near to the ends of the range of floating-point numbers to be
trusted, the sentence is reported as `OUT_OF_RANGE`. The best tree is then hundreds of nats from what the best heads
would add up to if they could be had together.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..checks import OK
from .reading import read_arc_scores
from .vector import LANES, dot, padded, push_sum

OUT_OF_RANGE = -1
GROWTH = 6.75
# A cell below 1e-308 counts as nothing. With Z above 1e-250 no marginal can miss more than 1e-28 by that, even
# if the rest of the tree came to 1e30.
SMALLEST, LARGEST = 1e-250, 1e250


@njit(nogil=True, cache=True)
def scale(nodes, arcs, potentials, total):  # type: ignore[no-untyped-def]
    """Set `potentials[head, modifier]`, and return Σ of the offsets; `total` is scratch."""
    total[:nodes] = 0.0
    for head in range(nodes):
        for modifier in range(nodes):
            potentials[head, modifier] = np.exp(arcs[head, modifier])
            total[modifier] += potentials[head, modifier]
    offsets = 0.0
    for modifier in range(1, nodes):
        total[modifier] = min(total[modifier], GROWTH)
        offsets += np.log(total[modifier])
    for head in range(nodes):
        for modifier in range(1, nodes):
            potentials[head, modifier] /= total[modifier]
    return offsets


@njit(nogil=True, cache=True)
def clear(nodes, chart):  # type: ignore[no-untyped-def]
    """Set the cells that `dot` may read though they mean nothing, i > j and past the last, to 0; all others too."""
    chart[:nodes, : padded(nodes)] = 0.0


@njit(nogil=True, cache=True)
def inside(nodes, single_root, arcs, charts, rows):  # type: ignore[no-untyped-def]
    """Fill the charts left, right, to_j and to_i from the potentials `arcs[head, modifier]`; to_i[0, nodes - 1] is Z.

    `rows` is scratch for the row in work, `[3, j]`. Two cells are finished and pushed at a time.
    """
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    clear(nodes, left)
    clear(nodes, to_j)
    clear(nodes, to_i)
    gaps, ends, starts = rows[0], rows[1], rows[2]
    for i in range(nodes - 1, -1, -1):
        to_j[i, i] = 1.0
        to_i[i, i] = 1.0
        below = to_j[min(i + 1, nodes - 1)]
        for j in range(i, nodes):
            gaps[j] = below[j]
            ends[j] = 0.0
            starts[j] = 0.0
        open_gap = i > 0 or not single_root
        k = i + 1
        while k < nodes:
            left[i, k] = gaps[k] * arcs[k, i]
            right[i, k] = gaps[k] * arcs[i, k]
            to_j[i, k] = ends[k] + left[i, k]
            to_i[i, k] = starts[k] + right[i, k]
            m = k + 1
            if m == nodes:
                break
            gap = gaps[m] + to_i[i, k] if open_gap else gaps[m]
            left[i, m] = gap * arcs[m, i]
            right[i, m] = gap * arcs[i, m]
            to_j[i, m] = ends[m] + to_j[i, k] * left[k, m] + left[i, m]
            to_i[i, m] = starts[m] + right[i, k] * to_i[k, m] + right[i, m]
            k += 2
            if k == nodes:
                break
            # Whole blocks: the same cells are read soon after they are written. Those before k are not needed.
            begin = k // LANES * LANES
            push_sum(starts, (right[i, k - 2], right[i, m]), (to_i[k - 2], to_i[m]), begin, nodes)
            push_sum(ends, (to_j[i, k - 2], to_j[i, m]), (left[k - 2], left[m]), begin, nodes)
            if open_gap:
                push_sum(gaps, (to_i[i, k - 2], to_i[i, m]), (to_j[m], to_j[k]), begin, nodes)


@njit(nogil=True, cache=True)
def outside(nodes, single_root, arcs, charts, o_charts):  # type: ignore[no-untyped-def]
    """Fill o_left, o_right, o_to_j, o_to_i and o_gap; an arc has the probability left · o_left or right · o_right."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    o_left, o_right, o_to_j, o_to_i, o_gap = o_charts[0], o_charts[1], o_charts[2], o_charts[3], o_charts[4]
    clear(nodes, o_gap)
    clear(nodes, o_left)
    clear(nodes, o_to_j)
    clear(nodes, o_to_i)
    o_to_i[0, nodes - 1] = 1.0 / to_i[0, nodes - 1]
    for i in range(nodes):
        for k in range(nodes - 1, i, -1):
            if k + 1 < nodes:
                if i > 0 or not single_root:
                    o_to_i[i, k] += dot(o_gap[i], to_j[k + 1], k + 1, nodes)
                    push_sum(o_to_j[k + 1], (to_i[i, k],), (o_gap[i],), k + 1, nodes)
                o_to_j[i, k] += dot(o_to_j[i], left[k], k + 1, nodes)
                push_sum(o_left[k], (to_j[i, k],), (o_to_j[i],), k + 1, nodes)
            o_left[i, k] += o_to_j[i, k]
            o_right[i, k] = dot(o_to_i[i], to_i[k], k, nodes)
            push_sum(o_to_i[k], (right[i, k],), (o_to_i[i],), k, nodes)
            o_gap[i, k] = o_left[i, k] * arcs[k, i] + o_right[i, k] * arcs[i, k]
        if i + 1 < nodes:
            push_sum(o_to_j[i + 1], (1.0,), (o_gap[i],), i + 1, nodes)


@njit(nogil=True, cache=True)
def collect(nodes, charts, o_charts, expected):  # type: ignore[no-untyped-def]
    """Add left · o_left and right · o_right to `expected[head, modifier]`: probabilities, or a part of their slopes."""
    for i in range(nodes):
        for j in range(i + 1, nodes):
            expected[i, j] += charts[1, i, j] * o_charts[1, i, j]
            if i > 0:
                expected[j, i] += charts[0, i, j] * o_charts[0, i, j]


@njit(nogil=True, cache=True)
def sum_trees(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, log_z, marginals, log_charts, status
):
    """Set `log_z[b]`, `status[b]` and, unless they are empty, `marginals[b]` and `log_charts[b]`.

    The latter are the logarithms of left, right, to_j and to_i, up to a factor for each modifier.
    """
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    arcs, best, potentials = np.empty((size, size)), np.empty(size), np.empty((size, size))
    rows = np.empty((3, padded(size)))
    charts, o_charts = np.zeros((4, size, padded(size))), np.zeros((5, size, padded(size)))
    for b in range(start, stop):
        nodes = lengths[b] + 1
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], arcs, best)
        if status[b] != OK:
            continue
        offsets = scale(nodes, arcs, potentials, rows[0])
        inside(nodes, single_root, potentials, charts, rows)
        z = charts[3, 0, nodes - 1]
        if not SMALLEST < z < LARGEST:
            status[b] = OUT_OF_RANGE
            continue
        log_z[b] = np.log(z) + offsets + best[:nodes].sum()
        if marginals.size > 0:
            outside(nodes, single_root, potentials, charts, o_charts)
            collect(nodes, charts, o_charts, marginals[b])
        for chart in range(4 if log_charts.size > 0 else 0):
            for i in range(nodes):
                for j in range(i, nodes):
                    log_charts[b, chart, i, j] = np.log(charts[chart, i, j])
