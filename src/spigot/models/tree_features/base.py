"""What a semantic parser reads of a syntactic tree."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class TreeFeature(nn.Module, ABC):
    """Makes of the states of tokens, and a tree over them, the states that the semantic parser scores.

    A subclass takes `input_dim`, the width of a state, and its own arguments, and sets `output_dim`.
    """

    output_dim: int
    """The width of what `forward` returns."""

    @abstractmethod
    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        """Return `[batch, n, output_dim]` from `states[batch, n, input_dim]` and `arcs[batch, head, modifier]`.

        Node 0 is ROOT. `arcs` is a hard tree of 0 and 1 or a relaxed one (marginals), in any floating-point type; the
        columns of ROOT and of padding are 0. It has to be differentiable in both arguments: the gradient for
        `arcs` is what the surrogate turns into one for the syntactic parser.
        """
