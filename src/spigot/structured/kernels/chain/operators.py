"""The operators of a family of sequences, made of what sums their rows.

The log-probability of a sequence that is given by its tags has an operator of its own: 0/1 parts would take as much
memory as the transitions, and reading them as much time as the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..forest.rows import Sums
from ..forest.sums import MARGINALS, SLOPES
from ..numerics.limbs import add_times
from ..runtime.arrays import like_scores, to_numpy
from ..runtime.gibbs import GibbsOperators, Reduced, gibbs_operators, group_limbs, is_own
from ..runtime.operator import operator
from .argmax import chain_masks, distinct, place


class ChainOperators(NamedTuple):
    """The operators of a family."""

    gibbs: GibbsOperators
    tags_log_prob: Callable[..., Tensor]
    """Takes emissions, transitions, tags `[batch, position]`, -1 for none, and what else `gibbs` takes."""


def chain_operators(family: str, run: Callable[..., Sums], reduce: Callable[..., Reduced]) -> ChainOperators:
    """Register the operators of a family; see `gibbs_operators`.

    Args:
        family: the name of the sequences.
        run: takes what `log_partition` does, what is wanted (see `forest/sums.py`), and a direction of the scores.
        reduce: takes what `log_partition` does.
    """

    def log_partition(
        emissions: Tensor,
        transitions: Tensor,
        lengths: Tensor,
        emission_mask: Tensor | None,
        transition_mask: Tensor | None,
    ) -> Tensor:
        """Return log Σ exp <scores, z> over the sequences z of each row, `[batch]`; see `chain_argmax`.

        A CUDA tensor goes to the CPU and back.
        """
        sums = run(emissions, transitions, lengths, emission_mask, transition_mask)
        return like_scores(sums.log_z.sum(1), emissions)

    def marginals(
        emissions: Tensor,
        transitions: Tensor,
        lengths: Tensor,
        emission_mask: Tensor | None,
        transition_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the probabilities of tags and, shaped like the transitions, the expected counts of pairs."""
        sums = run(emissions, transitions, lengths, emission_mask, transition_mask, MARGINALS)
        return like_scores(sums.expected[0], emissions), like_scores(sums.expected[1], transitions)

    def marginals_jvp(
        emissions: Tensor,
        transitions: Tensor,
        d_emissions: Tensor,
        d_transitions: Tensor,
        lengths: Tensor,
        emission_mask: Tensor | None,
        transition_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the derivative of the marginals as the scores move in a direction, read at candidates only."""
        direction = (d_emissions, d_transitions)
        sums = run(emissions, transitions, lengths, emission_mask, transition_mask, SLOPES, direction)
        return like_scores(sums.expected[0], emissions), like_scores(sums.expected[1], transitions)

    gibbs = gibbs_operators(family, log_partition, marginals, marginals_jvp, run, reduce)

    def save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        emissions, transitions, tags, *others, log_prob = ctx.saved_tensors
        grad = grad.masked_fill(log_prob == -torch.inf, 0)
        expected = gibbs.marginals(emissions, transitions, *others)
        slopes = (
            _chosen_less(part, chosen, grad) for part, chosen in zip(expected, _places(tags, expected), strict=True)
        )
        return *slopes, None, None, None, None

    def tags_log_prob(
        emissions: Tensor,
        transitions: Tensor,
        tags: Tensor,
        lengths: Tensor,
        emission_mask: Tensor | None,
        transition_mask: Tensor | None,
    ) -> Tensor:
        """Return log p of the sequences with these tags, `[batch]`; -inf where one has a part that is no candidate."""
        total = -run(emissions, transitions, lengths, emission_mask, transition_mask).log_z
        scores = to_numpy(emissions), distinct(transitions)
        _add_tags(*scores, *chain_masks(emission_mask, transition_mask), to_numpy(tags), total)
        # Rounding may bring the probability of a certain sequence above 1.
        return like_scores(np.minimum(total.sum(1), 0.0), emissions)

    register = operator(
        name=f"{family}_tags_log_prob",
        fake=lambda emissions, *others: emissions.new_empty(emissions.size(0)),
        backward=backward,
        save=save,
        jvp="gradient",
        moving=(0, 1),
    )
    return ChainOperators(gibbs, register(tags_log_prob))


@njit(nogil=True, cache=True, error_model="numpy")
def _add_tags(emissions, transitions, emission_mask, transition_mask, tags, total):  # type: ignore[no-untyped-def]
    """Add the scores of sequences to limbs, -inf if a part is no candidate."""
    for b in range(tags.shape[0]):
        allowed, before = True, -1
        for i in range(tags.shape[1]):
            tag = tags[b, i]
            if tag >= 0:
                score = np.float64(emissions[b, i, tag])
                allowed &= score > -np.inf and (emission_mask.size == 0 or emission_mask[b, i, tag])
                if allowed:
                    add_times(total[b], score, 1.0)
            if tag >= 0 and before >= 0:
                row, step = place(b, i - 1, transitions)
                score = np.float64(transitions[row, step, before, tag])
                if transition_mask.size > 0:
                    row, step = place(b, i - 1, transition_mask)
                    allowed &= transition_mask[row, step, before, tag]
                allowed &= score > -np.inf
                if allowed:
                    add_times(total[b], score, 1.0)
            before = tag
        if not allowed:
            total[b] = -np.inf


def _places(tags: Tensor, expected: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return where the parts of sequences are, in the last axis of emissions and of flat transitions, and which are."""
    count = expected[0].size(2)
    pairs = tags[:, :-1] * count + tags[:, 1:]
    known = (tags[:, :-1] >= 0) & (tags[:, 1:] >= 0)
    if expected[1].size(1) == 1:
        # All steps share them.
        pairs, known = pairs[:, None], known[:, None]
    else:
        pairs, known = pairs[..., None], known[..., None]
    return (tags[..., None].clamp(min=0), (tags >= 0)[..., None]), (pairs.clamp(min=0), known)


def _chosen_less(expected: Tensor, chosen: tuple[Tensor, Tensor], grad: Tensor) -> Tensor:
    """Return (z - E[z]) times the gradient of each row."""
    factor = grad.view(-1, 1, 1)
    flat, (index, known) = expected.flatten(2), chosen
    share = known * factor
    if is_own(grad):
        return flat.mul_(-factor).scatter_add_(2, index, share).view(expected.shape)
    return (flat * -factor).scatter_add(2, index, share).view(expected.shape)


def reduced_by(*groups: tuple[Tensor, Tensor | None, Tensor, Tensor]) -> Reduced:
    """Take the best score off each group of parts of which a sequence chooses the same number.

    Args:
        groups: scores `[batch, group, ...]`, their mask or None, whether a group is used (bool, `[batch, group]`), and
            how many of its parts are chosen.
    """
    reduced, offsets = [], torch.zeros(len(groups[0][0]), 3, dtype=torch.float64, device=groups[0][0].device)
    for scores, mask, used, times in groups:
        valid = used.view(*used.shape, *[1] * (scores.dim() - 2)) & (scores != -torch.inf)
        valid = valid if mask is None else valid & mask
        wide = scores.double().masked_fill(~valid, -torch.inf)
        best = wide.flatten(2).amax(2).nan_to_num(neginf=0.0)
        reduced.append(torch.where(valid, wide - best.view(*best.shape, *[1] * (scores.dim() - 2)), 0.0))
        offsets = offsets + group_limbs(best, times.double())
    return Reduced(tuple(reduced), offsets)
