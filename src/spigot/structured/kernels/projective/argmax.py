"""Eisner's algorithm (1996): the highest-scoring projective tree in O(n³) time and O(n²) memory.

Charts over nodes i <= j, of which 0 is ROOT:

    gap[i, j]    the best complete i .. k with head i beside the best complete k + 1 .. j with head j
    left[i, j]   the best i .. j with the arc j -> i: gap[i, j] plus the score of that arc
    right[i, j]  the same with the arc i -> j; it takes the place of that arc's score
    to_j[i, j]   the best complete i .. j with head j
    to_i[i, j]   the best complete i .. j with head i; to_i[0, n] is the tree

ROOT has one child if gap[0, j] has no split but the first: nothing complete lies between ROOT and its child.

A cell, once final, is pushed to all cells to its right that can have it as their left part. So the inner loops run
along rows: contiguous memory, no reduction, eight cells at a time. Cells of a row depend on one another, and this
latency exceeds their arithmetic: so two rows are processed together, the upper one a cell behind, and two cells of each
are pushed at once. There are no back pointers: a second search for the best split of the 2n spans of a tree is O(n²).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..arcs.read import read_arc_scores
from ..numerics.vector import LANES, U1, U2, padded, push_max, set_rows
from ..runtime.decoding import decode
from ..runtime.operator import like_first, operator
from ..runtime.status import INFEASIBLE, OK

CHARTS, SCRATCH = 5, 6
"""The number of charts, and of the rows of scratch behind them."""
LEFT, RIGHT = 0, 1


@njit(nogil=True, cache=True, error_model="numpy")
def _finish(cells, area, width, i, j, gap, ending, starting):  # type: ignore[no-untyped-def]
    """Set the cell i, j of all charts and return right, left, to_j and to_i.

    `ending` and `starting` are the best to_j and to_i without an arc between i and j.
    """
    at = i * width + j
    right, left = gap + cells[at], gap + cells[j * width + i]
    to_j, to_i = max(ending, left), max(starting, right)
    cells[at] = right
    cells[at + area] = gap
    cells[at + U2 * area] = left
    cells[at + U2 * area + area] = to_j
    cells[at + U2 * U2 * area] = to_i
    return right, left, to_j, to_i


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_charts(size, width, area, single_root, cells):  # type: ignore[no-untyped-def]
    """Fill the charts.

    Args:
        size: how many nodes there are.
        width: of a row of a chart; this and the next are unsigned, as are all positions (see `numerics/vector.py`).
        area: of a chart.
        single_root: ROOT has exactly one child.
        cells: the charts right, gap, left, to_j and to_i, each `[i, j]`, and six rows of scratch.
    """
    none, zero = cells.dtype.type(-np.inf), cells.dtype.type(0.0)
    nodes, last = np.uint64(size), np.uint64(size - 1)
    lefts, to_js, to_is = U2 * area, U2 * area + area, U2 * U2 * area
    # What has been pushed to row i, and to the one above it, u.
    gaps = to_is + area
    endings, startings, u_gaps = gaps + width, gaps + U2 * width, gaps + U2 * width + width
    u_endings, u_startings = u_gaps + width, u_gaps + U2 * width
    for node in range(nodes):
        cells[to_js + node * width + node] = cells[to_is + node * width + node] = zero
    for pair in range(nodes // U2):
        i = last - nodes % U2 - U2 * pair
        u = i - U1
        arc, back, _, _ = _finish(cells, area, width, u, i, zero, none, none)
        if i == last:
            continue
        # Nothing may stand in the gap between ROOT and its one child.
        beside = none if u < U1 and single_root else zero
        begin, below = i // LANES * LANES, to_js + (i + U1) * width
        set_rows(cells, (gaps, endings, startings, u_gaps, u_endings, u_startings), none, begin, nodes)
        push_max(cells, (gaps, u_gaps), (zero, arc + beside), (below,), begin, nodes)
        k = i + U1
        while True:
            # Row u also gets what is pushed from row i, of which it is the first source, and from below.
            right, left, to_k, to_i = _finish(
                cells, area, width, i, k, cells[gaps + k], cells[endings + k], cells[startings + k]
            )
            u_gap, u_ending, u_starting = cells[u_gaps + k], cells[u_endings + k], cells[u_startings + k]
            u_right, _, u_to_k, u_to_i = _finish(
                cells, area, width, u, k, max(u_gap, to_k), max(u_ending, back + left), max(u_starting, arc + to_i)
            )
            m = k + U1
            if m == nodes:
                break
            inner_left, inner_to_k = cells[lefts + k * width + m], cells[to_is + k * width + m]
            gap, ending, starting = cells[gaps + m], cells[endings + m], cells[startings + m]
            ending, starting = max(ending, to_k + inner_left), max(starting, right + inner_to_k)
            right_m, left_m, to_m, to_i_m = _finish(cells, area, width, i, m, max(gap, to_i), ending, starting)
            u_gap, u_ending, u_starting = cells[u_gaps + m], cells[u_endings + m], cells[u_startings + m]
            u_gap = max(u_gap, u_to_i + beside, to_m)
            u_ending = max(u_ending, u_to_k + inner_left, back + left_m)
            u_starting = max(u_starting, u_right + inner_to_k, arc + to_i_m)
            u_right_m, _, u_to_m, u_to_i_m = _finish(cells, area, width, u, m, u_gap, u_ending, u_starting)
            if m == last:
                break
            # Whole blocks: the same cells are read soon after they are written. Those up to m are not needed.
            row_k, row_m = k * width, m * width
            values = (right, right_m, to_k, to_m, to_i, to_i_m)
            u_values = (u_right, u_right_m, u_to_k, u_to_m, u_to_i + beside, u_to_i_m + beside)
            push_max(
                cells,
                (startings, endings, gaps, u_startings, u_endings, u_gaps),
                values + u_values,
                (to_is + row_k, to_is + row_m, lefts + row_k, lefts + row_m, to_js + row_m, to_js + row_m + width),
                (m + U1) // LANES * LANES,
                nodes,
            )
            k = m + U1


@njit(nogil=True, cache=True)
def _add(stack, top, side, i, j):  # type: ignore[no-untyped-def]
    """Put a span on the stack unless it is a single node, and return the height of the stack."""
    stack[top, 0], stack[top, 1], stack[top, 2] = side, i, j
    return top + (i < j)


@njit(nogil=True, cache=True)
def _trace(nodes, single_root, right, gap, left, to_j, to_i, stack, out):  # type: ignore[no-untyped-def]
    """Set the arcs of the best tree. Of equally good splits the last is taken, but the first child of ROOT.

    A search ends at the score that the chart holds, which is the same sum to the bit.
    """
    j = nodes - 1
    top = _add(stack, 0, RIGHT, 0, j)
    if single_root and j > 0:
        k = 1
        while k < j and right[0, k] + to_i[k, j] != to_i[0, j]:
            k += 1
        out[0, k] = 1
        top = _add(stack, 0, LEFT, 1, k)
        top = _add(stack, top, RIGHT, k, j)
    while top > 0:
        top -= 1
        side, i, j = stack[top, 0], stack[top, 1], stack[top, 2]
        if side == RIGHT:
            k = j
            while k > i + 1 and right[i, k] + to_i[k, j] != to_i[i, j]:
                k -= 1
            out[i, k] = 1
            top = _add(stack, top, RIGHT, k, j)
            j = k
        else:
            k = j - 1
            while k > i and to_j[i, k] + left[k, j] != to_j[i, j]:
                k -= 1
            out[j, k] = 1
            top = _add(stack, top, LEFT, i, k)
            i = k
        k = j - 1
        while k > i and to_i[i, k] + to_j[k + 1, j] != gap[i, j]:
            k -= 1
        top = _add(stack, top, RIGHT, i, k)
        top = _add(stack, top, LEFT, k + 1, j)


@njit(nogil=True, cache=True)
def _argmax(start, stop, scores, lengths, mask, single_root, out, status):  # type: ignore[no-untyped-def]
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    width = padded(size)
    area = size * width
    cells = np.full(CHARTS * area + SCRATCH * width, -np.inf, dtype=scores.dtype)
    charts = cells[: CHARTS * area].reshape((CHARTS, size, width))
    right, gap, left, to_j, to_i = charts[0], charts[1], charts[2], charts[3], charts[4]
    best = np.empty(size, dtype=scores.dtype)
    stack = np.empty((size + 3, 3), dtype=np.int64)
    for b in range(start, stop):
        nodes = lengths[b] + 1
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], right, best)
        if status[b] != OK:
            continue
        _fill_charts(nodes, np.uint64(width), np.uint64(area), single_root, cells)
        if to_i[0, nodes - 1] == -np.inf:
            status[b] = INFEASIBLE
            continue
        _trace(nodes, single_root, right, gap, left, to_j, to_i, stack, out[b])


@operator(fake=like_first, triton="projective_argmax")
def projective_argmax(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the arcs, 0/1, of the highest-scoring projective tree of each sentence.

    On a GPU the trees are the same. Without triton, a CUDA tensor goes to the CPU and back.

    Args:
        arc_scores: float32 or float64, `[batch, head, modifier]`.
        lengths: int64, `[batch]`, tokens without ROOT; None: all rows are full.
        mask: bool, shaped like `arc_scores`; True = candidate.
        single_root: ROOT has exactly one child.
    """
    batch, nodes, _ = arc_scores.shape
    return decode(
        _argmax,
        arc_scores,
        lengths,
        mask,
        single_root,
        full=nodes - 1,
        work=batch * nodes**3 / 2,
        name="scores",
        infeasible="no projective tree" + " with one child of ROOT" * single_root,
    )
