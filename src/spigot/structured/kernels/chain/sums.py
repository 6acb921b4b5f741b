"""log Z and marginals of tag sequences as operators of torch, each the derivative of the one before it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...checks import raise_for_status
from ..runtime.arrays import to_numpy
from ..runtime.gibbs import gibbs_operators
from ..runtime.parallel import over_batch
from .argmax import NO_SEQUENCE, chain_masks
from .forward_backward import sum_sequences


def _run(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
    marginals: bool = False,
    direction: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return log Z and, if asked for, the marginals, or their slopes if there is a direction.

    The latter are computed in float64, and what goes from forward to backward is kept in the type of the scores, in
    the tensors that are returned.
    """
    batch, _, tags = emissions.shape
    log_z = torch.zeros(batch, dtype=torch.float64)
    status = np.zeros(batch, dtype=np.int64)
    wanted = marginals or direction is not None
    tags_out = torch.zeros(emissions.shape if wanted else (0, 0, 0), dtype=emissions.dtype)
    pairs_out = torch.zeros(transitions.shape if wanted else (1, 0, 0, 0), dtype=transitions.dtype)
    d_emissions, d_transitions = direction or (emissions.new_empty(0, 0, 0), transitions.new_empty(0, 0, 0, 0))
    over_batch(
        sum_sequences,
        batch,
        to_numpy(emissions),
        to_numpy(transitions),
        to_numpy(lengths),
        *chain_masks(emission_mask, transition_mask),
        to_numpy(d_emissions),
        to_numpy(d_transitions),
        log_z.numpy(),
        tags_out.numpy(),
        pairs_out.numpy(),
        status,
        work=10 * batch * emissions.size(1) * tags * tags,
    )
    raise_for_status(status, "scores", NO_SEQUENCE)
    return log_z.to(emissions), tags_out.to(emissions), pairs_out.to(transitions)


def _log_partition(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> Tensor:
    """Return log Σ exp <scores, z> over the sequences z of each row, `[batch]`; see `chain_argmax` for the arguments.

    A CUDA tensor goes to the CPU and back.
    """
    return _run(emissions, transitions, lengths, emission_mask, transition_mask)[0]


def _marginals(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the probabilities of tags and of pairs of neighbouring tags; see `chain_log_partition`."""
    return _run(emissions, transitions, lengths, emission_mask, transition_mask, marginals=True)[1:]


def _marginals_jvp(
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
    return _run(emissions, transitions, lengths, emission_mask, transition_mask, direction=direction)[1:]


chain_log_partition, chain_marginals, chain_marginals_jvp = gibbs_operators(
    "chain", _log_partition, _marginals, _marginals_jvp
)
