"""What the structure and the polytope over spans share, and binary trees as lists of spans."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, refuse_lengths
from .compact import CompactForm, check_integers, refuse_out_of_range


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
    sizes = lengths_or_full(values, lengths, values.size(1))
    refuse_lengths(sizes, values.size(1), name)
    sizes = sizes[:, None, None]
    one_token = (tokens[:, None] == tokens) & (tokens < sizes)
    return one_token | ((tokens[:, None] == 0) & (tokens == sizes - 1))


def spans_to_trees(spans: Tensor, tokens: int, labels: int | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn lists of spans into 0/1 parts.

    Args:
        spans: integers, `[batch, span, 2]`: the first and the last token of each span, both included; with `labels`,
            `[batch, span, 3]`: and its label. -1 fills rows up.
        tokens: of the longest row.
        labels: how many there are; None: spans have none.
        dtype: of the result.

    Returns:
        0/1, `[batch, first, last]` or `[batch, first, last, label]`: the spans that are given and no others.

    Raises:
        ValueError: an integer is out of range.
    """
    check_integers("spans", spans, "batch span bound")
    width = 2 if labels is None else 3
    if spans.size(2) != width:
        raise ValueError(f"spans: expected shape [batch, span, {width}], got {list(spans.shape)}")
    refuse_out_of_range("spans", spans[:, :, :2], tokens)
    if labels is not None:
        refuse_out_of_range("spans", spans[:, :, 2], labels)
    shape = (len(spans), tokens, tokens) if labels is None else (len(spans), tokens, tokens, labels)
    return _trees(spans, torch.zeros(shape, dtype=dtype, device=spans.device))


def trees_to_spans(trees: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn 0/1 parts into lists of spans, sorted by their first token, then their last.

    Args:
        trees: `[batch, first, last]` or `[batch, first, last, label]`; what is above 0 is a span.
        lengths: tokens in each row, `[batch]`; None: all rows are full.

    Returns:
        int64, `[batch, span, 2]` or `[batch, span, 3]`: first, last, and label. -1 fills rows up.
    """
    labels = trees.dim() == 4
    chosen = span_part_mask("trees", trees, labels, lengths) & (trees > 0)
    row, *places = chosen.nonzero(as_tuple=True)
    count = chosen.flatten(1).sum(1)
    rank = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count)[row]
    spans = row.new_full((len(trees), int(count.max()) if len(count) else 0, len(places)), -1)
    spans[row, rank] = torch.stack(places, 1)
    return spans


@dataclass(frozen=True)
class SpansForm(CompactForm[Tensor]):
    """The spans of each row, in any order: `[batch, span, 2]` or, with labels, `[batch, span, 3]`, -1 for none.

    Without labels, spans that every tree has may be left out.
    """

    noun = "spans"
    parts_noun = "spans"
    optional = True

    labels: bool

    def check(self, name: str, parts: Tensor, lengths: Tensor | None) -> None:
        """Check that they are spans, with labels or without."""
        check_spans(name, parts, self.labels, lengths)

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch, any, 2]` or `[batch, any, 3]`."""
        return [scores.size(0), None, 3 if self.labels else 2]

    def end(self, scores: Tensor) -> Tensor:
        """Return the number of tokens, twice, and of labels."""
        return torch.tensor(scores.shape[1:], device=scores.device)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return that all are."""
        return torch.ones((scores.size(0), 1, 1), dtype=torch.bool, device=scores.device)

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the spans, and those that every tree has."""
        trees = _trees(integers, torch.zeros_like(scores))
        return trees if self.labels else trees.masked_fill(in_every_tree("scores", scores, lengths), 1)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the spans."""
        return trees_to_spans(parts, lengths)

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are binary trees.

        Of spans that do not cross, no more than a binary tree has fit over a row. Spans i .. j and k .. l cross if
        i < k <= j < l: sums over the cells before (k, l) count the spans that cross k .. l.
        """
        tokens = torch.arange(parts.size(1), device=parts.device)
        sizes = lengths_or_full(parts, lengths, parts.size(1))
        inside = (tokens[:, None] <= tokens) & (tokens < sizes[:, None])[:, None]
        cells = parts.where(inside[..., None] if self.labels else inside, 0)
        whole = ((cells == 0) | (cells == 1)).flatten(1).all(1)
        spans = (cells != 0).sum(3) if self.labels else (cells != 0).long()
        whole &= (spans <= 1).flatten(1).all(1)
        # Before a cell: spans that begin above its row and end left of its column.
        before = torch.nn.functional.pad(spans, (1, 0, 1, 0)).cumsum(1).cumsum(2)[:, :-1, :-1]
        outside = before.diagonal(dim1=1, dim2=2)[:, :, None]
        crossed = ((before - outside) * spans > 0).flatten(1).any(1)
        fixed = in_every_tree("parts", parts, lengths)
        whole &= (spans.where(fixed, 1) == 1).flatten(1).all(1)
        return whole & ~crossed & (spans.flatten(1).sum(1) == (2 * sizes - 1).clamp(min=0))


def _trees(spans: Tensor, zeros: Tensor) -> Tensor:
    """Return `zeros` with 1 in the cell of each span; those with a -1 are none."""
    given = (spans >= 0).all(2)
    row = torch.arange(len(spans), device=spans.device)[:, None].expand(given.shape)
    one = torch.ones((), dtype=zeros.dtype, device=spans.device)
    return zeros.index_put((row[given], *spans[given].unbind(1)), one)
