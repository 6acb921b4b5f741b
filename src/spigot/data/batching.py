"""Batches of about equal cost, of sentences of about equal length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONG = 60
"""Tokens above which a sentence's cost grows with the square of its length, as its arc scores do."""


def cost(length: int) -> int:
    """Return the cost of a sentence of `length` tokens, in tokens of a short sentence; ROOT counts as a token."""
    nodes = length + 1
    return nodes if nodes <= LONG else nodes * nodes // LONG


def make_batches(
    lengths: Sequence[int], budget: int, random: np.random.Generator | None = None, max_sentences: int = 2**31
) -> list[list[int]]:
    """Group the indices of sentences so that no batch, padding included, costs more than `budget`.

    A sentence over the budget gets a batch of its own. With `random`, sentences of about equal length are
    mixed anew and the batches come in random order; the result depends on the generator's state alone.
    """
    if budget < 1 or max_sentences < 1:
        raise ValueError(f"budget, max_sentences: expected at least 1, got {budget}, {max_sentences}")
    keys = np.asarray(lengths, float)
    if random is not None:
        # Noise of about a tenth of the length: neighbours change from epoch to epoch, padding stays small.
        keys = keys * random.uniform(0.9, 1.1, len(keys)) + random.uniform(0, 1, len(keys))
    batches: list[list[int]] = []
    widest = 0
    for item in np.argsort(keys, kind="stable").tolist():
        here = cost(lengths[item])
        if batches and max(widest, here) * (len(batches[-1]) + 1) <= budget and len(batches[-1]) < max_sentences:
            batches[-1].append(item)
            widest = max(widest, here)
        else:
            batches.append([item])
            widest = here
    if random is not None:
        order = random.permutation(len(batches))
        batches = [batches[k] for k in order]
    return batches
