"""What structures over the categories of a row share."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, widen


def category_part_mask(scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return which categories may be chosen: bool, `[batch, category]`.

    Left out are those past `lengths`, those that `mask` rules out, and those that score -inf.
    """
    check_arguments("scores", scores, "batch category", lengths, mask)
    sizes = lengths_or_full(scores, lengths, scores.size(1))
    inside = torch.arange(scores.size(1), device=scores.device) < sizes[:, None]
    valid = inside & (scores != -torch.inf)
    return valid if mask is None else valid & mask


def category_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Check the arguments of one call, and return them as kernels take them: all lengths are given.

    `name` is what the caller calls `values`.
    """
    check_arguments(name, values, "batch category", lengths, mask)
    return widen(values), lengths_or_full(values, lengths, values.size(1)), mask
