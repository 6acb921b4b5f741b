"""The candidates of a sentence, as programs over dependency trees read them."""

from __future__ import annotations

import triton
import triton.language as tl

LOG_GROWTH = tl.constexpr(1.9095425048844383)
"""log 6.75: the growth of the logarithm of the number of projective trees with each token."""


@triton.jit
def load_candidates(scores, mask, head, modifier, nodes, size, HAS_MASK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return a tile of scores, -inf where there is no candidate, and which of them are NaN or +inf."""
    cell = head[:, None] * size + modifier[None, :]
    possible = (head[:, None] != modifier[None, :]) & (modifier > 0)[None, :]
    possible = possible & (head < nodes)[:, None] & (modifier < nodes)[None, :]
    if HAS_MASK:
        possible = possible & (tl.load(mask + cell, possible, 0) != 0)
    values = tl.load(scores + cell, possible, -float("inf"))
    # The comparison is False for NaN.
    improper = possible & ~(values < float("inf"))
    return tl.where(improper, -float("inf"), values), improper


@triton.jit
def read_arc_scores(  # type: ignore[no-untyped-def]
    scores, mask, arcs, nodes, size, HAS_MASK: tl.constexpr, SUM: tl.constexpr, HEADS: tl.constexpr, NODES: tl.constexpr
):
    """Write the candidates of one sentence to `arcs`, an offset for each modifier taken off, -inf for no candidate.

    That changes no comparison of trees. The offset is the best score of the modifier, so large scores lose no
    precision in sums, and equal scores tie to the bit. With SUM it is log Σ exp, but at most log 6.75 above the
    best score: then logarithms of sums over trees stay small.

    Returns:
        Σ of the offsets, the number of candidates that are NaN or +inf, and of modifiers with no candidate.
    """
    total = tl.full([], 0.0, scores.dtype.element_ty)
    improper = 0
    missing = 0
    for first in range(0, nodes, NODES):
        modifier = first + tl.arange(0, NODES)
        best = tl.full([NODES], -float("inf"), scores.dtype.element_ty)
        for low in range(0, nodes, HEADS):
            head = low + tl.arange(0, HEADS)
            values, wrong = load_candidates(scores, mask, head, modifier, nodes, size, HAS_MASK)
            best = tl.maximum(best, tl.max(values, 0))
            improper += tl.sum(tl.sum(wrong.to(tl.int32), 1), 0)
        headless = (modifier > 0) & (modifier < nodes) & (best == -float("inf"))
        missing += tl.sum(headless.to(tl.int32), 0)
        offset = tl.where(best == -float("inf"), 0.0, best)
        if SUM:
            mass = tl.zeros([NODES], scores.dtype.element_ty)
            for low in range(0, nodes, HEADS):
                head = low + tl.arange(0, HEADS)
                values, _ = load_candidates(scores, mask, head, modifier, nodes, size, HAS_MASK)
                mass += tl.sum(tl.exp(values - offset[None, :]), 0)
            offset += tl.minimum(tl.log(tl.maximum(mass, 1.0)), LOG_GROWTH)
            total += tl.sum(offset, 0)
        for low in range(0, nodes, HEADS):
            head = low + tl.arange(0, HEADS)
            values, _ = load_candidates(scores, mask, head, modifier, nodes, size, HAS_MASK)
            inside = (head < nodes)[:, None] & (modifier < nodes)[None, :]
            tl.store(arcs + head[:, None] * size + modifier[None, :], values - offset[None, :], inside)
    return total, improper, missing
