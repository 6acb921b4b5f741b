"""What the structure and the polytope over spans share."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, refuse_rows


def check_spans(
    name: str, values: Tensor, labels: bool, lengths: Tensor | None = None, mask: Tensor | None = None
) -> None:
    """Check the types and shapes of `values`, `[batch, first, last]` and, with `labels`, `[..., label]`."""
    check_arguments(name, values, "batch first last" + " label" * labels, lengths, mask)
    if values.size(1) != values.size(2):
        raise ValueError(f"{name}: expected as many first as last tokens, got {list(values.shape)}")
    if labels and values.size(3) == 0:
        raise ValueError(f"{name}: expected at least one label, got {list(values.shape)}")


def span_part_mask(
    name: str, values: Tensor, labels: bool, lengths: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return which cells of `values` are spans (and their labels) that may be chosen (bool, shaped like `values`)."""
    check_spans(name, values, labels, lengths, mask)
    tokens = torch.arange(values.size(1), device=values.device)
    inside = tokens < lengths_or_full(values, lengths, values.size(1))[:, None]
    valid = (tokens[:, None] <= tokens) & inside[:, None, :]
    valid = (valid.unsqueeze(3) if labels else valid) & (values != -torch.inf)
    return valid if mask is None else valid & mask


def in_every_tree(name: str, values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which spans all binary trees have: those of one token and the whole one (bool, `[batch, first, last]`)."""
    tokens = torch.arange(values.size(1), device=values.device)
    sizes = lengths_or_full(values, lengths, values.size(1))[:, None, None]
    refuse_rows(((sizes < 0) | (sizes > values.size(1))).flatten(), f"lengths: out of range for the shape of {name}")
    one_token = (tokens[:, None] == tokens) & (tokens < sizes)
    return one_token | ((tokens[:, None] == 0) & (tokens == sizes - 1))
