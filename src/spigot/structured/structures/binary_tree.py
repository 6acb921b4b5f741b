"""Binary trees over a sequence of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure, Polytope
from ..checks import constant, lengths_or_full, mask_or_none, narrow, widen
from ..kernels.binary_tree.argmax import binary_tree_argmax
from ..kernels.binary_tree.sample import binary_tree_sample
from ..kernels.binary_tree.sums import BINARY_TREE
from ..parts.spans import SpansForm, check_spans, span_part_mask
from ..polytopes.hull import Hull
from ..polytopes.span_box import SpanBox
from ..seeds import gumbel, mix
from ..shapes import Lengths, Mask, PerRow, Seeds, SpanMask, Spans


@dataclass(frozen=True)
class BinaryTree(MarginalStructure[Tensor]):
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

    nested: ClassVar[bool] = False

    labels: bool = False

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

    def argmax(self, scores: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> Spans:
        """Return the spans of the highest-scoring tree, 0/1, shaped and typed like `scores`."""
        wide, sizes, candidates = self._arguments(constant(scores), lengths, mask)
        if not self.labels:
            return narrow(binary_tree_argmax(wide, sizes, candidates), scores)
        spans = binary_tree_argmax(wide.amax(3), sizes, None)
        return (spans.unsqueeze(3) * _one_hot(wide)).to(scores.dtype)

    def require(self, scores: Spans, required: SpanMask, valid: SpanMask) -> tuple[Spans, SpanMask]:
        """Exclude all spans that cross a required one, and its other labels."""
        if not self.labels:
            return scores, valid & ~_crossing(required)
        taken = required.any(3)
        others = taken.unsqueeze(3) & ~required
        return scores, valid & ~_crossing(taken).unsqueeze(3) & ~others

    def log_partition(self, scores: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if self.labels:
            wide, _ = _sum_labels(wide)
        return narrow(BINARY_TREE.log_partition(wide, sizes, candidates), scores)

    def marginals(self, scores: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> Spans:
        """Return the probability of each span (and label), shaped like `scores`; differentiable (true derivative)."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if not self.labels:
            return narrow(BINARY_TREE.marginals(wide, sizes, candidates), scores)
        span_scores, shares = _sum_labels(wide)
        return (BINARY_TREE.marginals(span_scores, sizes, None).unsqueeze(3) * shares).to(scores.dtype)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(
        self, scores: Spans, chosen: Spans, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> PerRow:
        """Return log p of the chosen candidates."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if not self.labels:
            return BINARY_TREE.log_prob(wide, chosen, sizes, candidates)
        span_scores, _ = _sum_labels(wide)
        of_labels = torch.where(chosen > 0, wide.double() - span_scores.unsqueeze(3), 0.0) * chosen
        of_spans = BINARY_TREE.log_prob(span_scores, chosen.sum(3).double(), sizes, None)
        return of_spans + of_labels.flatten(1).sum(1)

    def _entropy(self, scores: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        wide, sizes, candidates = self._arguments(scores, lengths, mask)
        if not self.labels:
            return narrow(BINARY_TREE.entropy(wide, sizes, candidates), scores)
        span_scores, shares = _sum_labels(wide)
        # Not `torch.special.entr`, whose derivative at 0 is infinite.
        surprise = -shares.where(shares > 0, 1).log()
        of_labels = (shares * surprise).sum(3) * BINARY_TREE.marginals(span_scores, sizes, None)
        return (BINARY_TREE.entropy(span_scores, sizes, None) + of_labels.flatten(1).sum(1)).to(scores.dtype)

    def sample_seeded(
        self, scores: Spans, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Spans:
        """Return the spans of one exact sample of each row; see the base class."""
        wide, sizes, candidates = self._arguments(constant(scores), lengths, mask)
        if not self.labels:
            return narrow(binary_tree_sample(wide, sizes, candidates, seeds), scores)
        spans = binary_tree_sample(_sum_labels(wide)[0], sizes, None, seeds)
        # Labels have a seed of their own, so that they do not depend on the drawn splits.
        noise = gumbel(mix(seeds), wide.flatten(1) != -torch.inf).view(wide.shape)
        return (spans.unsqueeze(3) * _one_hot(wide + noise)).to(scores.dtype)

    def _arguments(
        self, scores: Spans, lengths: Lengths | None, mask: Mask | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the arguments of the kernels. Labelled scores are -inf where there is no candidate."""
        check_spans("scores", scores, self.labels, lengths, mask)
        wide, sizes = widen(scores), lengths_or_full(scores, lengths, scores.size(1))
        if not self.labels:
            return wide, sizes, mask_or_none(scores, mask)
        return wide.masked_fill(~self.part_mask(scores, lengths, mask), -torch.inf), sizes, None


def _one_hot(scores: Tensor) -> Tensor:
    """Return the first of the best labels of each span (bool, shaped like `scores`)."""
    best = scores == scores.amax(3, keepdim=True)
    return best & (best.cumsum(3) == 1)


def _sum_labels(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return log Σ exp over the labels of each span, `[batch, first, last]`, and each label's share of it; float64.

    NaN passes through: the kernels report it.
    """
    wide = scores.double()
    none = (wide == -torch.inf).all(3, keepdim=True)
    # The gradient of a sum over nothing is NaN, so spans without a label sum zeros instead.
    something = wide.masked_fill(none, 0)
    return something.logsumexp(3).masked_fill(none.squeeze(3), -torch.inf), something.softmax(3).masked_fill(none, 0)


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
