"""Eisner's algorithm (1996): the highest-scoring projective tree in O(n³) time and O(n²) memory.

Charts over nodes i <= j, of which 0 is ROOT:

    gap[i, j]    the best complete i .. k with head i beside the best complete k + 1 .. j with head j
    left[i, j]   the best i .. j with the arc j -> i: gap[i, j] plus the score of that arc
    right[i, j]  the same with the arc i -> j; needed for one cell at a time only, so there is no chart
    to_j[i, j]   the best complete i .. j with head j
    to_i[i, j]   the best complete i .. j with head i; to_i[0, n] is the tree

ROOT has one child if gap[0, j] has no split but the first: nothing complete lies between ROOT and its child.

A cell, once final, is pushed to all the cells to its right which it can be the left part of. So the inner loops run
along rows: contiguous memory, no reduction, eight cells at a time. There are no back pointers: to look again for the
best split of the 2n spans of one tree is O(n²).
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..checks import INFEASIBLE, OK, raise_for_status
from .operator import like_first, operator
from .parallel import over_batch, to_numpy
from .reading import read_arc_scores
from .vector import LANES, padded, push_max


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_charts(nodes, single_root, arcs, gap, left, to_j, to_i, rows):  # type: ignore[no-untyped-def]
    """Fill the charts, whose cells i > j are -inf; `rows` is scratch for the row in work.

    A cell is final once all before it in its row are pushed. Two are finished and pushed at a time.
    """
    gaps, ends, starts = rows[0], rows[1], rows[2]
    for i in range(nodes - 1, -1, -1):
        to_j[i, i] = 0.0
        to_i[i, i] = 0.0
        below = to_j[min(i + 1, nodes - 1)]
        for j in range(i, nodes):
            gaps[j] = below[j]
            ends[j] = -np.inf
            starts[j] = -np.inf
        # Nothing may stand in the gap between ROOT and its one child.
        beside = to_i.dtype.type(-np.inf if i == 0 and single_root else 0.0)
        k = i + 1
        while k < nodes:
            gap[i, k] = gaps[k]
            left[i, k] = gaps[k] + arcs[k, i]
            right = gaps[k] + arcs[i, k]
            to_j[i, k] = max(ends[k], left[i, k])
            to_i[i, k] = max(starts[k], right)
            m = k + 1
            if m == nodes:
                break
            gap[i, m] = max(gaps[m], to_i[i, k] + beside)
            left[i, m] = gap[i, m] + arcs[m, i]
            next_right = gap[i, m] + arcs[i, m]
            to_j[i, m] = max(ends[m], to_j[i, k] + left[k, m], left[i, m])
            to_i[i, m] = max(starts[m], right + to_i[k, m], next_right)
            k += 2
            if k == nodes:
                break
            # Whole blocks: the same cells are read soon after they are written. Those before k are not needed.
            begin = k // LANES * LANES
            push_max(
                (starts, ends, gaps),
                (right, next_right, to_j[i, k - 2], to_j[i, m], to_i[i, k - 2] + beside, to_i[i, m] + beside),
                (to_i[k - 2], to_i[m], left[k - 2], left[m], to_j[m], to_j[k]),
                begin,
                nodes,
            )


TO_I, TO_J, GAP = 0, 1, 2


@njit(nogil=True, cache=True)
def push_span(stack, top, chart, i, j):  # type: ignore[no-untyped-def]
    """Put a span on the stack unless it is a single node, and return the height of the stack."""
    if i < j:
        stack[top, 0], stack[top, 1], stack[top, 2] = chart, i, j
        top += 1
    return top


@njit(nogil=True, cache=True)
def _trace(nodes, single_root, arcs, gap, left, to_j, to_i, stack, out):  # type: ignore[no-untyped-def]
    """Set the arcs of the best tree. Of equally good splits the last is taken, but the first child of ROOT.

    A search ends at the score that the chart holds. It goes from the back, where the last of equals comes first.
    """
    top = push_span(stack, 0, TO_I, 0, nodes - 1)
    while top > 0:
        top -= 1
        chart, i, j = stack[top, 0], stack[top, 1], stack[top, 2]
        best, split = -np.inf, i
        if chart == TO_I:
            from_front = single_root and i == 0
            k = i + 1 if from_front else j
            while i < k <= j:
                score = (gap[i, k] + arcs[i, k]) + to_i[k, j]
                if score > best:
                    best, split = score, k
                    if score == to_i[i, j]:
                        break
                k += 1 if from_front else -1
            out[i, split] = 1
            top = push_span(stack, top, GAP, i, split)
            top = push_span(stack, top, TO_I, split, j)
        elif chart == TO_J:
            for k in range(j - 1, i - 1, -1):
                score = to_j[i, k] + left[k, j]
                if score > best:
                    best, split = score, k
                    if score == to_j[i, j]:
                        break
            out[j, split] = 1
            top = push_span(stack, top, TO_J, i, split)
            top = push_span(stack, top, GAP, split, j)
        else:
            for k in range((1 if single_root and i == 0 else j) - 1, i - 1, -1):
                score = to_i[i, k] + to_j[k + 1, j]
                if score > best:
                    best, split = score, k
                    if score == gap[i, j]:
                        break
            top = push_span(stack, top, TO_I, i, split)
            top = push_span(stack, top, TO_J, split + 1, j)


@njit(nogil=True, cache=True)
def _argmax(start, stop, scores, lengths, mask, single_root, out, status):  # type: ignore[no-untyped-def]
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    charts = np.full((5, size, padded(size)), -np.inf, dtype=scores.dtype)
    arcs, gap, left, to_j, to_i = charts[0], charts[1], charts[2], charts[3], charts[4]
    rows = np.empty((3, padded(size)), dtype=scores.dtype)
    best = np.empty(size, dtype=scores.dtype)
    stack = np.empty((2 * size, 3), dtype=np.int64)
    for b in range(start, stop):
        nodes = lengths[b] + 1
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], arcs, best)
        if status[b] != OK:
            continue
        _fill_charts(nodes, single_root, arcs, gap, left, to_j, to_i, rows)
        if to_i[0, nodes - 1] == -np.inf:
            status[b] = INFEASIBLE
            continue
        _trace(nodes, single_root, arcs, gap, left, to_j, to_i, stack, out[b])


@operator(fake=like_first, triton="eisner")
def projective_argmax(arc_scores: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the arcs, 0/1, of the highest-scoring projective tree of each sentence.

    On a GPU the trees are the same. Without triton, a CUDA tensor goes to the CPU and back.

    Args:
        arc_scores: float32 or float64, `[batch, head, modifier]`.
        lengths: int64, `[batch]`, tokens without ROOT.
        mask: bool, shaped like `arc_scores`; True = candidate.
        single_root: ROOT has exactly one child.
    """
    batch, nodes = arc_scores.shape[:2]
    scores = to_numpy(arc_scores)
    out = np.zeros(scores.shape, scores.dtype)
    status = np.zeros(batch, dtype=np.int64)
    candidates = np.empty((1, 0, 0), dtype=np.bool_) if mask is None else to_numpy(mask)
    over_batch(
        _argmax,
        batch,
        scores,
        to_numpy(lengths),
        candidates,
        single_root,
        out,
        status,
        work=batch * nodes**3 / 2,
    )
    raise_for_status(status, "arc_scores", "no projective tree" + " with one child of ROOT" * single_root)
    return torch.from_numpy(out).to(arc_scores.device)
