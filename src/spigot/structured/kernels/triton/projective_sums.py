"""log Z, marginals and their derivatives for projective trees on a GPU, in log space. One program a sentence.

Inside: the recurrence and the charts of `projective_argmax.py` beside this, with log-sum-exp for max, and `spanned`
also transposed. Outside, from the widest spans down: `o_X[i, j]` is the logarithm of the derivative of Z by exp
X[i, j], less log Z, so that X + o_X is the log-probability of a span. Each cell collects from all wider spans that it
is a part of, whose other end or head is a node o:

    o_complete[i, j]  ⊕= o_gap(i, o) + complete[o, next to j]   o beyond j: completes the left or right part of a gap
                      ⊕= o_complete[o, j] + spanned[o, i]       o beyond i: the child's part of a complete span
    o_spanned[i, j]   ⊕= o_complete[i, o] + complete[j, o]      o from j on: the arc's part of a complete span
    o_gap(i, j)        = o_spanned[i, j] + score(i -> j) ⊕ o_spanned[j, i] + score(j -> i)

Numbers are in the precision of the scores: with float32, marginals are good to about 1e-5 as long as the scores of
the relevant trees differ by at most a few tens.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ...checks import lengths_or_full
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .arcs import load_candidates, read_arc_scores
from .launch import OPTIONS, tile
from .log_space import add, load_pair, load_product, no_sum, plus, store_pair, total

_OK, _BAD_LENGTH, _NOT_A_NUMBER, _INFEASIBLE = map(tl.constexpr, (OK, BAD_LENGTH, NOT_A_NUMBER, INFEASIBLE))
ARCS, COMPLETE, REACH, SPANNED, SPANNED_T, O_COMPLETE, O_REACH, O_GAP = (tl.constexpr(plane) for plane in range(8))
PLANES = tl.constexpr(8)
INSIDE_PLANES = tl.constexpr(5)


@triton.jit
def _inside(  # type: ignore[no-untyped-def]
    chart, slopes, nodes, size, SINGLE_ROOT: tl.constexpr, DUAL: tl.constexpr, SPANS: tl.constexpr, LANES: tl.constexpr
):
    area = size * size
    for width in range(1, nodes):
        for first in range(0, nodes - width, SPANS):
            i = first + tl.arange(0, SPANS)
            j = i + width
            live = j < nodes
            gap_peak, gap_mass, gap_moment = no_sum(chart, SPANS, LANES)
            right_peak, right_mass, right_moment = no_sum(chart, SPANS, LANES)
            left_peak, left_mass, left_moment = no_sum(chart, SPANS, LANES)
            for low in range(0, width, LANES):
                step = low + tl.arange(0, LANES)
                inside = live[:, None] & (step < width)[None, :]
                between = inside & (step > 0)[None, :]
                if SINGLE_ROOT:
                    inside = inside & ((i > 0)[:, None] | (step == 0)[None, :])
                i_k = i[:, None] * size + i[:, None] + step[None, :]
                j_k = j[:, None] * size + i[:, None] + step[None, :]
                x, dx = load_product(chart, slopes, COMPLETE * area + i_k, COMPLETE * area + j_k + 1, inside, DUAL)
                gap_peak, gap_mass, gap_moment = add(gap_peak, gap_mass, gap_moment, x, dx, DUAL)
                x, dx = load_product(chart, slopes, SPANNED * area + i_k, REACH * area + j_k, between, DUAL)
                right_peak, right_mass, right_moment = add(right_peak, right_mass, right_moment, x, dx, DUAL)
                x, dx = load_product(chart, slopes, SPANNED * area + j_k, REACH * area + i_k, between, DUAL)
                left_peak, left_mass, left_moment = add(left_peak, left_mass, left_moment, x, dx, DUAL)
            i_j = i * size + j
            j_i = j * size + i
            none = tl.full([SPANS], -float("inf"), chart.dtype.element_ty)
            gap, d_gap = total(gap_peak, gap_mass, gap_moment, none, 0.0, DUAL)
            right_arc, d_right_arc = load_pair(chart, slopes, ARCS * area + i_j, live, DUAL)
            left_arc, d_left_arc = load_pair(chart, slopes, ARCS * area + j_i, live, DUAL)
            right_arc, d_right_arc = right_arc + gap, d_right_arc + d_gap
            left_arc, d_left_arc = left_arc + gap, d_left_arc + d_gap
            right, d_right = total(right_peak, right_mass, right_moment, right_arc, d_right_arc, DUAL)
            left, d_left = total(left_peak, left_mass, left_moment, left_arc, d_left_arc, DUAL)
            store_pair(chart, slopes, SPANNED * area + i_j, right_arc, d_right_arc, live, DUAL)
            store_pair(chart, slopes, SPANNED * area + j_i, left_arc, d_left_arc, live, DUAL)
            store_pair(chart, slopes, SPANNED_T * area + j_i, right_arc, d_right_arc, live, DUAL)
            store_pair(chart, slopes, SPANNED_T * area + i_j, left_arc, d_left_arc, live, DUAL)
            store_pair(chart, slopes, COMPLETE * area + i_j, right, d_right, live, DUAL)
            store_pair(chart, slopes, COMPLETE * area + j_i, left, d_left, live, DUAL)
            store_pair(chart, slopes, REACH * area + j_i, right, d_right, live, DUAL)
            store_pair(chart, slopes, REACH * area + i_j, left, d_left, live, DUAL)
        tl.debug_barrier()


@triton.jit
def _collect(  # type: ignore[no-untyped-def]
    chart, slopes, i, j, top, d_top, nodes, size,
    SINGLE_ROOT: tl.constexpr, DUAL: tl.constexpr, RIGHT: tl.constexpr, SPANS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Return o_complete[i, j] and o_spanned[i, j], each with its slope; RIGHT says on which side of i all the j are.

    (top, d_top) is what o_complete has from nowhere: -log Z for the whole sentence.
    """
    area = size * size
    whole_peak, whole_mass, whole_moment = no_sum(chart, SPANS, LANES)
    arc_peak, arc_mass, arc_moment = no_sum(chart, SPANS, LANES)
    live = (i < nodes) & (j < nodes)
    next_j = j + 1 if RIGHT else j - 1
    for low in range(0, nodes, LANES):
        o = low + tl.arange(0, LANES)[None, :]
        real = live[:, None] & (o < nodes)
        beyond_j = real & (o > j[:, None] if RIGHT else o < j[:, None])
        beyond_i = real & (o < i[:, None] if RIGHT else o > i[:, None])
        # Two kinds of terms in one sum: a lane has at most one of them.
        in_gap = beyond_j
        if SINGLE_ROOT:  # ROOT's gaps have no split but the first
            in_gap = in_gap & (i > 0)[:, None] if RIGHT else in_gap & ((o > 0) | (j == 1)[:, None])
        a = tl.where(beyond_j, O_GAP * area + i[:, None] * size, O_REACH * area + j[:, None] * size) + o
        b = tl.where(beyond_j, REACH * area + next_j[:, None] * size, SPANNED_T * area + i[:, None] * size) + o
        x, dx = load_product(chart, slopes, a, b, in_gap | beyond_i, DUAL)
        whole_peak, whole_mass, whole_moment = add(whole_peak, whole_mass, whole_moment, x, dx, DUAL)
        a = O_COMPLETE * area + i[:, None] * size + o
        b = COMPLETE * area + j[:, None] * size + o
        x, dx = load_product(chart, slopes, a, b, beyond_j, DUAL)
        arc_peak, arc_mass, arc_moment = add(arc_peak, arc_mass, arc_moment, x, dx, DUAL)
    whole, d_whole = total(whole_peak, whole_mass, whole_moment, top, d_top, DUAL)
    arc, d_arc = total(arc_peak, arc_mass, arc_moment, whole, d_whole, DUAL)
    return whole, d_whole, arc, d_arc


