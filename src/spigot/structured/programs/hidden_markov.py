"""Hidden Markov models: a linear chain whose scores are log-probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, check_floating
from ..parts.chain import LinearChainParts
from ..parts.compact import check_integers


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
        observations: integers, `[batch, position]`. What is no symbol may stand past a row's length only: its scores
            are NaN, which `LinearChain` refuses within a row.

    Raises:
        TypeError: logits that are no floating-point numbers, or observations that are no integers.
        ValueError: shapes that do not fit.
    """
    check_arguments("initial", initial, "state")
    check_arguments("emission", emission, "state symbol")
    check_integers("observations", observations, "batch position")
    states, symbols = initial.size(0), emission.size(1)
    for name, given, shape in (("transition", transition, [states] * 2), ("emission", emission, [states, symbols])):
        check_floating(name, given)
        if list(given.shape) != shape:
            raise ValueError(f"{name}: expected shape {shape} as there are {states} states, got {list(given.shape)}")
    seen = observations.to(device=emission.device, dtype=torch.int64)
    unknown = (seen < 0) | (seen >= symbols)
    emissions = emission.log_softmax(1).T[seen.clamp(0, symbols - 1)].masked_fill(unknown[..., None], torch.nan)
    # In front of the first position there is the initial state: it becomes part of its emission.
    starts = torch.cat([initial.log_softmax(0).expand(len(seen), 1, -1), torch.zeros_like(emissions[:, 1:])], 1)
    return LinearChainParts.shared(emissions + starts[:, : seen.size(1)], transition.log_softmax(1))
