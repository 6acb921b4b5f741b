"""From the states of tokens to their tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.vocabulary import Labels


class Tagger(nn.Module):
    """A linear map from a token's state to the scores of its tags.

    Args:
        input_dim: width of a state.
        labels: the tags.
    """

    def __init__(self, input_dim: int, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self.linear = nn.Linear(input_dim, len(labels))

    def score(self, states: Tensor) -> Tensor:
        """Return the scores `[batch, n, tag]` of `states[batch, n, input_dim]`, in single precision."""
        return self.linear(states).float()

    @torch.no_grad()
    def tags(self, scores: Tensor, lengths: Tensor) -> list[tuple[str, ...]]:
        """Return the tags of highest score of each sentence; ROOT has none."""
        names = self.labels.names
        rows = zip(scores.argmax(-1).tolist(), lengths.tolist(), strict=True)
        return [tuple(names[k] for k in row[1 : n + 1]) for row, n in rows]


def gold_tags(tags: Sequence[Sequence[str]], labels: Labels) -> Tensor:
    """Return the numbers `[batch, n]` of tags by sentence: -1 at ROOT, past the lengths and where one is unknown."""
    n = 1 + max(map(len, tags), default=0)
    rows = np.full((len(tags), n), -1, np.int64)
    for row, of_sentence in enumerate(tags):
        rows[row, 1 : len(of_sentence) + 1] = [labels[tag] for tag in of_sentence]
    return torch.from_numpy(rows)
