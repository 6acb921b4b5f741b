"""Exact samples of projective trees: run `inside`, then choose each split with the probability of its share."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..forest.sums import SAMPLE
from ..numerics.drawing import draw
from ..numerics.splitmix import uniform
from ..runtime.arrays import lengths_to_numpy, like_scores, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from .sums import run_inside_outside

TO_I, TO_J, GAP = 0, 1, 2


@njit(nogil=True, cache=True)
def push_span(stack, top, chart, i, j):  # type: ignore[no-untyped-def]
    """Put a span on the stack unless it is a single node, and return the height of the stack."""
    if i < j:
        stack[top, 0], stack[top, 1], stack[top, 2] = chart, i, j
        top += 1
    return top


@njit(nogil=True, cache=True)
def _sample_tree(nodes, single_root, charts, state, weights, stack, out):  # type: ignore[no-untyped-def]
    left, right, to_j, to_i = charts[0], charts[1], charts[2], charts[3]
    top = push_span(stack, 0, TO_I, 0, nodes - 1)
    while top > 0:
        top -= 1
        chart, i, j = stack[top, 0], stack[top, 1], stack[top, 2]
        count = 1 if single_root and i == 0 and chart == GAP else j - i
        for k in range(i, i + count):
            if chart == TO_I:
                weights[k - i] = right[i, k + 1] + to_i[k + 1, j]
            elif chart == TO_J:
                weights[k - i] = to_j[i, k] + left[k, j]
            else:
                weights[k - i] = to_i[i, k] + to_j[k + 1, j]
        split = i + draw(weights[:count], uniform(state))
        if chart == TO_I:
            out[i, split + 1] = 1
            top = push_span(stack, top, GAP, i, split + 1)
            top = push_span(stack, top, TO_I, split + 1, j)
        elif chart == TO_J:
            out[j, split] = 1
            top = push_span(stack, top, TO_J, i, split)
            top = push_span(stack, top, GAP, split, j)
        else:
            top = push_span(stack, top, TO_I, i, split)
            top = push_span(stack, top, TO_J, split + 1, j)


@njit(nogil=True, cache=True)
def _sample(start, stop, lengths, single_root, log_charts, wide, seeds, out):  # type: ignore[no-untyped-def]
    size = lengths[start:stop].max() + 1
    weights, state = np.empty(size), np.empty(1, np.uint64)
    stack = np.empty((2 * size, 3), dtype=np.int64)
    for b in range(start, stop):
        if wide[b]:
            continue
        state[0] = np.uint64(seeds[b])
        _sample_tree(lengths[b] + 1, single_root, log_charts[b], state, weights, stack, out[b])


@operator(fake=like_first)
def projective_sample(
    arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool, seeds: Tensor
) -> Tensor:
    """Return the arcs, 0/1, of one exact sample of p(tree) ∝ exp <scores, tree> for each sentence.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel. See `projective_argmax` for the arguments; `seeds`
    is int64, `[batch]`.
    """
    batch, nodes = arc_scores.shape[:2]
    sums, log_charts = run_inside_outside(arc_scores, lengths, mask, single_root, SAMPLE, seeds=seeds)
    out = sums.expected[0]
    over_batch(
        _sample,
        batch,
        lengths_to_numpy(lengths, batch, nodes - 1),
        single_root,
        log_charts,
        sums.wide,
        to_numpy(seeds),
        out,
        work=10 * batch * nodes**2,
    )
    return like_scores(out, arc_scores)
