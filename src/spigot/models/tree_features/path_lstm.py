"""An LSTM along the path from ROOT to each token, after Roth & Lapata (2016)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from spigot.models.tanh import tanh
from spigot.models.tree_features.base import TreeFeature
from spigot.models.tree_features.levels import depth_of, real_nodes

Size = Annotated[int, Field(ge=1)]


class PathLSTM(TreeFeature):
    """The states, each beside that of an LSTM which has read the path from ROOT down to it: [h_j; p_j].

    Roth & Lapata read the path between a predicate and an argument. Here the scorers get the two paths that it
    consists of, from ROOT to each of them, so that a sentence needs n steps of the LSTM and not n². In a relaxed tree a
    token goes on from the mean of its heads. All nodes are computed at once, as often as the tree has levels, at most
    `max_depth` times.

    Args:
        input_dim: width of a state.
        hidden: width of p.
        max_depth: of a longer path, the last tokens that are read.
    """

    def __init__(self, input_dim: int, *, hidden: Size = 100, max_depth: Size = 20) -> None:
        super().__init__()
        self.output_dim = input_dim + hidden
        self.max_depth = max_depth
        self.gates = nn.Linear(input_dim, 4 * hidden)
        self.gates_above = nn.Linear(hidden, 4 * hidden, bias=False)
        nn.init.ones_(self.gates.bias.chunk(4)[1].detach())

    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        """Return `[batch, n, input_dim + hidden]`."""
        arcs = arcs.to(states.dtype)
        real, to_modifier = real_nodes(arcs), arcs.transpose(1, 2)
        own = self.gates(states)
        hidden = cell = states.new_zeros(*states.shape[:2], self.output_dim - states.shape[2])
        for _ in range(1 + depth_of(arcs, self.max_depth)):
            above = self.gates_above(to_modifier @ hidden)
            entry, forget, out, new = (own + above).chunk(4, -1)
            kept = torch.sigmoid(forget) * (to_modifier @ cell)
            cell = (kept + torch.sigmoid(entry) * tanh(new)) * real
            hidden = torch.sigmoid(out) * tanh(cell)
        return torch.cat([states, hidden], -1)
