"""What structures over the categories of a row share."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full


def category_part_mask(scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return which categories may be chosen: bool, `[batch, category]`.

    Left out are those past `lengths`, those that `mask` rules out, and those that score -inf.
    """
    check_arguments("scores", scores, "batch category", lengths, mask)
    sizes = lengths_or_full(scores, lengths, scores.size(1))
    inside = torch.arange(scores.size(1), device=scores.device) < sizes[:, None]
    valid = inside & (scores != -torch.inf)
    return valid if mask is None else valid & mask
