"""Arcs of trees as a matrix `[batch, head, modifier]` or as one head for each modifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, lengths_or_none, mask_or_none, widen
from ..kernels.arcs.members import are_trees
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


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
        inside = node <= lengths_or_none(arc_scores, lengths)[:, None]
        valid = valid & inside[:, :, None] & inside[:, None, :]
    return valid if mask is None else valid & mask


def arc_arguments(
    arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments that a tree's method got, and return them as its kernels take them."""
    check_arguments("scores", arc_scores, "batch head modifier", lengths, mask)
    return widen(arc_scores), lengths_or_none(arc_scores, lengths), mask_or_none(arc_scores, mask)


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
    check_integers("heads", heads, "batch modifier")
    refuse_out_of_range("heads", heads, heads.size(1))
    return _arcs(heads, dtype)


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
    return torch.where((node > 0) & (node <= inside), first_largest(weight.transpose(1, 2)), -1)


@dataclass(frozen=True)
class HeadsForm(CompactForm[Tensor]):
    """The head of each modifier, `[batch, modifier]`; that of ROOT means nothing."""

    noun = "heads"
    parts_noun = "arcs"

    projective: bool
    single_root: bool

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch, modifier]`."""
        return list(scores.shape[:2])

    def end(self, scores: Tensor) -> int:
        """Return the number of nodes."""
        return scores.size(1)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which modifiers are tokens."""
        node = torch.arange(scores.size(1), device=scores.device)
        return (node > 0) & (node <= lengths_or_full(scores, lengths, scores.size(1) - 1)[:, None])

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the arcs."""
        return _arcs(integers, scores.dtype)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the heads."""
        return arcs_to_heads(parts, lengths)

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are trees."""
        return are_trees(widen(parts), lengths, self.projective, self.single_root)


def _arcs(heads: Tensor, dtype: torch.dtype) -> Tensor:
    return (heads[:, None, :] == torch.arange(heads.size(1), device=heads.device)[:, None]).to(dtype)
