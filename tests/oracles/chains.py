"""All tag sequences of a short chain, and what follows from listing them."""

from itertools import pairwise, product

import torch


def all_sequences(emissions, transitions):
    """Return for one row the sequences, in lexicographic order, their 0/1 parts side by side, and their scores.

    Args:
        emissions: float64, `[position, tag]`.
        transitions: `[position, previous, next]`.

    Returns:
        a list of tuples; `[sequence, emissions and transitions, flattened]`; `[sequence]`.
    """
    positions, tags = emissions.shape
    sequences = list(product(range(tags), repeat=positions))
    parts, scores = [], []
    for sequence in sequences:
        chosen = torch.zeros_like(emissions), torch.zeros_like(transitions)
        score = torch.zeros((), dtype=torch.float64)
        for i, tag in enumerate(sequence):
            chosen[0][i, tag] = 1
            score = score + emissions[i, tag]
        for i, (previous, following) in enumerate(pairwise(sequence)):
            chosen[1][i, previous, following] = 1
            score = score + transitions[i, previous, following]
        parts.append(torch.cat([part.flatten() for part in chosen]))
        scores.append(score)
    return sequences, torch.stack(parts), torch.stack(scores)
