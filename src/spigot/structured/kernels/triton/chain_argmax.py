"""Viterbi's algorithm on a GPU: the highest-scoring sequence of tags. One program a sequence.

The sums, in float64, and the ties are those of `kernels/chain/argmax.py`, so the sequences are the same, to the last
tie.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .launch import OPTIONS

_OK, _BAD_LENGTH, _NOT_A_NUMBER, _INFEASIBLE = map(tl.constexpr, (OK, BAD_LENGTH, NOT_A_NUMBER, INFEASIBLE))
CELLS = 4096
"""The number of transitions that a program reads at once."""


@triton.jit
def _load(scores, mask, cell, inside, HAS_MASK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return scores in float64, -inf where there is no candidate, and which of them are NaN or +inf."""
    if HAS_MASK:
        inside = inside & (tl.load(mask + cell, inside, 0) != 0)
    values = tl.load(scores + cell, inside, -float("inf")).to(tl.float64)
    # The comparison is False for NaN.
    improper = ~(values < float("inf"))
    return tl.where(improper, -float("inf"), values), improper.to(tl.int32)


@triton.jit(do_not_specialize=["positions"])
def _argmax(  # type: ignore[no-untyped-def]
    emissions, transitions, lengths, emission_mask, transition_mask, rows, tags_out, pairs_out, status, positions, tags,
    MASK_EMISSIONS: tl.constexpr, MASK_TRANSITIONS: tl.constexpr, PREVIOUS: tl.constexpr, TAGS: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + b)
    proper = (length >= 0) & (length <= positions)
    length = tl.where(proper, length, 0).to(tl.int32)
    sequence = b * positions * tags  # cells of [batch, position, tag] before this sequence
    pairs = b * (positions - 1) * tags * tags
    tag = tl.arange(0, TAGS)
    improper = 0
    highest = tl.full([], 0.0, tl.float64)
    for i in range(length):
        best = tl.where(i == 0, 0.0, tl.full([TAGS], -float("inf"), tl.float64))
        for low in range(0, tl.where(i == 0, 0, tags), PREVIOUS):
            previous = low + tl.arange(0, PREVIOUS)
            before = tl.load(rows + sequence + (i - 1) * tags + previous, previous < tags, -float("inf"))
            cell = pairs + (i - 1) * tags * tags + previous[:, None] * tags + tag[None, :]
            inside = (previous < tags)[:, None] & (tag < tags)[None, :]
            scores, wrong = _load(transitions, transition_mask, cell, inside, MASK_TRANSITIONS)
            best = tl.maximum(best, tl.max(before[:, None] + scores, 0))
            improper += tl.sum(tl.sum(wrong, 1), 0)
        cell = sequence + i * tags + tag
        scores, wrong = _load(emissions, emission_mask, cell, tag < tags, MASK_EMISSIONS)
        improper += tl.sum(wrong, 0)
        best += scores
        highest = tl.max(best, 0)
        best -= tl.where(highest == -float("inf"), 0.0, highest)
        tl.store(rows + cell, best, tag < tags)
        tl.debug_barrier()
    none = highest == -float("inf")
    result = tl.where(proper, tl.where(improper > 0, _NOT_A_NUMBER, tl.where(none, _INFEASIBLE, _OK)), _BAD_LENGTH)
    tl.store(status + b, result)
    # Back from the last position; the scores into the chosen tag are looked at again.
    steps = tl.where(result == _OK, length, 0)
    chosen = 0
    for step in range(steps):
        i = steps - 1 - step
        scores = tl.load(rows + sequence + i * tags + tag, tag < tags, -float("inf"))
        if step > 0:
            cell = pairs + i * tags * tags + tag * tags + chosen
            into, _ = _load(transitions, transition_mask, cell, tag < tags, MASK_TRANSITIONS)
            scores += into
        best_tag = tl.min(tl.where(scores == tl.max(scores, 0), tag, TAGS), 0)
        tl.store(tags_out + sequence + i * tags + best_tag, 1.0)
        tl.store(pairs_out + pairs + (i * tags + best_tag) * tags + chosen, 1.0, step > 0)
        chosen = best_tag


def chain_argmax(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Do what the CPU's `chain_argmax` does, with the same ties. Scratch is one float64 for each emission.

    The call waits for the GPU once, at its end, to learn whether there is a sequence to refuse.
    """
    batch, positions, tags = emissions.shape
    if transitions.size(1) == 1 and positions != 2:
        # Transitions that all steps share.
        steps = (batch, max(positions - 1, 0), tags, tags)
        allowed = None if transition_mask is None else transition_mask.expand(steps)
        shared_tags, pairs = chain_argmax(emissions, transitions.expand(steps), lengths, emission_mask, allowed)
        return shared_tags, pairs.sum(1, keepdim=True)
    best_tags = torch.zeros_like(emissions, memory_format=torch.contiguous_format)
    best_pairs = torch.zeros_like(transitions, memory_format=torch.contiguous_format)
    if batch == 0:
        return best_tags, best_pairs
    rows = torch.empty(emissions.shape, dtype=torch.float64, device=emissions.device)
    status = torch.empty(batch, dtype=torch.int32, device=emissions.device)
    width = triton.next_power_of_2(max(tags, 1))
    height = max(1, min(width, CELLS // width))
    scores, pair_scores, sizes = emissions.contiguous(), transitions.contiguous(), lengths.contiguous()
    with torch.cuda.device_of(scores):
        _argmax[batch,](
            scores, pair_scores, sizes,
            scores if emission_mask is None else emission_mask.contiguous(),
            pair_scores if transition_mask is None else transition_mask.contiguous(),
            rows, best_tags, best_pairs, status, positions, tags,
            MASK_EMISSIONS=emission_mask is not None, MASK_TRANSITIONS=transition_mask is not None,
            PREVIOUS=height, TAGS=width, num_warps=max(1, min(8, height * width // 256)), **OPTIONS,
        )  # fmt: skip
    raise_for_status(status.cpu().numpy(), "scores", "no sequence of tags", lengths)
    return best_tags, best_pairs
