"""Exact samples of dependency trees, projective or not, in O(n³) time for all scores.

The tokens are eliminated from the last to the first (see `elimination`) and put back in reverse order, into a tree that
is an exact sample at each step. Each arc h -> m of the smaller tree stood for the arc itself or for the path h -> k ->
m over the token k that comes back; it is drawn which. Let C be the modifiers whose arcs were paths over k. They become
the children of k, and k takes a head in proportion to w(h, k) from the nodes that are not below C. The heads that C had
before drop out: over all ways to hang the subtrees of C on each other and on the rest without a cycle, the product of
the weights w(h, k) w(k, m) / D sums to Π_C w(k, m) / D · Σ_h w(h, k), h running over the rest.

Instead of one draw for each arc and each token, the token that an arc passes over is drawn once, when the arc appears.
Wilson's algorithm needs no elimination, but its time can be exponential in the scores.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..numerics.drawing import draw, draw_in_proportion
from ..numerics.splitmix import uniform
from ..numerics.weights import none
from ..runtime.arrays import lengths_to_numpy, mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, OK, raise_for_status
from .elimination import TINY, copy_tokens, eliminate, read_weights

ROOT, DIRECT = -1, -1


@njit(nogil=True, cache=True, error_model="numpy")
def _draw(weights, logarithmic, state):  # type: ignore[no-untyped-def]
    """Return an index in proportion to the weights, which are not all none; they may be overwritten."""
    number = uniform(state)
    return draw(weights, number) if logarithmic else draw_in_proportion(weights, number)


@njit(nogil=True, cache=True)
def _mark_below(k, heads, passes, i, below):  # type: ignore[no-untyped-def]
    """Set below[m] to 1 for the tokens m < k on or under an arc that passes over the i-th token, to 0 for others."""
    for m in range(k):
        below[m] = -1
    for m in range(k):
        node = m
        while node != ROOT and below[node] < 0 and passes[node] != i:
            node = heads[node]
        result = 0 if node == ROOT else (1 if passes[node] == i else below[node])
        node = m
        while node != ROOT and below[node] < 0:
            below[node] = result
            node = heads[node] if passes[node] != i else ROOT


@njit(nogil=True, cache=True, error_model="numpy")
def _draw_path(head, m, i, unrooted, arcs, root, by_head, by_modifier, of_root, logarithmic, weights, state):  # type: ignore[no-untyped-def]
    """Draw what an arc that appears with the i-th token passes over: DIRECT, or an earlier eliminated token's number.

    If the graph was rooted by the token number `unrooted`, arcs from ROOT that appear later pass over it or later ones.
    """
    begin = unrooted if head == ROOT and 0 <= unrooted < i else 0
    for earlier in range(begin, i):
        share = of_root[earlier] if head == ROOT else by_head[head, earlier]
        passing = by_modifier[m, earlier]
        weights[earlier - begin] = share + passing if logarithmic else share * passing
    count = i - begin
    if not (head == ROOT and 0 <= unrooted < i):
        weights[count] = root[0, 0, m] if head == ROOT else arcs[0, m, head]
        count += 1
    drawn = begin + _draw(weights[:count], logarithmic, state)
    return DIRECT if drawn == i else drawn


@njit(nogil=True, cache=True, error_model="numpy")
def _sample(scores, mask, length, single_root, logarithmic, state, heads):  # type: ignore[no-untyped-def]
    """Draw one tree, as a head (counted from 0, or ROOT) for each token. Returns a status."""
    arcs = np.empty((1, length, length))
    smaller = np.empty((1, length, length))
    vectors = np.empty((4, 1, 1, length))
    root, root_of_smaller, shares, column = vectors[0], vectors[1], vectors[2], vectors[3]
    status = read_weights(scores, mask, scores, length, arcs, root, np.empty(length + 1), logarithmic)
    if status != OK:
        return status
    copy_tokens(arcs, smaller, 0, length)
    copy_tokens(root, root_of_smaller, 0, length)
    by_head, by_modifier = np.empty((length, length)), np.empty((length, length))
    of_root = np.empty(length)
    passes = np.empty(length, np.int64)
    unrooted = -1
    rooted = not single_root
    for i in range(length):
        k = length - 1 - i
        was_rooted = rooted
        status, _, of_root[i], _, rooted = eliminate(
            k, 0, k, smaller, root_of_smaller, rooted, shares, column, logarithmic
        )
        if status != OK:
            return status
        if rooted and not was_rooted:
            unrooted = i
        passes[k] = DIRECT
        for m in range(k):
            by_head[m, i] = shares[0, 0, m]
            by_modifier[m, i] = column[0, 0, m]

    weights = np.empty(length + 1)
    below = np.empty(length, np.int64)
    for i in range(length - 1, -1, -1):
        k = length - 1 - i
        _mark_below(k, heads, passes, i, below)
        possible = False
        for h in range(k):
            weights[h] = none(logarithmic) if below[h] == 1 else by_head[h, i]
            possible |= weights[h] > none(logarithmic)
        # While ROOT's weight is the vanishing one, k hangs from ROOT only if all other tokens are below it.
        weights[k] = none(logarithmic) if single_root and i < unrooted and possible else of_root[i]
        drawn = _draw(weights[: k + 1], logarithmic, state)
        heads[k] = ROOT if drawn == k else drawn
        for m in range(k + 1):
            if m == k or passes[m] == i:
                head = heads[k] if m == k else k
                heads[m] = head
                passes[m] = _draw_path(
                    head, m, i, unrooted, arcs, root, by_head, by_modifier, of_root, logarithmic, weights, state
                )
    return OK


@njit(nogil=True, cache=True, error_model="numpy")
def _samples(start, stop, scores, lengths, mask, single_root, seeds, out, status):  # type: ignore[no-untyped-def]
    heads = np.empty(scores.shape[1], np.int64)
    state = np.empty(1, np.uint64)
    for b in range(start, stop):
        if lengths[b] < 0 or lengths[b] >= scores.shape[1]:
            status[b] = BAD_LENGTH
            continue
        candidates = mask[b] if mask.size > 0 else mask[0]
        for logarithmic in (False, True):
            state[0] = np.uint64(seeds[b])
            status[b] = _sample(scores[b], candidates, lengths[b], single_root, logarithmic, state, heads)
            if status[b] != TINY:
                break
        if status[b] == OK:
            for m in range(lengths[b]):
                out[b, heads[m] + 1, m + 1] = True


@operator(fake=like_first)
def nonprojective_sample(
    arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool, seeds: Tensor
) -> Tensor:
    """Return the arcs, 0/1, of a tree for each sentence, drawn with probability ∝ exp <scores, tree>.

    Computed in float64, and for a CUDA tensor on the CPU: there is no GPU kernel. See `nonprojective_argmax` for the
    arguments; `seeds` is int64, `[batch]`.
    """
    batch, nodes = arc_scores.shape[:2]
    out = torch.zeros(arc_scores.shape, dtype=torch.bool, device="cpu")
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _samples,
        batch,
        to_numpy(arc_scores.double()),
        lengths_to_numpy(lengths, batch, nodes - 1),
        mask_to_numpy(mask),
        single_root,
        to_numpy(seeds),
        out.numpy(),
        status,
        work=batch * nodes**3 / 3,
    )
    raise_for_status(status, "scores", "no tree" + " with one child of ROOT" * single_root, lengths)
    return out.to(arc_scores)
