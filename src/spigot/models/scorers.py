"""Multilayer perceptrons that score parts: a token, an arc, an arc's labels (paper section 4.1.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

MAX_CELLS = 2**17
"""Arcs scored at a time: hidden layers of more would fill memory for a long sentence or a large batch."""


class TokenScorer(nn.Module):
    """w·tanh(W2 tanh(W1 h + b1) + b2) + b for each token."""

    def __init__(self, input_dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_dim, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 1),
        )
        _glorot(self)

    def forward(self, states: Tensor) -> Tensor:
        """Score `states[batch, n, d]`; returns `[batch, n]`."""
        return self.layers(states).squeeze(-1)


class ArcScorer(nn.Module):
    """W3·tanh(W2 tanh(U h_head + V h_modifier + b1) + b2) + b3 for each pair of tokens.

    Kiperwasser & Goldberg (2016) with a second hidden layer, as both parsers of the paper have it;
    `outputs` is 1 for unlabelled arcs, the number of labels for labelled ones.
    """

    def __init__(self, input_dim: int, hidden: int, outputs: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.head = nn.Linear(input_dim, hidden)
        self.modifier = nn.Linear(input_dim, hidden, bias=False)
        self.layers = nn.Sequential(
            nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
        )
        _glorot(self)

    def forward(self, states: Tensor) -> Tensor:
        """Score all pairs of `states[batch, n, d]`; returns `[batch, head, modifier, outputs]`."""
        heads, modifiers = self.head(states), self.modifier(states)
        batch, n, _ = heads.shape
        rows = max(1, MAX_CELLS // max(1, batch * n))
        if rows >= n:
            return self._score(heads, modifiers)
        pieces = []
        for some in heads.split(rows, 1):
            if torch.is_grad_enabled():
                pieces.append(checkpoint(self._score, some, modifiers, use_reentrant=False))
            else:
                pieces.append(self._score(some, modifiers))
        return torch.cat(pieces, 1)

    def _score(self, heads: Tensor, modifiers: Tensor) -> Tensor:
        return self.layers(heads[:, :, None] + modifiers[:, None])


def _glorot(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
