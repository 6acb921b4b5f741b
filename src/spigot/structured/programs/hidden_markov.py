"""Hidden Markov models: a linear chain whose scores are log-probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parts.chain import LinearChainParts


def hidden_markov_scores(
    initial: Tensor, transition: Tensor, emission: Tensor, observations: Tensor
) -> LinearChainParts:
    """Return the scores of a `LinearChain` whose sums are those of a hidden Markov model (Rabiner 1989).

    `log_partition` is then the log-likelihood of the observations, the marginals are the posteriors, and the argmax is
    the most likely sequence of states. The arguments are logits, normalised here; log-probabilities stay as they are.

    Args:
        initial: of the first state, `[state]`.
        transition: of the next state given the one before, `[previous, next]`.
        emission: of what is observed given the state, `[state, symbol]`.
        observations: int64, `[batch, position]`; whatever stands past a row's length is not read.
    """
    seen = observations.clamp(0, emission.size(1) - 1)
    emissions = emission.log_softmax(1).T[seen]
    # In front of the first position there is the initial state: it becomes part of its emission.
    starts = torch.cat([initial.log_softmax(0).expand(len(seen), 1, -1), torch.zeros_like(emissions[:, 1:])], 1)
    return LinearChainParts.shared(emissions + starts[:, : seen.size(1)], transition.log_softmax(1))
