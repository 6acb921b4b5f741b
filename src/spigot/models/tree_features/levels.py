"""How deep a tree is, and which of its nodes are real."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def depth_of(arcs: Tensor, most: int) -> int:
    """Return the length of the longest path from ROOT in `arcs[batch, head, modifier]`, at most `most`.

    Arcs are those above 0. A relaxed tree may have cycles: then it is `most`.
    """
    there = (arcs > 0).to(arcs.dtype)
    ends = there.sum(1)
    for depth in range(most):
        if not ends.any():
            return depth
        ends = (ends[:, None] @ there).squeeze(1).clamp(max=1)
    return most


def real_nodes(arcs: Tensor) -> Tensor:
    """Return 1 for ROOT and for tokens with a head, 0 for padding: `[batch, n, 1]`."""
    real = arcs.detach().sum(1) > 0
    real[:, 0] = True
    return real[..., None].to(arcs.dtype)
