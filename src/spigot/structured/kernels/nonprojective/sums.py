"""Sums over all dependency trees, and the probabilities of their arcs, in O(n³) time and O(n² log n) memory.

The partition function is the product of all pivots D (see `elimination`). For the probabilities of token m's heads,
eliminate all other tokens. Walk from token to head, with the shares w(h, k) / D_k as probabilities, and let e(h) be
that of getting from h to ROOT without visiting m. Last pivot first,

    e(ROOT) = 1,    e(m) = 0,    e(k) = Σ_h w(h, k) / D_k · e(h)

and the probability of h -> m is proportional to w(h, m) e(h): in a tree, h has a way to ROOT that is not through m.
Recursive halving of the tokens shares the eliminations of each half, which makes this O(n³) for all m together. Nothing
is subtracted here either.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..arcs.reduce import reduce_arcs
from ..forest.rows import OUT_OF_RANGE, Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SLOPES
from ..numerics.limbs import WIDE, add_times
from ..numerics.weights import FLOOR, accumulate, divide, none, total
from ..runtime.arrays import lengths_to_numpy, like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import gibbs_operators
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from .elimination import TINY, copy_tokens, eliminate, read_weights
from .forest import nonprojective_forest


@njit(nogil=True, cache=True, error_model="numpy")
def _heads_of(m, arcs, of_m, dof_m, order, by_head, of_root, logarithmic, out):  # type: ignore[no-untyped-def]
    """Write the probabilities of token m's heads, or their derivatives, once all other tokens are eliminated.

    order[i] is the i-th of those, by_head[:, h, i] and of_root[:, 0, i] are the shares of its heads; the latter are
    overwritten. of_m is the weight of ROOT -> m. Returns a status.
    """
    zero = none(logarithmic)
    dual = arcs.shape[0] == 2
    depth = order.size
    e = of_root
    tiny = False
    for i in range(depth - 1, 0, -1):
        tiny |= accumulate(e, 0, by_head, order[i], 0, i, e[0, 0, i], e[-1, 0, i], logarithmic)
    heaviest = of_m
    for i in range(depth):
        weight, dweight = arcs[0, m, order[i]], arcs[-1, m, order[i]]
        way, dway = e[0, 0, i], e[-1, 0, i]
        if dual:
            e[1, 0, i] = dway + dweight if logarithmic else dway * weight + way * dweight
        e[0, 0, i] = way + weight if logarithmic else way * weight
        heaviest = max(heaviest, e[0, 0, i])
        tiny |= not logarithmic and e[0, 0, i] < FLOOR and way > 0 and weight > 0
    if tiny:
        return TINY
    if heaviest == zero:
        return INFEASIBLE
    by, dlog = total(e, 0, 0, depth, of_m, dof_m, logarithmic)
    for i in range(-1, depth):
        value, derivative = (of_m, dof_m) if i < 0 else (e[0, 0, i], e[-1, 0, i])
        value, derivative = divide(value, derivative, by, dlog, logarithmic)
        if logarithmic:
            value = np.exp(value)
            derivative *= value
        out[0 if i < 0 else order[i] + 1, m + 1] = derivative if dual else value
    return OK


@njit(nogil=True, cache=True)
def _push(todo, top, low, high, outer_low, outer_high, level, depth, unrooted):  # type: ignore[no-untyped-def]
    todo[top, 0], todo[top, 1], todo[top, 2], todo[top, 3] = low, high, outer_low, outer_high
    todo[top, 4], todo[top, 5], todo[top, 6] = level, depth, unrooted
    return top + 1


@njit(nogil=True, cache=True, error_model="numpy")
def _sums(scores, mask, direction, length, single_root, dual, marginals, logarithmic, out, best):  # type: ignore[no-untyped-def]
    """Sum over the trees of one sentence; return a status and log Z less the scores that `best` is set to.

    With `marginals`, write the arc probabilities or, if `dual`, their derivatives in `direction`.
    """
    forms = 2 if dual else 1
    levels = 1
    while 1 << (levels - 1) < length:
        levels += 1
    arcs = np.empty((levels, forms, length, length))
    root = np.empty((levels, forms, 1, length))
    order = np.empty(length, np.int64)
    by_head = np.empty((forms, length, length))
    vectors = np.empty((4, forms, 1, length))
    of_root, from_root, shares, column = vectors[0], vectors[1], vectors[2], vectors[3]
    status = read_weights(scores, mask, direction, length, arcs[0], root[0], best, logarithmic)
    log_z = 0.0

    # Intervals of tokens to treat: first, end, those of the interval that it is half of, level, number of tokens
    # eliminated there, and how many of these came before the graph was rooted (-1: it is not).
    todo = np.empty((levels + 2, 7), np.int64)
    top = _push(todo, 0, 0, length, 0, length, 0, 0, -1 if single_root else 0)
    first = True
    while top > 0 and status == OK:
        top -= 1
        low, high, outer_low, outer_high = todo[top, 0], todo[top, 1], todo[top, 2], todo[top, 3]
        level, depth, unrooted = todo[top, 4], todo[top, 5], todo[top, 6]
        graph, graph_root = arcs[level], root[level]
        if level > 0:
            copy_tokens(arcs[level - 1], graph, outer_low, outer_high)
            copy_tokens(root[level - 1], graph_root, outer_low, outer_high)
        # The tokens outside of the interval and, to complete the first log Z, the one that is left at the end.
        while status == OK and (outer_high - outer_low > high - low or (first and outer_high - outer_low == 1)):
            if outer_high > high or outer_low == low:
                outer_high -= 1
                k = outer_high
            else:
                k = outer_low
                outer_low += 1
            status, log_total, share, dshare, rooted = eliminate(
                k, outer_low, outer_high, graph, graph_root, unrooted >= 0, shares, column, logarithmic
            )
            if first:
                log_z += log_total
            if outer_high == outer_low:
                break
            if rooted and unrooted < 0:
                unrooted = depth
            order[depth] = k
            for form in range(forms):
                for h in range(outer_low, outer_high):
                    by_head[form, h, depth] = shares[form, 0, h]
            of_root[-1, 0, depth] = dshare
            of_root[0, 0, depth] = share
            depth += 1
        if high - low > 1:
            middle = (low + high) // 2
            top = _push(todo, top, low, middle, low, high, level + 1, depth, unrooted)
            top = _push(todo, top, middle, high, low, high, level + 1, depth, unrooted)
            continue
        first = False
        if status != OK or not marginals:
            break
        copy_tokens(of_root, from_root, 0, depth)
        weight, dweight = root[0, 0, 0, low], root[0, -1, 0, low]
        if single_root and unrooted >= 0:
            for i in range(unrooted):
                from_root[-1, 0, i] = 0.0
                from_root[0, 0, i] = none(logarithmic)
            weight, dweight = none(logarithmic), 0.0
        status = _heads_of(low, arcs[0], weight, dweight, order[:depth], by_head, from_root, logarithmic, out)
    return status, log_z


@njit(nogil=True, cache=True, error_model="numpy")
def _is_wide(scores, mask, length, best):  # type: ignore[no-untyped-def]
    """Return whether a candidate is more than `WIDE` worse than the best head of its modifier."""
    for head in range(length + 1):
        for modifier in range(1, length + 1):
            candidate = head != modifier and (mask.size == 0 or mask[head, modifier])
            if candidate and -np.inf < scores[head, modifier] < best[modifier] - WIDE:
                return True
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def _all_sums(start, stop, scores, lengths, mask, direction, single_root, dual, marginals, log_z, out, status):  # type: ignore[no-untyped-def]
    best = np.empty(scores.shape[1])
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length >= scores.shape[1]:
            status[b] = BAD_LENGTH
        if length == 0 or status[b] != OK:
            continue
        candidates = mask[b] if mask.size > 0 else mask[0]
        into = direction[b if dual else 0]
        written = out[b if marginals else 0]
        for logarithmic in (False, True):
            status[b], reduced = _sums(
                scores[b], candidates, into, length, single_root, dual, marginals, logarithmic, written, best
            )
            if status[b] != TINY:
                break
        # Logarithms far below 0 divide each other on the way, and what is left may matter.
        if status[b] == OK and logarithmic and _is_wide(scores[b], candidates, length, best):
            status[b] = OUT_OF_RANGE
            written[:] = 0.0
        elif status[b] == OK:
            for modifier in range(1, length + 1):
                add_times(log_z[b], best[modifier], 1.0)
            log_z[b, 2] += reduced


def _run(
    arc_scores: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    single_root: bool,
    wanted: int = LOG_Z,
    direction: Tensor | None = None,
) -> Sums:
    """Return the sums; see `forest/sums.py` for what is wanted."""
    batch, nodes = arc_scores.shape[:2]
    scores, sizes = to_numpy(arc_scores.double()), lengths_to_numpy(lengths, batch, nodes - 1)
    candidates = mask_to_numpy(mask)
    towards = np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double())
    log_z = np.zeros((batch, 3))
    out = np.zeros(arc_scores.shape if wanted != LOG_Z else (1, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _all_sums,
        batch,
        scores,
        sizes,
        candidates,
        towards,
        single_root,
        wanted == SLOPES,
        wanted in (MARGINALS, SLOPES),
        log_z,
        out,
        status,
        work=batch * nodes**3 / 3,
    )
    sums = sum_wide_rows(
        lambda length, values: nonprojective_forest(length + 1, nodes, values, single_root),
        sizes,
        (scores,),
        (candidates,),
        status,
        log_z,
        (out,),
        wanted,
        (towards,),
    )
    raise_for_status(status, "scores", "no tree" + " with one child of ROOT" * single_root, lengths)
    return sums


def _log_partition(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the log-partition of each sentence, `[batch]`; twice differentiable.

    Computed in float64, and for a CUDA tensor on the CPU: there is no GPU kernel. See `nonprojective_argmax` for the
    arguments.
    """
    return like_scores(_run(arc_scores, lengths, mask, single_root).log_z.sum(1), arc_scores)


def _marginals(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the probability of each arc; differentiable once. See `nonprojective_log_partition`."""
    return like_scores(np.minimum(_run(arc_scores, lengths, mask, single_root, MARGINALS).expected[0], 1.0), arc_scores)


def _marginals_jvp(
    arc_scores: Tensor, direction: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them.

    `direction` is never read where there is no candidate.
    """
    return like_scores(_run(arc_scores, lengths, mask, single_root, SLOPES, direction).expected[0], arc_scores)


NONPROJECTIVE = gibbs_operators("nonprojective", _log_partition, _marginals, _marginals_jvp, _run, reduce_arcs)
