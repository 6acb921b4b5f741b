"""The CKY algorithm: the highest-scoring binary tree over a sequence of tokens in O(n³) time and O(n²) memory.

    chart[i, j] = span_scores[i, j] + max over i <= k < j of chart[i, k] + chart[k + 1, j]

A cell, once final, is pushed to all cells to its right that can have it as their left part, so that the inner loop runs
along rows (see `projective/argmax.py`). There are no back pointers: the n - 1 splits of the best tree are searched for
again.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..numerics.limbs import add_times
from ..numerics.vector import LANES, U1, padded, push_max, set_rows
from ..runtime.decoding import decode
from ..runtime.operator import like_first, operator
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK

NO_TREE = "no binary tree"


@njit(nogil=True, cache=True)
def read_span_scores(scores, mask, length, spans, common):  # type: ignore[no-untyped-def]
    """Copy the candidates of one row to dense scratch, less the score that all trees share.

    Every tree has the spans of one token, the whole one, and n - 2 others. So the scores of the former, and the best
    score of the latter n - 2 times over, tell no tree from another; without them large scores lose no precision in
    sums, and equal ones tie to the bit.

    Args:
        scores: `[i, j]`, a score for the span of the tokens i .. j, both included.
        mask: bool, the same, or empty: all spans are candidates.
        length: how many tokens there are.
        spans: set to the scores less these, -inf where there is no candidate, `[i, j]`.
        common: set to what is subtracted from every tree, as limbs.

    Returns:
        A status of `checks.py`.
    """
    if length < 0 or length > scores.shape[0]:
        return BAD_LENGTH
    best, improper = -np.inf, 0
    common[:] = 0.0
    for i in range(length):
        row = spans[i]
        for j in range(i):
            row[j] = -np.inf
        for j in range(i, length):
            row[j] = scores[i, j] if mask.size == 0 or mask[i, j] else -np.inf
            improper += not (row[j] < np.inf)
        for j in range(i + 1, length - 1 if i == 0 else length):
            best = max(best, row[j])
    if improper > 0:
        return NOT_A_NUMBER
    if length > 2 and best == -np.inf:
        return INFEASIBLE
    for i in range(length):
        for j in range(i, length):
            if j == i or (i == 0 and j == length - 1):
                if spans[i, j] == -np.inf:
                    return INFEASIBLE
                add_times(common, spans[i, j], 1.0)
                spans[i, j] = 0.0
            else:
                spans[i, j] -= best
    if length > 2:
        add_times(common, best, length - 2.0)
    return OK


@njit(nogil=True, cache=True, error_model="numpy")
def _fill_chart(length, width, cells):  # type: ignore[no-untyped-def]
    """Turn scores into the best totals.

    Args:
        length: how many tokens there are.
        width: of a row, unsigned, as are all positions (see `numerics/vector.py`).
        cells: the chart `[i, j]`, whose cells i > j are -inf, and behind it a row of scratch.
    """
    none, zero = cells.dtype.type(-np.inf), cells.dtype.type(0.0)
    tokens, best = np.uint64(length), np.uint64(cells.size) - width
    for row in range(tokens):
        i = tokens - U1 - row
        set_rows(cells, (best,), none, i // LANES * LANES, tokens)
        cells[best + i] = zero
        k = i
        while True:
            # Two cells are finished and pushed at a time.
            m = k + U1
            at, at_m = i * width + k, m * width + m
            cells[at] += cells[best + k]
            if m == tokens:
                break
            cells[at + U1] += max(cells[best + m], cells[at] + cells[at_m])
            k = m + U1
            if k == tokens:
                break
            # Whole blocks: the same cells are read soon after they are written. Those before k are not needed.
            push_max(cells, (best,), (cells[at], cells[at + U1]), (m * width, k * width), k // LANES * LANES, tokens)


@njit(nogil=True, cache=True)
def push_span(stack, top, i, j, out):  # type: ignore[no-untyped-def]
    """Set a span; put it on the stack if it is to be split; return the height of the stack."""
    out[i, j] = 1
    if i < j:
        stack[top, 0], stack[top, 1] = i, j
        top += 1
    return top


@njit(nogil=True, cache=True)
def _trace(length, chart, stack, out):  # type: ignore[no-untyped-def]
    """Set the spans of the best tree. Of equally good splits the first is taken."""
    top = push_span(stack, 0, 0, length - 1, out)
    while top > 0:
        top -= 1
        i, j = stack[top, 0], stack[top, 1]
        best, split = -np.inf, i
        for k in range(i, j):
            score = chart[i, k] + chart[k + 1, j]
            if score > best:
                best, split = score, k
        top = push_span(stack, top, i, split, out)
        top = push_span(stack, top, split + 1, j, out)


@njit(nogil=True, cache=True)
def _argmax(start, stop, scores, lengths, mask, out, status):  # type: ignore[no-untyped-def]
    size = max(min(lengths[start:stop].max(), scores.shape[1]), 1)
    width = padded(size)
    cells = np.full((size + 1) * width, -np.inf, dtype=scores.dtype)
    chart = cells[: size * width].reshape((size, width))
    common = np.empty(3)
    stack = np.empty((size + 1, 2), dtype=np.int64)
    for b in range(start, stop):
        length = lengths[b]
        status[b] = read_span_scores(scores[b], mask[b if mask.size > 0 else 0], length, chart, common)
        if status[b] != OK or length == 0:
            continue
        _fill_chart(length, np.uint64(width), cells)
        if chart[0, length - 1] == -np.inf:
            status[b] = INFEASIBLE
            continue
        _trace(length, chart, stack, out[b])


@operator(fake=like_first)
def binary_tree_argmax(span_scores: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
    """Return the spans, 0/1, of the highest-scoring binary tree of each row.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        span_scores: float32 or float64, `[batch, i, j]`.
        lengths: int64, `[batch]`, tokens; None: all rows are full.
        mask: bool, shaped like `span_scores`; True = candidate.
    """
    batch, tokens, _ = span_scores.shape
    return decode(
        _argmax,
        span_scores,
        lengths,
        mask,
        full=tokens,
        work=batch * tokens**3 / 6,
        name="scores",
        infeasible=NO_TREE,
    )
