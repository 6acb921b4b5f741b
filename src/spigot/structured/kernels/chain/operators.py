"""The operators of a family of sequences, made of what sums their rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..forest.rows import Sums
from ..forest.sums import MARGINALS, SLOPES
from ..runtime.arrays import like_scores
from ..runtime.gibbs import GibbsOperators, Reduced, gibbs_operators, group_limbs


def chain_operators(family: str, run: Callable[..., Sums], reduce: Callable[..., Reduced]) -> GibbsOperators:
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

    return gibbs_operators(family, log_partition, marginals, marginals_jvp, run, reduce)


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
