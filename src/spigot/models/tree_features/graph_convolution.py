"""Convolutions along the arcs of the tree (Kipf & Welling 2017; Marcheggiani & Titov 2017)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.models.tree_features.base import TreeFeature
from spigot.models.tree_features.levels import real_nodes

Size = Annotated[int, Field(ge=1)]


class GraphConvolution(TreeFeature):
    """The states, each beside what `layers` convolutions make of it: [h_j; g_j].

    A layer adds what comes from the token itself, from its head and, as a mean, from its modifiers, each with its own
    weights: g'_j = ReLU(W g_j + U Σ_i z_ij g_i + V (Σ_k z_jk g_k) / max(1, Σ_k z_jk) + b).

    Args:
        input_dim: width of a state.
        hidden: width of g.
        layers: so far can two tokens be apart in the tree and still see each other.
    """

    def __init__(self, input_dim: int, *, hidden: Size = 200, layers: Size = 1) -> None:
        super().__init__()
        self.output_dim = input_dim + hidden
        widths = [input_dim] + [hidden] * (layers - 1)
        self.own = nn.ModuleList(nn.Linear(width, hidden) for width in widths)
        self.from_head = nn.ModuleList(nn.Linear(width, hidden, bias=False) for width in widths)
        self.from_modifiers = nn.ModuleList(nn.Linear(width, hidden, bias=False) for width in widths)

    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        """Return `[batch, n, input_dim + hidden]`."""
        arcs = arcs.to(states.dtype)
        real = real_nodes(arcs)
        to_modifier, modifiers = arcs.transpose(1, 2), arcs.sum(2, keepdim=True).clamp(min=1)
        seen = states
        for own, head, modifier in zip(self.own, self.from_head, self.from_modifiers, strict=True):
            seen = own(seen) + to_modifier @ head(seen) + arcs @ modifier(seen) / modifiers
            seen = F.relu(seen) * real
        return torch.cat([states, seen], -1)
