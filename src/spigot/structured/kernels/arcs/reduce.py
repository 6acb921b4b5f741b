"""Arc scores less the best of each modifier, of which every tree has one."""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime.gibbs import Reduced, group_limbs


def reduce_arcs(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Reduced:
    """Take the best score of each modifier off its arcs."""
    node = torch.arange(arc_scores.size(1), device=arc_scores.device)
    valid = (node[:, None] != node) & (node > 0) & (arc_scores != -torch.inf)
    if lengths is not None:
        inside = node <= lengths[:, None]
        valid = valid & inside[:, :, None] & inside[:, None, :]
    valid = valid if mask is None else valid & mask
    wide = arc_scores.double().masked_fill(~valid, -torch.inf)
    best = wide.amax(1).nan_to_num(neginf=0.0)
    return Reduced((torch.where(valid, wide - best[:, None], 0.0),), group_limbs(best, torch.ones_like(best)))
