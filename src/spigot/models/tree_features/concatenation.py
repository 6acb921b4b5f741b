"""The state of a token's syntactic head beside its own (Peng et al. 2018, Eq. 7)."""

from __future__ import annotations

import torch
from torch import Tensor

from spigot.models.tree_features.base import TreeFeature


class Concatenation(TreeFeature):
    """[h_j; Σ_i z_ij h_i]: with a hard tree the second half is the state of j's head. ROOT has none, so zeros."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = 2 * input_dim

    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        """Return the states, each beside that of its head, `[batch, n, 2 * input_dim]`."""
        return torch.cat([states, arcs.to(states.dtype).transpose(1, 2) @ states], -1)
