"""What scores the parts of a parse: tokens, arcs and labelled arcs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class PairScorer(nn.Module, ABC):
    """Scores ordered pairs of tokens, each with `outputs` numbers: 1 for an arc, one a label for a labelled arc."""

    @abstractmethod
    def forward(self, states: Tensor, pairs: Tensor | None = None) -> Tensor:
        """Score all pairs of `states[batch, n, d]`; returns `[batch, head, modifier, outputs]`.

        Given `pairs` (bool, `[batch, head, modifier]`), the others get -inf and no gradient.
        """

    @abstractmethod
    def at(self, states: Tensor, heads: Tensor) -> Tensor:
        """Score each token of `states[batch, n, d]` with one head alone; returns `[batch, modifier, outputs]`.

        `heads[batch, modifier]` are all at least 0.
        """


class Scorer(ABC):
    """Makes the scorers of a parser. Arguments of a subclass's constructor are those that a recipe gives."""

    @abstractmethod
    def tokens(self, input_dim: int) -> nn.Module:
        """Return a module from `states[batch, n, input_dim]` to a score for each token, `[batch, n]`."""

    @abstractmethod
    def tree_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs of which each token has one from its head: only differences between heads count."""

    @abstractmethod
    def graph_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs that are chosen if they score above 0; few of them have a gradient."""

    @abstractmethod
    def labels(self, input_dim: int, labels: int) -> PairScorer:
        """Return the scorer of the labels of arcs; few arcs have a gradient."""


def select_heads(rows: Tensor, heads: Tensor) -> Tensor:
    """Return for each modifier the row of its head: `rows[batch, head, d]`, `heads[batch, modifier]`."""
    return rows.gather(1, heads[..., None].expand(*heads.shape, rows.shape[-1]))
