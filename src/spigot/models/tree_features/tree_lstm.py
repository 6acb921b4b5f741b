"""A Tree-LSTM from the leaves to ROOT (Tai, Socher & Manning 2015)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from spigot.models.tanh import tanh
from spigot.models.tree_features.base import TreeFeature
from spigot.models.tree_features.levels import depth_of, real_nodes

Size = Annotated[int, Field(ge=1)]


class TreeLSTM(TreeFeature):
    """The states, each beside that of the subtree below it, by a child-sum Tree-LSTM: [h_j; t_j].

    t_j comes from h_j and from the t_k of j's modifiers, each with a forget gate of its own (Tai et al. 2015, Eq. 2-8).
    All nodes are computed at once, as often as the tree has levels, at most `max_depth` times: then a hard tree no
    deeper has exactly its Tree-LSTM, and in a relaxed tree with cycles what is further away counts no more. The forget
    gate of a modifier reads Σ_i z_ik h_i for the state of its head.

    Args:
        input_dim: width of a state.
        hidden: width of t.
        max_depth: the number of levels that a token sees below it.
    """

    def __init__(self, input_dim: int, *, hidden: Size = 100, max_depth: Size = 20) -> None:
        super().__init__()
        self.output_dim = input_dim + hidden
        self.max_depth = max_depth
        self.gates = nn.Linear(input_dim, 3 * hidden)
        self.gates_below = nn.Linear(hidden, 3 * hidden, bias=False)
        self.forget = nn.Linear(input_dim, hidden)
        self.forget_below = nn.Linear(hidden, hidden, bias=False)
        nn.init.ones_(self.forget.bias)

    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        """Return `[batch, n, input_dim + hidden]`."""
        arcs = arcs.to(states.dtype)
        real = real_nodes(arcs)
        own = self.gates(states)
        at_head = arcs.transpose(1, 2) @ self.forget(states)
        hidden = cell = states.new_zeros(*states.shape[:2], self.output_dim - states.shape[2])
        for _ in range(1 + depth_of(arcs, self.max_depth)):
            kept = torch.sigmoid(at_head + self.forget_below(hidden)) * cell
            entry, out, new = (own + self.gates_below(arcs @ hidden)).chunk(3, -1)
            cell = (torch.sigmoid(entry) * tanh(new) + arcs @ kept) * real
            hidden = torch.sigmoid(out) * tanh(cell)
        return torch.cat([states, hidden], -1)
