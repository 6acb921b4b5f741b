"""Binary trees over a sequence of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import lengths_or_full, mask_or_none, widen
from ..kernels.binary_tree.argmax import binary_tree_argmax
from ..kernels.binary_tree.sample import binary_tree_sample
from ..kernels.binary_tree.sums import BINARY_TREE
from ..parts.spans import SpansForm, check_spans, span_part_mask
from ..polytopes.hull import Hull
from ..polytopes.span_box import SpanBox
from ..settings import check_flag
from ..shapes import Lengths, Mask, SpanMask, Spans
from .labelled import Kernels, LabelledStructure


@dataclass(frozen=True)
class BinaryTree(LabelledStructure):
    """Binary bracketings: every span of two or more tokens splits into two (Cocke, Kasami, Younger; CKY).

    Scores are `[batch, first, last]`, one for each span of the tokens first .. last, both included and counted from 0;
    `lengths[batch]` counts tokens. A tree over n tokens has 2n - 1 spans. Among them are the spans of one token and the
    whole span; every tree has these, so their scores change totals but not the argmax. A row of length 0 has the empty
    tree. All is exact: O(n³) time and O(n²) memory for each row, on the CPU; CUDA tensors are copied there and back.
    Sums are computed in float64.

    Args:
        labels: scores are `[batch, first, last, label]`, and each span of the tree has exactly one label. Labels are
            independent: each span takes its best label.

    Ties: from the whole span down, the leftmost of the best splits is taken. So if all trees have equal scores, each
    span splits into its first token and the rest. Of equally good labels the smallest is taken. Scores are compared in
    the arithmetic of the chart, after the best score among the spans that not every tree has is subtracted from all
    of these.
    """

    nested = False
    kernels = Kernels(binary_tree_argmax, BINARY_TREE, binary_tree_sample)

    labels: bool = False

    def __post_init__(self) -> None:
        check_flag("labels", self.labels)

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """Each span at most once, and the spans that every tree has exactly once."""
        return SpanBox(self.labels)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> SpansForm:
        """The spans, with their labels if they have some."""
        return SpansForm(self.labels)

    def part_mask(self, scores: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> SpanMask:
        """Return which spans (and labels) may be chosen (bool, shaped like `scores`)."""
        return span_part_mask("scores", scores, self.labels, lengths, mask)

    def require(self, scores: Spans, required: SpanMask, valid: SpanMask) -> tuple[Spans, SpanMask]:
        """Exclude all spans that cross a required one, and its other labels."""
        if not self.labels:
            return scores, valid & ~_crossing(required)
        taken = required.any(3)
        others = taken.unsqueeze(3) & ~required
        return scores, valid & ~_crossing(taken).unsqueeze(3) & ~others

    def _arguments(
        self, scores: Spans, lengths: Lengths | None, mask: Mask | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        check_spans("scores", scores, self.labels, lengths, mask)
        return widen(scores), lengths_or_full(scores, lengths, scores.size(1)), mask_or_none(scores, mask)


def _crossing(spans: Tensor) -> Tensor:
    """Return which spans, `[batch, first, last]`, overlap one of `spans` without either being within the other."""
    proper = torch.ones(spans.shape[1:], dtype=torch.bool, device=spans.device).triu()

    def before(cells: Tensor, dim: int) -> Tensor:
        """Return whether there is a cell at a smaller index."""
        return cells.cumsum(dim) - cells.long() > 0

    def behind(cells: Tensor, dim: int) -> Tensor:
        return before(cells.flip(dim), dim).flip(dim)

    # first < i <= last < j for a span i .. j, or i < first <= j < last.
    ahead = behind(behind(spans, 2) & proper, 1)
    earlier = before(before(spans, 1) & proper, 2)
    return (ahead | earlier) & proper
