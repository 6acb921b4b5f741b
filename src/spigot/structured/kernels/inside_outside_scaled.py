"""Inside-outside for projective trees by plain sums and products.

The charts are those of `eisner.py` with sums for maxima, and cells are pushed to the right in the same way. What can
go wrong is range: `inside_outside.py` scales the potentials, and turns to `inside_outside_log_space.py` where the
numbers do not fit.

`outside` is `inside` run backwards (reverse-mode differentiation): o_left[i, j] is the derivative of log Z by
left[i, j]. The functions that end in `_slopes` differentiate the two along one direction of the scores (forward mode):
an array called `d_left` holds the slopes of `left`.
"""

from __future__ import annotations

from numba import njit

from .vector import LANES, dot, padded, push_sum


@njit(nogil=True, cache=True)
def _clear(nodes, chart):  # type: ignore[no-untyped-def]
    """Set the cells that `dot` may read though they mean nothing, i > j and past the last, to 0; all others too."""
    chart[:nodes, : padded(nodes)] = 0.0


@njit(nogil=True, cache=True)
def inside(nodes, single_root, arcs, charts, rows):  # type: ignore[no-untyped-def]
    """Fill the charts left, right, to_j and to_i from the potentials `arcs[head, modifier]`; to_i[0, nodes - 1] is Z.

    `rows` is scratch for the row in work, `[3, j]`. Two cells are finished and pushed at a time.
    """
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    _clear(nodes, left)
    _clear(nodes, to_j)
    _clear(nodes, to_i)
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
def inside_slopes(nodes, single_root, arcs, direction, charts, d_charts, rows):  # type: ignore[no-untyped-def]
    """Fill the slopes of the charts, as the scores, the logarithms of `arcs`, move in `direction`."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    d_left, d_right, d_to_j, d_to_i = d_charts[0], d_charts[1], d_charts[2], d_charts[3]
    _clear(nodes, d_left)
    _clear(nodes, d_to_j)
    _clear(nodes, d_to_i)
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
def outside(nodes, single_root, arcs, charts, o_charts):  # type: ignore[no-untyped-def]
    """Fill o_left, o_right, o_to_j, o_to_i and o_gap; an arc has the probability left · o_left or right · o_right."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    o_left, o_right, o_to_j, o_to_i, o_gap = o_charts[0], o_charts[1], o_charts[2], o_charts[3], o_charts[4]
    _clear(nodes, o_gap)
    _clear(nodes, o_left)
    _clear(nodes, o_to_j)
    _clear(nodes, o_to_i)
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
def outside_slopes(  # type: ignore[no-untyped-def]
    nodes, single_root, arcs, direction, charts, d_charts, o_charts, do_charts
):
    """Fill the slopes of the outside charts."""
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    d_left, d_right, d_to_j, d_to_i = d_charts[0], d_charts[1], d_charts[2], d_charts[3]
    o_left, o_right, o_to_j, o_to_i, o_gap = o_charts[0], o_charts[1], o_charts[2], o_charts[3], o_charts[4]
    do_left, do_right, do_to_j, do_to_i = do_charts[0], do_charts[1], do_charts[2], do_charts[3]
    do_gap = do_charts[4]
    _clear(nodes, do_gap)
    _clear(nodes, do_left)
    _clear(nodes, do_to_j)
    _clear(nodes, do_to_i)
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
