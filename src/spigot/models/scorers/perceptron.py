"""Multilayer perceptrons that score parts: a token, an arc, an arc's labels (paper section 4.1.1)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spigot.models.scorers.base import PairScorer, Scorer, select_heads
from spigot.models.tanh import Tanh
from spigot.structured.surrogates.once import differentiable_once

MAX_CELLS = 2**17
"""Arcs scored at a time: hidden layers of more would fill memory for a long sentence or a large batch."""


class Perceptron(Scorer):
    """Perceptrons with two hidden layers, as published (Kiperwasser & Goldberg 2016; Peng et al. 2017).

    Args:
        hidden: units of each hidden layer.
    """

    def __init__(self, hidden: Annotated[int, Field(ge=1, le=8192)] = 100) -> None:
        self.hidden = hidden

    def tokens(self, input_dim: int) -> nn.Module:
        """Return the scorer of tokens."""
        return TokenScorer(input_dim, self.hidden)

    def tree_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs in a tree."""
        return ArcScorer(input_dim, self.hidden)

    def graph_arcs(self, input_dim: int) -> PairScorer:
        """Return the scorer of arcs in a graph."""
        return ArcScorer(input_dim, self.hidden, few_gradients=True)

    def labels(self, input_dim: int, labels: int) -> PairScorer:
        """Return the scorer of labels."""
        return ArcScorer(input_dim, self.hidden, labels, few_gradients=True)


class TokenScorer(nn.Module):
    """w·tanh(W2 tanh(W1 h + b1) + b2) + b for each token."""

    def __init__(self, input_dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_dim, hidden),
            Tanh(),
            nn.Linear(hidden, hidden),
            Tanh(),
            nn.Linear(hidden, 1),
        )
        glorot(self)

    def forward(self, states: Tensor) -> Tensor:
        """Score `states[batch, n, d]`; returns `[batch, n]`."""
        return self.layers(states).squeeze(-1)


class ArcScorer(PairScorer):
    """W3·tanh(W2 tanh(U h_head + V h_modifier + b1) + b2) + b3 for each pair of tokens.

    Kiperwasser & Goldberg (2016) with a second hidden layer, as both parsers of the paper have it;
    `outputs` is 1 for unlabelled arcs, the number of labels for labelled ones.

    `few_gradients` says that the loss has a gradient for few of the pairs, as a hinge loss has for the arcs that are
    wrong: these pairs are then scored once more on the way back, and nothing is kept or done for all others.
    """

    def __init__(
        self, input_dim: int, hidden: int, outputs: int = 1, dropout: float = 0.0, few_gradients: bool = False
    ) -> None:
        super().__init__()
        if few_gradients and dropout:
            raise ValueError(f"dropout: expected 0 beside few_gradients, since pairs are scored twice, got {dropout}")
        self.few_gradients = few_gradients
        self.head = nn.Linear(input_dim, hidden)
        self.modifier = nn.Linear(input_dim, hidden, bias=False)
        self.layers = nn.Sequential(
            Tanh(), nn.Linear(hidden, hidden), Tanh(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
        )
        glorot(self)

    def forward(self, states: Tensor, pairs: Tensor | None = None) -> Tensor:
        """Score all pairs of `states[batch, n, d]`; returns `[batch, head, modifier, outputs]`.

        Given `pairs` (bool, `[batch, head, modifier]`), score these alone; the others get -inf.
        """
        heads, modifiers = self.head(states), self.modifier(states)
        if pairs is not None:
            row, head, modifier = pairs.nonzero(as_tuple=True)
            scores = self.layers(heads[row, head] + modifiers[row, modifier])
            nothing = torch.full((*pairs.shape, scores.size(-1)), -torch.inf, dtype=scores.dtype, device=scores.device)
            return nothing.index_put((row, head, modifier), scores)
        batch, n, _ = heads.shape
        rows = max(1, MAX_CELLS // max(1, batch * n))
        if self.few_gradients:
            return _FewGradients.apply(self.layers, rows, heads, modifiers, *self.layers.parameters())
        if rows >= n:
            return self._score(heads, modifiers)
        pieces = []
        for some in heads.split(rows, 1):
            if torch.is_grad_enabled():
                pieces.append(checkpoint(self._score, some, modifiers, use_reentrant=False))
            else:
                pieces.append(self._score(some, modifiers))
        return torch.cat(pieces, 1)

    def at(self, states: Tensor, heads: Tensor) -> Tensor:
        """See `PairScorer`."""
        return self.layers(select_heads(self.head(states), heads) + self.modifier(states))

    def _score(self, heads: Tensor, modifiers: Tensor) -> Tensor:
        return self.layers(heads[:, :, None] + modifiers[:, None])


class _FewGradients(torch.autograd.Function):
    """Scores all pairs; on the way back, scores those again that have a gradient, and follows these alone."""

    @staticmethod
    def forward(ctx: Any, layers: nn.Module, rows: int, heads: Tensor, modifiers: Tensor, *_: Tensor) -> Tensor:
        ctx.layers, ctx.dtype = layers, _autocast_dtype(heads)
        ctx.save_for_backward(heads, modifiers)
        return torch.cat([layers(some[:, :, None] + modifiers[:, None]) for some in heads.split(rows, 1)], 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        heads, modifiers = ctx.saved_tensors
        row, head, modifier = grad.ne(0).any(-1).nonzero(as_tuple=True)
        parameters = list(ctx.layers.parameters())
        with (
            torch.enable_grad(),
            torch.autocast(grad.device.type, ctx.dtype, enabled=ctx.dtype is not None),
        ):
            pairs = (heads[row, head] + modifiers[row, modifier]).detach().requires_grad_()
            scores = ctx.layers(pairs)
        of_pairs, *of_parameters = torch.autograd.grad(scores, [pairs, *parameters], grad[row, head, modifier])
        # Where a token's pairs are added up, single precision at least.
        of_heads, of_modifiers = (
            torch.zeros_like(x, dtype=torch.promote_types(x.dtype, torch.float32)) for x in (heads, modifiers)
        )
        of_heads.index_put_((row, head), of_pairs.to(of_heads.dtype), accumulate=True)
        of_modifiers.index_put_((row, modifier), of_pairs.to(of_heads.dtype), accumulate=True)
        grads = of_heads.to(heads.dtype), of_modifiers.to(modifiers.dtype), *of_parameters
        return None, None, *differentiable_once("Perceptron", grads, heads, modifiers, grad, *parameters)


def _autocast_dtype(tensor: Tensor) -> torch.dtype | None:
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def glorot(module: nn.Module) -> None:
    """Initialise all linear maps in `module` as DyNet does: Glorot, with zero biases."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
