"""Arcs of trees as a matrix `[batch, head, modifier]` or as one head for each modifier."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, lengths_or_none, refuse_rows, widen


def arc_part_mask(arc_scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return which arcs may be chosen: bool, `[batch, head, modifier]`.

    Left out are arcs into ROOT, from a token to itself, from or to anything past `lengths`, those that `mask`
    rules out, and those that score -inf.
    """
    check_arguments("scores", arc_scores, "batch head modifier", lengths, mask)
    nodes = arc_scores.size(-1)
    node = torch.arange(nodes, device=arc_scores.device)
    possible = (node[:, None] != node) & (node > 0)
    valid = possible & (arc_scores != float("-inf"))
    if lengths is not None:
        inside = node <= lengths.to(arc_scores.device)[:, None]
        valid &= inside[:, :, None] & inside[:, None, :]
    return valid if mask is None else valid & mask


def arc_arguments(
    arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments that a tree's method got, and return them as its kernels take them."""
    check_arguments("scores", arc_scores, "batch head modifier", lengths, mask)
    return widen(arc_scores), lengths_or_none(arc_scores, lengths), mask


def heads_to_arcs(heads: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn heads into an arc matrix.

    Args:
        heads: integers, `[batch, modifier]`; the head of each modifier, -1 for none (ROOT itself, padding).
        dtype: of the result.

    Returns:
        0/1, `[batch, head, modifier]`.

    Raises:
        ValueError: a head is not a node.
    """
    if heads.dim() != 2:
        raise ValueError(f"heads: expected shape [batch, modifier], got {list(heads.shape)}")
    nodes = heads.size(1)
    refuse_rows(((heads < -1) | (heads >= nodes)).any(1), f"heads: expected -1 .. {nodes - 1}")
    return (heads[:, None, :] == torch.arange(nodes, device=heads.device)[:, None]).to(dtype)


def arcs_to_heads(arcs: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn an arc matrix, 0/1 or soft, into the head with the most weight for each modifier.

    Args:
        arcs: `[batch, head, modifier]`.
        lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.

    Returns:
        int64, `[batch, modifier]`. -1 for ROOT and past the length, and where a column holds nothing above 0.
        The smallest index wins a tie.
    """
    check_arguments("arcs", arcs, "batch head modifier", lengths)
    inside = lengths_or_full(arcs, lengths, arcs.size(1) - 1)[:, None]
    node = torch.arange(arcs.size(1), device=arcs.device)
    weight = arcs.masked_fill(node[:, None] > inside[:, None], 0)
    most, heads = weight.max(1)
    # `max` does not promise which of several maxima it reports.
    heads = torch.where(weight == most[:, None], node[:, None], node.numel()).amin(1)
    return torch.where((node > 0) & (node <= inside) & (most > 0), heads, -1)
