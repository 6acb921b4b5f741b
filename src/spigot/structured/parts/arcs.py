"""Arcs of trees as a matrix `[batch, head, modifier]` or as one head for each modifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, lengths_or_none, mask_or_none, widen
from ..kernels.arcs.members import are_trees
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


def check_arcs(
    name: str, values: Tensor, labels: bool, lengths: Tensor | None = None, mask: Tensor | None = None
) -> None:
    """Check the types and shapes of `values`, `[batch, head, modifier]` and, with `labels`, `[..., label]`."""
    check_arguments(name, values, "batch head modifier" + " label" * labels, lengths, mask)
    if labels and values.size(3) == 0:
        raise ValueError(f"{name}: expected at least one label, got {list(values.shape)}")


def arc_part_mask(
    name: str, values: Tensor, labels: bool, lengths: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return which arcs (and their labels) may be chosen: bool, shaped like `values`.

    Left out are arcs into ROOT, from a token to itself, from or to anything past `lengths`, those that `mask`
    rules out, and those that score -inf.
    """
    check_arcs(name, values, labels, lengths, mask)
    valid = _possible(values, lengths)
    valid = (valid.unsqueeze(3) if labels else valid) & (values != -torch.inf)
    return valid if mask is None else valid & mask


def _possible(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which arcs there can be: bool, `[batch or 1, head, modifier]`."""
    node = torch.arange(values.size(1), device=values.device)
    possible = ((node[:, None] != node) & (node > 0))[None]
    if lengths is None:
        return possible
    inside = node <= lengths_or_none(values, lengths)[:, None]
    return possible & inside[:, :, None] & inside[:, None, :]


def arc_arguments(
    arc_scores: Tensor, labels: bool, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments that a tree's method got, and return them as its kernels take them."""
    check_arcs("scores", arc_scores, labels, lengths, mask)
    return widen(arc_scores), lengths_or_none(arc_scores, lengths), mask_or_none(arc_scores, mask)


def heads_to_arcs(heads: Tensor, dtype: torch.dtype = torch.float32, labels: int | None = None) -> Tensor:
    """Turn heads, and the labels of their arcs, into an arc matrix.

    Args:
        heads: integers, `[batch, modifier]`; the head of each modifier, -1 for none (ROOT itself, padding). With
            `labels`, `[batch, modifier, 2]`: the head and the label.
        dtype: of the result.
        labels: how many there are; None: arcs have none.

    Returns:
        0/1, `[batch, head, modifier]` or `[batch, head, modifier, label]`.

    Raises:
        ValueError: a head is not a node, or a label is out of range.
    """
    if labels is None:
        check_integers("heads", heads, "batch modifier")
        refuse_out_of_range("heads", heads, heads.size(1))
        return _arcs(heads, dtype)
    check_integers("heads", heads, "batch modifier 2")
    if heads.size(2) != 2:
        raise ValueError(f"heads: expected shape [batch, modifier, 2], got {list(heads.shape)}")
    refuse_out_of_range("heads", heads[:, :, 0], heads.size(1))
    refuse_out_of_range("heads", heads[:, :, 1], labels)
    return _labelled_arcs(heads, labels, dtype)


def arcs_to_heads(arcs: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn an arc matrix, 0/1 or soft, into the head with the most weight for each modifier.

    Args:
        arcs: `[batch, head, modifier]` or `[batch, head, modifier, label]`.
        lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.

    Returns:
        int64, `[batch, modifier]` or, with labels, `[batch, modifier, 2]`: the head and the label. -1 for ROOT and past
        the length, and where a column holds nothing above 0. The smallest index wins a tie.
    """
    labels = isinstance(arcs, Tensor) and arcs.dim() == 4
    check_arcs("arcs", arcs, labels, lengths)
    inside = lengths_or_full(arcs, lengths, arcs.size(1) - 1)[:, None]
    node = torch.arange(arcs.size(1), device=arcs.device)
    past = node[:, None] > inside[:, None]
    weight = arcs.masked_fill(past.unsqueeze(3) if labels else past, 0).transpose(1, 2)
    found = torch.where((node > 0) & (node <= inside), first_largest(weight.flatten(2)), -1)
    if not labels:
        return found
    count = arcs.size(3)
    return torch.stack([found // count, torch.where(found < 0, -1, found % count)], 2)


@dataclass(frozen=True)
class HeadsForm(CompactForm[Tensor]):
    """The head of each modifier, `[batch, modifier]`, or head and label, `[..., 2]`; those of ROOT mean nothing."""

    parts_noun = "arcs"

    projective: bool
    single_root: bool
    labels: bool = False

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return "heads" or "heads and labels"."""
        return "heads and labels" if self.labels else "heads"

    def check(self, name: str, parts: Tensor, lengths: Tensor | None) -> None:
        """Check that they are arcs, with labels or without."""
        check_arcs(name, parts, self.labels, lengths)

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch, modifier]` or `[batch, modifier, 2]`."""
        return [*scores.shape[:2], *[2] * self.labels]

    def end(self, scores: Tensor) -> int | Tensor:
        """Return the number of nodes and, with labels, of labels."""
        return torch.tensor(scores.shape[2:], device=scores.device) if self.labels else scores.size(1)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which modifiers are tokens."""
        node = torch.arange(scores.size(1), device=scores.device)
        tokens = (node > 0) & (node <= lengths_or_full(scores, lengths, scores.size(1) - 1)[:, None])
        return tokens.unsqueeze(2) if self.labels else tokens

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the arcs."""
        if self.labels:
            return _labelled_arcs(integers, scores.size(3), scores.dtype)
        return _arcs(integers, scores.dtype)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the heads, and labels if there are some."""
        return arcs_to_heads(parts, lengths)

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are trees."""
        if not self.labels:
            return are_trees(widen(parts), lengths, self.projective, self.single_root)
        inside = parts.where(_possible(parts, lengths).unsqueeze(3), 0)
        whole = ((inside == 0) | (inside == 1)).flatten(1).all(1)
        arcs = (inside != 0).sum(3, dtype=torch.float32)
        return whole & are_trees(arcs, lengths, self.projective, self.single_root)


def _arcs(heads: Tensor, dtype: torch.dtype) -> Tensor:
    return _is_head(heads).to(dtype)


def _labelled_arcs(heads: Tensor, labels: int, dtype: torch.dtype) -> Tensor:
    has_label = heads[:, None, :, 1:] == torch.arange(labels, device=heads.device)
    return (_is_head(heads[:, :, 0]).unsqueeze(3) & has_label).to(dtype)


def _is_head(heads: Tensor) -> Tensor:
    return heads[:, None, :] == torch.arange(heads.size(1), device=heads.device)[:, None]