@triton.jit
def _outside(  # type: ignore[no-untyped-def]
    chart, slopes, log_z, d_log_z, out, nodes, size,
    SINGLE_ROOT: tl.constexpr, DUAL: tl.constexpr, SPANS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Fill the outside charts; write the marginals or, if DUAL, their slopes."""
    area = size * size
    for narrowness in range(1, nodes):
        width = nodes - narrowness
        for first in range(0, nodes - width, SPANS):
            i = first + tl.arange(0, SPANS)
            j = i + width
            live = j < nodes
            none = tl.full([SPANS], -float("inf"), chart.dtype.element_ty)
            top = tl.where(width == nodes - 1, -log_z, none)
            right, d_right, right_arc, d_right_arc = _collect(
                chart, slopes, i, j, top, -d_log_z, nodes, size, SINGLE_ROOT, DUAL, True, SPANS, LANES
            )
            left, d_left, left_arc, d_left_arc = _collect(
                chart, slopes, j, i, none, 0.0, nodes, size, SINGLE_ROOT, DUAL, False, SPANS, LANES
            )
            i_j = i * size + j
            j_i = j * size + i
            x, dx = load_pair(chart, slopes, ARCS * area + i_j, live, DUAL)
            y, dy = load_pair(chart, slopes, ARCS * area + j_i, live, DUAL)
            gap, d_gap = plus(x + right_arc, dx + d_right_arc, y + left_arc, dy + d_left_arc, DUAL)
            store_pair(chart, slopes, O_COMPLETE * area + i_j, right, d_right, live, DUAL)
            store_pair(chart, slopes, O_COMPLETE * area + j_i, left, d_left, live, DUAL)
            store_pair(chart, slopes, O_REACH * area + j_i, right, d_right, live, DUAL)
            store_pair(chart, slopes, O_REACH * area + i_j, left, d_left, live, DUAL)
            store_pair(chart, slopes, O_GAP * area + i_j, gap, d_gap, live, DUAL)
            store_pair(chart, slopes, O_GAP * area + j_i, gap, d_gap, live, DUAL)
            x, dx = load_pair(chart, slopes, SPANNED * area + i_j, live, DUAL)
            y, dy = load_pair(chart, slopes, SPANNED * area + j_i, live, DUAL)
            p = tl.exp(x + right_arc)
            q = tl.exp(y + left_arc)
            if DUAL:
                p *= dx + d_right_arc
                q *= dy + d_left_arc
            tl.store(out + i_j, p, live)
            tl.store(out + j_i, q, live)
        tl.debug_barrier()


@triton.jit(do_not_specialize=["size"])
def _sum_trees(  # type: ignore[no-untyped-def]
    scores, direction, lengths, mask, charts, log_zs, out, status, size,
    HAS_MASK: tl.constexpr, SINGLE_ROOT: tl.constexpr, DUAL: tl.constexpr, OUTSIDE: tl.constexpr,
    PER_SENTENCE: tl.constexpr, SPANS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0).to(tl.int64)
    area = size * size
    length = tl.load(lengths + b)
    proper = (length >= 0) & (length < size)
    nodes = tl.where(proper, length + 1, 0).to(tl.int32)
    chart = charts + b * area * PER_SENTENCE
    slopes = area * (PER_SENTENCE // 2)
    scores += b * area
    mask += b * area
    arcs = chart + ARCS * area
    offsets, improper, missing = read_arc_scores(scores, mask, arcs, nodes, size, HAS_MASK, True, SPANS, LANES)
    if DUAL:
        direction += b * area
        for first in range(0, nodes, LANES):
            modifier = first + tl.arange(0, LANES)
            for low in range(0, nodes, SPANS):
                head = low + tl.arange(0, SPANS)
                values, _ = load_candidates(scores, mask, head, modifier, nodes, size, HAS_MASK)
                cell = head[:, None] * size + modifier[None, :]
                slope = tl.load(direction + cell, values > -float("inf"), 0.0)
                tl.store(arcs + slopes + cell, slope, (head < nodes)[:, None] & (modifier < nodes)[None, :])
    for first in range(0, nodes, LANES):
        node = first + tl.arange(0, LANES)
        store_pair(chart, slopes, COMPLETE * area + node * size + node, 0.0, 0.0, node < nodes, DUAL)
        store_pair(chart, slopes, REACH * area + node * size + node, 0.0, 0.0, node < nodes, DUAL)
    tl.debug_barrier()
    _inside(chart, slopes, nodes, size, SINGLE_ROOT, DUAL, SPANS, LANES)
    log_z, d_log_z = load_pair(chart, slopes, COMPLETE * area + nodes - 1, nodes > 0, DUAL)
    none = (missing > 0) | (log_z == -float("inf"))
    result = tl.where(proper, tl.where(improper > 0, _NOT_A_NUMBER, tl.where(none, _INFEASIBLE, _OK)), _BAD_LENGTH)
    tl.store(status + b, result)
    tl.store(log_zs + b, log_z + offsets)
    if OUTSIDE:
        nodes = tl.where(result == _OK, nodes, 0)
        _outside(chart, slopes, log_z, d_log_z, out + b * area, nodes, size, SINGLE_ROOT, DUAL, SPANS, LANES)


def _run(
    arc_scores: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    single_root: bool,
    *,
    outside: bool = True,
    direction: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return log Z and the marginals or, given a direction, their derivatives; empty unless `outside`."""
    batch, size = arc_scores.shape[:2]
    dual = direction is not None
    planes = (PLANES.value if outside else INSIDE_PLANES.value) * (2 if dual else 1)
    log_z = arc_scores.new_zeros(batch)
    out = arc_scores.new_zeros((batch, size, size) if outside else 0)
    if batch == 0:
        return log_z, out
    charts = arc_scores.new_empty(batch, planes, size, size)
    status = torch.empty(batch, dtype=torch.int32, device=arc_scores.device)
    scores, tokens = arc_scores.contiguous(), lengths_or_full(arc_scores, lengths, size - 1).contiguous()
    towards = scores if direction is None else direction.to(scores.dtype).contiguous()
    candidates = scores if mask is None else mask.contiguous()
    spans, lanes, warps = tile(size, scores.dtype)
    with torch.cuda.device_of(scores):
        _sum_trees[batch,](
            scores, towards, tokens, candidates, charts, log_z, out, status, size,
            HAS_MASK=mask is not None, SINGLE_ROOT=single_root, DUAL=dual, OUTSIDE=outside, PER_SENTENCE=planes,
            SPANS=spans, LANES=lanes, num_warps=warps, **OPTIONS,
        )  # fmt: skip
    infeasible = "no projective tree" + " with one child of ROOT" * single_root
    raise_for_status(status.cpu().numpy(), "scores", infeasible, lengths)
    return log_z, out


def projective_log_partition(
    arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Do what the CPU's `projective_log_partition` does, in the precision of the scores.

    Scratch is 5n² numbers a sentence, 8n² for marginals, 16n² for their derivatives. Each call waits for the GPU once,
    at its end, to learn whether there is a sentence to refuse.
    """
    return _run(arc_scores, lengths, mask, single_root, outside=False)[0]


def projective_marginals(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Do what the CPU's `projective_marginals` does; see `projective_log_partition`."""
    return _run(arc_scores, lengths, mask, single_root)[1]


def projective_marginals_jvp(
    arc_scores: Tensor, direction: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Do what the CPU's `projective_marginals_jvp` does; see `projective_log_partition`."""
    return _run(arc_scores, lengths, mask, single_root, direction=direction)[1]
