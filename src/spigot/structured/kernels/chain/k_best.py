"""The k highest-scoring sequences of tags: Viterbi with the k best beginnings at each tag, in O(n t² + n t k²) or so.

Beginnings are kept in descending order, and of equal ones the smaller tag before comes first: so the first sequence is
that of `argmax.py`.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import to_numpy
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .argmax import NO_SEQUENCE, add_emissions, chain_masks, distinct, read_transitions


@njit(nogil=True, cache=True, error_model="numpy")
def _insert(value, tag, rank, values, tags, ranks):  # type: ignore[no-untyped-def]
    """Put a beginning behind those that score as much; the last one falls out."""
    at = values.size - 1
    while at > 0 and values[at - 1] < value:
        values[at], tags[at], ranks[at] = values[at - 1], tags[at - 1], ranks[at - 1]
        at -= 1
    values[at], tags[at], ranks[at] = value, tag, rank


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(b, length, emissions, transitions, emission_mask, transition_mask, best, from_tag, from_rank, table, row):  # type: ignore[no-untyped-def]
    """Fill best[position, tag, rank], and where each comes from; return a status."""
    tags, k = best.shape[1:]
    best[:length] = -np.inf
    for i in range(length):
        improper = 0
        if i == 0:
            best[0, :, 0] = 0.0
        else:
            improper = read_transitions(b, i - 1, transitions, transition_mask, table)
            for j in range(tags):
                for p in range(tags):
                    for rank in range(k):
                        value = best[i - 1, p, rank] + table[p, j]
                        if not value > best[i, j, k - 1]:
                            break
                        _insert(value, p, rank, best[i, j], from_tag[i, j], from_rank[i, j])
        row[:] = 0.0
        _, more = add_emissions(b, i, emissions, emission_mask, row)
        if improper + more > 0:
            return NOT_A_NUMBER
        for j in range(tags):
            for rank in range(k):
                best[i, j, rank] += row[j]
    return OK


@njit(nogil=True, cache=True, error_model="numpy")
def _k_best(  # type: ignore[no-untyped-def]
    start, stop, emissions, transitions, lengths, emission_mask, transition_mask, totals, found, status
):
    positions, tags = emissions.shape[1:]
    k = totals.shape[1]
    longest = max(min(lengths[start:stop].max(), positions), 0)
    best, table, row = np.empty((longest, tags, k)), np.empty((tags, tags)), np.empty(tags)
    from_tag, from_rank = np.empty((longest, tags, k), np.int32), np.empty((longest, tags, k), np.int32)
    last_tag, last_rank = np.empty(k, np.int32), np.empty(k, np.int32)
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > positions:
            status[b] = BAD_LENGTH
            continue
        if length == 0:
            totals[b, 0] = 0.0
            continue
        status[b] = _fill(
            b, length, emissions, transitions, emission_mask, transition_mask, best, from_tag, from_rank, table, row
        )
        if status[b] != OK:
            continue
        for tag in range(tags):
            for rank in range(k):
                if not best[length - 1, tag, rank] > totals[b, k - 1]:
                    break
                _insert(best[length - 1, tag, rank], tag, rank, totals[b], last_tag, last_rank)
        if totals[b, 0] == -np.inf:
            status[b] = INFEASIBLE
            continue
        for place in range(k):
            if totals[b, place] == -np.inf:
                break
            tag, rank = last_tag[place], last_rank[place]
            for i in range(length - 1, -1, -1):
                found[b, place, i] = tag
                if i > 0:
                    tag, rank = from_tag[i, tag, rank], from_rank[i, tag, rank]


def chain_k_best(
    k: int,
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the tags of the k best sequences, int64, `[batch, k, position]`, and their scores, float64, `[batch, k]`.

    Where a row has fewer, tags are -1, and scores -inf. A CUDA tensor goes to the CPU and back. See `chain_argmax` for
    the other arguments.
    """
    batch, positions, tags = emissions.shape
    totals, found = np.full((batch, k), -np.inf), np.full((batch, k, positions), -1)
    status = np.full(batch, OK)
    over_batch(
        _k_best,
        batch,
        to_numpy(emissions),
        distinct(transitions),
        to_numpy(lengths),
        *chain_masks(emission_mask, transition_mask),
        totals,
        found,
        status,
        work=k * batch * positions * tags**2,
    )
    raise_for_status(status, "scores", NO_SEQUENCE, lengths)
    return torch.from_numpy(found).to(emissions.device), torch.from_numpy(totals).to(emissions.device)
