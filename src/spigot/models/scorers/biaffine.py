"""Deep biaffine scorers (Dozat & Manning 2017, 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.models.scorers.base import PairScorer, Scorer, select_heads

CACHED = 1 << 19
"""Numbers that a product leaves for the next one, on a CPU."""

Size = Annotated[int, Field(ge=1, le=8192)]


class Biaffine(Scorer):
    """x_headᵀ U x_modifier + w·[x_head; x_modifier] + b for each pair of tokens, x = LeakyReLU(W h + c) by role.

    Dozat & Manning (2017) for trees, (2018) for graphs. Tokens, which they do not score, get w·x + b.

    Args:
        arc_dim: width of x for arcs and tokens.
        label_dim: width of x for labels.
        dropout: of x, with one mask for all tokens of a sentence.
    """

    def __init__(
        self,
        arc_dim: Size = 500,
        label_dim: Size = 100,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.33,
    ) -> None:
        self.arc_dim, self.label_dim, self.dropout = arc_dim, label_dim, dropout

    def tokens(self, input_dim: int) -> nn.Module:
        """Return the scorer of tokens."""
        last = nn.Linear(self.arc_dim, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return nn.Sequential(_Role(input_dim, self.arc_dim, self.dropout), last, nn.Flatten(-2))

    def tree_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs in a tree, without the terms that are the same for all heads (2017)."""
        return BiaffinePairs(input_dim, self.arc_dim, 1, self.dropout, modifier_alone=False)

    def graph_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs in a graph."""
        return BiaffinePairs(input_dim, self.arc_dim, 1, self.dropout)

    def labels(self, input_dim: int, labels: int) -> PairScorer:
        """Return the scorer of labels."""
        return BiaffinePairs(input_dim, self.label_dim, labels, self.dropout)


class BiaffinePairs(PairScorer):
    """The biaffine form of `Biaffine`; without `modifier_alone`, the terms w_modifier·x_modifier + b are left out.

    `weight[output, i, k]` holds U; its last row, of an x_head that ends in a 1, the terms of the modifier alone, and
    its last column those of the head alone. All of it starts at 0.
    """

    def __init__(
        self, input_dim: int, dim: int, outputs: int, dropout: float = 0.0, modifier_alone: bool = True
    ) -> None:
        super().__init__()
        self.head = _Role(input_dim, dim, dropout)
        self.modifier = _Role(input_dim, dim, dropout)
        self.modifier_alone = modifier_alone
        self.weight = nn.Parameter(torch.zeros(outputs, dim + modifier_alone, dim + 1))

    def forward(self, states: Tensor, pairs: Tensor | None = None) -> Tensor:
        """See `PairScorer`."""
        heads, modifiers = self._roles(states)
        # Each head's outputs against all modifiers.
        parts = self._parts(heads, modifiers, heads.shape[1])
        scores = torch.cat([left.flatten(1, 2) @ right.transpose(1, 2) for left, right in parts])
        scores = scores.unflatten(1, (heads.shape[1], -1)).transpose(2, 3)
        return scores if pairs is None else scores.masked_fill(~pairs[..., None], -torch.inf)

    def at(self, states: Tensor, heads: Tensor) -> Tensor:
        """See `PairScorer`."""
        rows, modifiers = self._roles(states)
        parts = self._parts(select_heads(rows, heads).flatten(0, 1), modifiers.flatten(0, 1))
        return torch.cat([(left * right[:, None]).sum(-1) for left, right in parts]).unflatten(0, heads.shape)

    def _parts(self, heads: Tensor, modifiers: Tensor, tokens: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what the outputs make of some heads, `[some, ..., output, k]`, and their modifiers `[some, ..., k]`.

        Each item of the two has so many tokens. On a CPU there are few items at a time: what one product leaves for the
        next stays in the cache.
        """
        outputs, _, width = self.weight.shape
        some = len(heads) if heads.device.type != "cpu" else CACHED // (tokens * outputs * width)
        weight = self.weight.transpose(1, 2).flatten(0, 1)
        for left, right in zip(heads.split(max(1, some)), modifiers.split(max(1, some)), strict=True):
            yield F.linear(left, weight).unflatten(-1, (outputs, width)), right

    def _roles(self, states: Tensor) -> tuple[Tensor, Tensor]:
        heads, modifiers = self.head(states), self.modifier(states)
        return _with_one(heads) if self.modifier_alone else heads, _with_one(modifiers)


class _Role(nn.Module):
    """LeakyReLU(W h + c) with dropout that takes the same numbers from all tokens of a sentence."""

    def __init__(self, input_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, dim)
        self.activation = nn.LeakyReLU(0.1)
        # Dropout of whole channels of [batch, channel, token].
        self.dropout = nn.Dropout1d(dropout)
        nn.init.orthogonal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        rows = self.activation(self.linear(states))
        return self.dropout(rows.transpose(1, 2)).transpose(1, 2)


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[..., :1])], -1)
