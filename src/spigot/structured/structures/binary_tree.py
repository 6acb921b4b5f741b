"""Binary trees over a row of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import MarginalStructure, Polytope
from ..checks import constant, lengths_or_full, mask_or_none, narrow, widen
from ..kernels.binary_tree.argmax import binary_tree_argmax
from ..kernels.binary_tree.sample import binary_tree_sample
from ..kernels.binary_tree.sums import binary_tree_log_partition, binary_tree_marginals
from ..parts.spans import Spans, check_spans, span_part_mask
from ..polytopes.hull import Hull
from ..polytopes.span_box import SpanBox
from ..seeds import gumbel, mix


@dataclass(frozen=True)
class BinaryTree(MarginalStructure[Tensor]):
    """Binary bracketings: every span of two or more tokens is split into two (Cocke, Kasami, Younger; CKY).

    Scores are `[batch, first, last]`, one for each span of the tokens first .. last, both included and counted from 0;
    `lengths[batch]` counts tokens. A tree over n tokens has 2n - 1 spans, those of one token and the whole one among
    them; their scores do not choose among trees, but count in totals. A row of length 0 has the empty tree. All is
    exact: O(n³) time and O(n²) memory for each row, on the CPU; CUDA tensors are copied there and back. Sums are
    computed in float64.

    Args:
        labels: scores are `[batch, first, last, label]`, and each span of the tree has exactly one label. Spans are
            labelled independently, so that each takes its best label.

    Ties: from the whole span down, of equally good splits the leftmost is taken, so that if all trees are equal, each
    span is its first token and the rest. Of equally good labels the smallest is taken. Trees count as equal if their
    scores are so in the arithmetic of the chart, after the best score of the spans that not every tree has is taken
    off these.
    """

    labels: bool = False

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """Each span at most once, and those that every tree has exactly once."""
        return SpanBox(self.labels)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> Spans:
        """The spans, with their labels if they have some."""
        return Spans(self.labels)

    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which spans (and labels) may be chosen (bool, shaped like `scores`)."""
        return span_part_mask("scores", scores, self.labels, lengths, mask)

    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the spans of the highest-scoring tree, 0/1, shaped and typed like `scores`."""
        wide, sizes, candidates = self._arguments(constant(scores), lengths, mask)
        if not self.labels:
            return narrow(binary_tree_argmax(wide, sizes, candidates), scores)
        spans = binary_tree_argmax(wide.amax(3), sizes, None)
        return (spans.unsqueeze(3) * _one_hot(wide)).to(scores.dtype)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if self.labels:
            wide, _ = _sum_labels(wide)
        return narrow(binary_tree_log_partition(wide, sizes, candidates), scores)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the probability of each span (and label), shaped like `scores`; differentiable (true derivative)."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if not self.labels:
            return narrow(binary_tree_marginals(wide, sizes, candidates), scores)
        span_scores, shares = _sum_labels(wide)
        return (binary_tree_marginals(span_scores, sizes, None).unsqueeze(3) * shares).to(scores.dtype)

    def sample_seeded(
        self, scores: Tensor, seeds: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the spans of one exact sample of each row; see the base class."""
        wide, sizes, candidates = self._arguments(constant(scores), lengths, mask)
        if not self.labels:
            return narrow(binary_tree_sample(wide, sizes, candidates, seeds), scores)
        spans = binary_tree_sample(_sum_labels(wide)[0], sizes, None, seeds)
        # Of a seed of their own: labels must not depend on the splits that were drawn.
        noise = gumbel(mix(seeds), wide.flatten(1) != -torch.inf).view(wide.shape)
        return (spans.unsqueeze(3) * _one_hot(wide + noise)).to(scores.dtype)

    def _arguments(
        self, scores: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what the kernels over spans take; labelled scores still as such, -inf where there is no candidate."""
        check_spans("scores", scores, self.labels, lengths, mask)
        wide, sizes = widen(scores), lengths_or_full(scores, lengths, scores.size(1))
        if not self.labels:
            return wide, sizes, mask_or_none(scores, mask)
        return wide.masked_fill(~self.part_mask(scores, lengths, mask), -torch.inf), sizes, None


def _one_hot(scores: Tensor) -> Tensor:
    """Return which label is the first of the best of each span (bool, shaped like `scores`)."""
    best = scores == scores.amax(3, keepdim=True)
    return best & (best.cumsum(3) == 1)


def _sum_labels(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return log Σ exp over the labels of each span, `[batch, first, last]`, and each label's share of it; float64.

    What the kernels then refuse, a NaN for example, comes through.
    """
    wide = scores.double()
    none = (wide == -torch.inf).all(3, keepdim=True)
    # The gradient of a sum over nothing is NaN, so spans without a label sum other numbers.
    something = wide.masked_fill(none, 0)
    return something.logsumexp(3).masked_fill(none.squeeze(3), -torch.inf), something.softmax(3).masked_fill(none, 0)
