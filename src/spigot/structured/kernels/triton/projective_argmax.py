"""Eisner's algorithm (1996) on a GPU: the highest-scoring projective tree. One program a sentence.

The algorithm, its sums and its ties are those of `kernels/projective/argmax.py`, so the trees are the same, to the last
tie. The charts are laid out by head here, `i` and `j` being any two nodes, i on either side of j:

    complete[i, j]   the best span from i to j with head i
    reach[j, i]      the same, transposed
    spanned[i, j]    the best span from i to j with the arc i -> j

so that the two factors of every sum over splits are rows:

    gap(i, j)      = max_k complete[i, k] + complete[j, k + 1]          for i <= k < j
    spanned[i, j]  = gap(i, j) + score(i -> j)                          and the same for spanned[j, i]
    complete[i, j] = max_k spanned[i, k] + reach[j, k]                  for k from next to i up to j

Spans of one width need only narrower ones: they are all computed at once, in tiles of spans by splits, and a barrier
parts one width from the next. No cell is written in the width in which it is read. A second kernel, one warp a
sentence, looks again for the splits of the best tree.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ...checks import lengths_or_full
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .arcs import read_arc_scores
from .launch import OPTIONS, tile

_OK, _BAD_LENGTH, _NOT_A_NUMBER, _INFEASIBLE = map(tl.constexpr, (OK, BAD_LENGTH, NOT_A_NUMBER, INFEASIBLE))
ARCS, COMPLETE, REACH, SPANNED = (tl.constexpr(plane) for plane in range(4))
PLANES = tl.constexpr(4)


@triton.jit(do_not_specialize=["size"])
def _fill_charts(  # type: ignore[no-untyped-def]
    scores, lengths, mask, charts, status, size,
    HAS_MASK: tl.constexpr, SINGLE_ROOT: tl.constexpr, SPANS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0).to(tl.int64)
    area = size * size
    length = tl.load(lengths + b)
    proper = (length >= 0) & (length < size)
    nodes = tl.where(proper, length + 1, 0).to(tl.int32)
    charts += b * area * PLANES
    arcs = charts + ARCS * area
    complete = charts + COMPLETE * area
    reach = charts + REACH * area
    spanned = charts + SPANNED * area
    _, improper, missing = read_arc_scores(
        scores + b * area, mask + b * area, arcs, nodes, size, HAS_MASK, False, SPANS, SPLITS
    )
    for first in range(0, nodes, SPLITS):
        node = first + tl.arange(0, SPLITS)
        tl.store(complete + node * size + node, 0.0, node < nodes)
        tl.store(reach + node * size + node, 0.0, node < nodes)
    tl.debug_barrier()
    for width in range(1, nodes):
        for first in range(0, nodes - width, SPANS):
            i = first + tl.arange(0, SPANS)
            j = i + width
            live = j < nodes
            gaps = tl.full([SPANS, SPLITS], -float("inf"), charts.dtype.element_ty)
            rights = tl.full([SPANS, SPLITS], -float("inf"), charts.dtype.element_ty)
            lefts = tl.full([SPANS, SPLITS], -float("inf"), charts.dtype.element_ty)
            for low in range(0, width, SPLITS):
                step = low + tl.arange(0, SPLITS)
                inside = live[:, None] & (step < width)[None, :]
                between = inside & (step > 0)[None, :]
                k = i[:, None] + step[None, :]
                row_i = i[:, None] * size + k
                row_j = j[:, None] * size + k
                open_gap = inside
                if SINGLE_ROOT:
                    open_gap = inside & ((i > 0)[:, None] | (step == 0)[None, :])
                split = tl.load(complete + row_i, open_gap, -float("inf")) + tl.load(
                    complete + row_j + 1, open_gap, 0.0
                )
                gaps = tl.maximum(gaps, split)
                split = tl.load(spanned + row_i, between, -float("inf")) + tl.load(reach + row_j, between, 0.0)
                rights = tl.maximum(rights, split)
                split = tl.load(reach + row_i, between, -float("inf")) + tl.load(spanned + row_j, between, 0.0)
                lefts = tl.maximum(lefts, split)
            i_j = i * size + j
            j_i = j * size + i
            gap = tl.max(gaps, 1)
            right_arc = gap + tl.load(arcs + i_j, live, 0.0)
            left_arc = gap + tl.load(arcs + j_i, live, 0.0)
            right = tl.maximum(tl.max(rights, 1), right_arc)
            left = tl.maximum(tl.max(lefts, 1), left_arc)
            tl.store(spanned + i_j, right_arc, live)
            tl.store(spanned + j_i, left_arc, live)
            tl.store(complete + i_j, right, live)
            tl.store(complete + j_i, left, live)
            tl.store(reach + j_i, right, live)
            tl.store(reach + i_j, left, live)
        tl.debug_barrier()
    tree = tl.load(complete + nodes - 1, nodes > 0, 0.0)
    none = (missing > 0) | (tree == -float("inf"))
    result = tl.where(proper, tl.where(improper > 0, _NOT_A_NUMBER, tl.where(none, _INFEASIBLE, _OK)), _BAD_LENGTH)
    tl.store(status + b, result)


@triton.jit
def _push(stack, top, i, j, gap, size):  # type: ignore[no-untyped-def]
    """Put a span on the stack unless it is a single node."""
    item = (gap * size + i) * size + j
    stack = tl.where((tl.arange(0, stack.shape[0]) == top) & (i != j), item, stack)
    return stack, top + (i != j)


@triton.jit(do_not_specialize=["size"])
def _trace(  # type: ignore[no-untyped-def]
    lengths, charts, status, out, size, SINGLE_ROOT: tl.constexpr, SPLITS: tl.constexpr
):  # fmt: skip
    """Set the arcs of the best tree. Of equally good splits the last is taken, but the first child of ROOT.

    Spans on the stack do not overlap, so it holds fewer than there are nodes: it lives in registers, like the rows.
    """
    b = tl.program_id(0).to(tl.int64)
    area = size * size
    charts += b * area * PLANES
    out += b * area
    good = tl.load(status + b) == _OK
    last = tl.where(good, tl.load(lengths + b), 0).to(tl.int32)
    k = tl.arange(0, SPLITS)
    stack = tl.where(k == 0, last, 0)  # complete[0, last]
    top = (last > 0).to(tl.int32)
    while top > 0:
        top -= 1
        item = tl.sum(tl.where(k == top, stack, 0), 0)
        gap = item // area
        i = item // size % size
        j = item % size
        first_root = SINGLE_ROOT & (i == 0)
        # A gap has i <= k < j; a complete span has k from next to i up to j, which may lie on its left.
        low = tl.where(gap > 0, i, tl.minimum(i + 1, j))
        high = tl.where(gap > 0, tl.where(first_root, 1, j), tl.maximum(j + 1, i))
        valid = (k >= low) & (k < high)
        row_i = tl.where(gap > 0, COMPLETE, SPANNED) * area + i * size
        row_j = tl.where(gap > 0, COMPLETE, REACH) * area + j * size + gap
        split = tl.load(charts + row_i + k, valid, -float("inf")) + tl.load(charts + row_j + k, valid, 0.0)
        best = valid & (split == tl.max(split, 0))
        at = tl.where(first_root, tl.min(tl.where(best, k, SPLITS), 0), tl.max(tl.where(best, k, -1), 0))
        tl.store(out + i * size + at, 1.0, gap == 0)
        # A gap falls into complete[i, at] and complete[j, at + 1], a complete span into a gap and complete[at, j].
        stack, top = _push(
            stack, top, tl.where(gap > 0, i, tl.minimum(i, at)), tl.where(gap > 0, at, tl.maximum(i, at)), 1 - gap, size
        )
        stack, top = _push(stack, top, tl.where(gap > 0, j, at), tl.where(gap > 0, at + 1, j), 0, size)


def projective_argmax(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Do what the CPU's `projective_argmax` does, with the same ties. Scratch is 4n² scores for each sentence.

    The call waits for the GPU once, at its end, to learn whether there is a sentence to refuse.
    """
    batch, size = arc_scores.shape[:2]
    out = torch.zeros_like(arc_scores, memory_format=torch.contiguous_format)
    if batch == 0:
        return out
    charts = arc_scores.new_empty(batch, PLANES.value, size, size)
    status = torch.empty(batch, dtype=torch.int32, device=arc_scores.device)
    scores, tokens = arc_scores.contiguous(), lengths_or_full(arc_scores, lengths, size - 1).contiguous()
    candidates = scores if mask is None else mask.contiguous()
    spans, splits, warps = tile(size, scores.dtype)
    with torch.cuda.device_of(scores):
        _fill_charts[batch,](
            scores, tokens, candidates, charts, status, size,
            HAS_MASK=mask is not None, SINGLE_ROOT=single_root, SPANS=spans, SPLITS=splits, num_warps=warps, **OPTIONS,
        )  # fmt: skip
        _trace[batch,](
            tokens, charts, status, out, size,
            SINGLE_ROOT=single_root, SPLITS=triton.next_power_of_2(size), num_warps=1, **OPTIONS,
        )  # fmt: skip
    infeasible = "no projective tree" + " with one child of ROOT" * single_root
    raise_for_status(status.cpu().numpy(), "scores", infeasible, lengths)
    return out
