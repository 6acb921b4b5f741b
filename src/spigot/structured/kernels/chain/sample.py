"""Exact samples of sequences of tags: filter forwards, then draw each tag given the one after it."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..forest.rows import OUT_OF_RANGE
from ..forest.sums import SAMPLE
from ..numerics.drawing import draw
from ..numerics.splitmix import uniform
from ..runtime.arrays import like_scores, to_numpy
from ..runtime.operator import operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, OK, raise_for_status
from .argmax import NO_SEQUENCE, chain_masks, distinct, like_both, place
from .forward_backward import forward
from .sums import sum_wide_sequences


@njit(nogil=True, cache=True, error_model="numpy")
def _sample(  # type: ignore[no-untyped-def]
    start,
    stop,
    emissions,
    transitions,
    lengths,
    emission_mask,
    transition_mask,
    seeds,
    tags_out,
    pairs_out,
    status,
):
    positions, tags = emissions.shape[1:]
    rows = np.empty((max(min(lengths[start:stop].max(), positions), 0), tags))
    table, total, weights = np.empty((tags, tags)), np.empty(tags), np.empty(tags)
    nothing, state = np.empty((0, 0, 0)), np.empty(1, np.uint64)
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > positions:
            status[b] = BAD_LENGTH
            continue
        status[b], _ = forward(
            b, length, emissions, transitions, emission_mask, transition_mask, rows, table, total, nothing
        )
        if status[b] != OK or length == 0:
            continue
        state[0] = np.uint64(seeds[b])
        weights[:] = rows[length - 1]
        tag = draw(weights, uniform(state))
        tags_out[b, length - 1, tag] = 1
        for i in range(length - 2, -1, -1):
            row, step = place(b, i, transitions)
            of_row, of_step = place(b, i, transition_mask)
            for p in range(tags):
                allowed = transition_mask.size == 0 or transition_mask[of_row, of_step, p, tag]
                weights[p] = rows[i, p] + np.float64(transitions[row, step, p, tag]) if allowed else -np.inf
            previous = draw(weights, uniform(state))
            pairs_out[b, i if pairs_out.shape[1] > 1 else 0, previous, tag] += 1
            tags_out[b, i, previous] = 1
            tag = previous


@operator(fake=like_both)
def chain_sample(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
    seeds: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the tags and the pairs of neighbouring tags, 0/1, of one exact sample of each row.

    A CUDA tensor goes to the CPU and back. See `chain_argmax` for the arguments; `seeds` is int64, `[batch]`.
    """
    batch = emissions.size(0)
    scores = (to_numpy(emissions), distinct(transitions))
    sizes, masks, row_seeds = to_numpy(lengths), chain_masks(emission_mask, transition_mask), to_numpy(seeds)
    out = (np.zeros(emissions.shape, scores[0].dtype), np.zeros(transitions.shape, scores[1].dtype))
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _sample, batch, *scores, sizes, *masks, row_seeds, *out, status, work=10 * emissions.numel() * emissions.size(2)
    )
    wide = status == OUT_OF_RANGE
    if wide.any():
        # Forests have a part for each step.
        each = np.zeros((batch, max(emissions.size(1) - 1, 0), *out[1].shape[2:]), out[1].dtype)
        sum_wide_sequences(sizes, scores, masks, status, np.zeros((batch, 3)), (out[0], each), SAMPLE, seeds=row_seeds)
        out[1][wide] = each[wide] if out[1].shape[1] == each.shape[1] else each[wide].sum(1, keepdims=True)
    raise_for_status(status, "scores", NO_SEQUENCE, lengths)
    return like_scores(out[0], emissions), like_scores(out[1], transitions)
