"""Exact samples of binary trees: from the whole span down, choose each split with the probability of its share."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..forest.sums import SAMPLE
from ..numerics.drawing import draw
from ..numerics.splitmix import uniform
from ..runtime.arrays import like_scores, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from .argmax import push_span
from .sums import sum_binary_trees


@njit(nogil=True, cache=True)
def _sample(start, stop, lengths, charts, wide, seeds, out):  # type: ignore[no-untyped-def]
    size = max(lengths[start:stop].max(), 1)
    weights, state = np.empty(size), np.empty(1, np.uint64)
    stack = np.empty((size + 1, 2), dtype=np.int64)
    for b in range(start, stop):
        if lengths[b] == 0 or wide[b]:
            continue
        inside = charts[b]
        state[0] = np.uint64(seeds[b])
        top = push_span(stack, 0, 0, lengths[b] - 1, out[b])
        while top > 0:
            top -= 1
            i, j = stack[top, 0], stack[top, 1]
            for k in range(i, j):
                weights[k - i] = inside[i, k] + inside[k + 1, j]
            split = i + draw(weights[: j - i], uniform(state))
            top = push_span(stack, top, i, split, out[b])
            top = push_span(stack, top, split + 1, j, out[b])


@operator(fake=like_first)
def binary_tree_sample(span_scores: Tensor, lengths: Tensor, mask: Tensor | None, seeds: Tensor) -> Tensor:
    """Return the spans, 0/1, of one exact sample of p(tree) ∝ exp <scores, tree> for each row.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        span_scores: float32 or float64, `[batch, i, j]`.
        lengths: int64, `[batch]`, tokens.
        mask: bool, shaped like `span_scores`; True = candidate.
        seeds: int64, `[batch]`.
    """
    batch, tokens = span_scores.shape[:2]
    sums, charts = sum_binary_trees(span_scores, lengths, mask, SAMPLE, seeds=seeds)
    out = sums.expected[0]
    sizes, row_seeds = to_numpy(lengths), to_numpy(seeds)
    over_batch(_sample, batch, sizes, charts, sums.wide, row_seeds, out, work=10.0 * batch * tokens**2)
    return like_scores(out, span_scores)
