"""The base class of structures whose parts may have labels: binary trees and dependency trees.

Each chosen part has exactly one label, and labels do not depend on each other. So the best label of a part, or the sum
over its labels, gives it one score, and the kernels for parts without labels do the rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure
from ..checks import constant, narrow
from ..kernels.runtime.gibbs import GibbsOperators
from ..seeds import gumbel, mix
from ..shapes import Labelled, Lengths, Mask, PerRow, Seeds


class Kernels(NamedTuple):
    """The operators of a family for parts without labels; all take what `_arguments` returns."""

    argmax: Callable[..., Tensor]
    sums: GibbsOperators
    sample: Callable[..., Tensor]
    """Takes seeds last."""


class LabelledStructure(MarginalStructure[Tensor]):
    """A structure whose scores have a last axis of labels if `labels` is set."""

    labels: bool

    @property
    @abstractmethod
    def kernels(self) -> Kernels:
        """The kernels of the family: a class attribute."""

    @abstractmethod
    def _arguments(self, scores: Tensor, lengths: Tensor | None, mask: Tensor | None) -> tuple[Any, ...]:
        """Check the arguments of a call; return scores in working precision, lengths, mask and the kernels' settings.

        With labels the mask has them, too.
        """

    def argmax(self, scores: Labelled, lengths: Lengths | None = None, mask: Mask | None = None) -> Labelled:
        """Return the best structure, 0/1, shaped and typed like `scores`, detached. For ties see the class.

        Raises:
            ValueError: shapes do not fit; a candidate scores NaN or +inf; a row has no structure.
        """
        if not self.labels:
            return narrow(self.kernels.argmax(*self._arguments(constant(scores), lengths, mask)), scores)
        wide, others = self._candidates(constant(scores), lengths, mask)
        best, label = wide.max(-1)
        return _with_labels(self.kernels.argmax(best, *others), label, scores)

    def log_partition(self, scores: Labelled, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        if not self.labels:
            return narrow(self.kernels.sums.log_partition(*self._arguments(scores, lengths, mask)), scores)
        wide, others = self._candidates(scores, lengths, mask)
        return narrow(self.kernels.sums.log_partition(_sum_labels(wide), *others), scores)

    def marginals(self, scores: Labelled, lengths: Lengths | None = None, mask: Mask | None = None) -> Labelled:
        """Return the probability of each part (and label), shaped like `scores`; differentiable (true derivative)."""
        if not self.labels:
            return narrow(self.kernels.sums.marginals(*self._arguments(scores, lengths, mask)), scores)
        wide, others = self._candidates(scores, lengths, mask)
        of_parts: Tensor = self.kernels.sums.marginals(_sum_labels(wide), *others)
        return narrow(of_parts.unsqueeze(-1) * _shares(wide), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(
        self, scores: Labelled, chosen: Labelled, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> PerRow:
        """Return log p of the chosen candidates."""
        if not self.labels:
            wide, *of_row = self._arguments(scores, lengths, mask)
            return self.kernels.sums.log_prob(wide, chosen, *of_row)  # type: ignore[no-any-return]
        wide, others = self._candidates(scores, lengths, mask)
        part_scores = _sum_labels(wide)
        of_labels = torch.where(chosen > 0, wide.double() - part_scores.unsqueeze(-1), 0.0) * chosen
        of_parts: Tensor = self.kernels.sums.log_prob(part_scores, chosen.sum(-1).double(), *others)
        return of_parts + of_labels.flatten(1).sum(1)

    def _entropy(self, scores: Labelled, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        if not self.labels:
            return narrow(self.kernels.sums.entropy(*self._arguments(scores, lengths, mask)), scores)
        wide, others = self._candidates(scores, lengths, mask)
        part_scores = _sum_labels(wide)
        shares = _shares(wide)
        # Not `torch.special.entr`, whose derivative at 0 is infinite.
        surprise = -shares.where(shares > 0, 1).log()
        of_labels = (shares * surprise).sum(-1) * self.kernels.sums.marginals(part_scores, *others)
        return narrow(self.kernels.sums.entropy(part_scores, *others) + of_labels.flatten(1).sum(1), scores)

    def sample_seeded(
        self, scores: Labelled, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Labelled:
        """Return one exact sample of each row; see the base class. Errors are those of `argmax`."""
        if not self.labels:
            return narrow(self.kernels.sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)
        wide, others = self._candidates(constant(scores), lengths, mask)
        parts = self.kernels.sample(_sum_labels(wide), *others, seeds)
        # Labels have a seed of their own, so that they do not depend on the drawn parts.
        noise = gumbel(mix(seeds), wide.flatten(1) != -torch.inf).view(wide.shape)
        return _with_labels(parts, (wide + noise).argmax(-1), scores)

    def _candidates(
        self, scores: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Return labelled scores, -inf where there is no candidate, and the other arguments of the kernels."""
        wide, sizes, _, *settings = self._arguments(scores, lengths, mask)
        return wide.masked_fill(~self.part_mask(scores, lengths, mask), -torch.inf), (sizes, None, *settings)


def _with_labels(parts: Tensor, label: Tensor, scores: Tensor) -> Tensor:
    """Return 0/1 parts with one label each, shaped and typed like `scores`."""
    return torch.zeros_like(scores).scatter(-1, label.unsqueeze(-1), parts.unsqueeze(-1).to(scores.dtype))


def _sum_labels(scores: Tensor) -> Tensor:
    """Return log Σ exp over the labels of each part, float64. NaN passes through: the kernels report it."""
    none = (scores == -torch.inf).all(-1, keepdim=True)
    # The gradient of a sum over nothing is NaN, so parts without a label sum zeros instead.
    return scores.masked_fill(none, 0).double().logsumexp(-1).masked_fill(none.squeeze(-1), -torch.inf)


def _shares(scores: Tensor) -> Tensor:
    """Return the probability of each label of a part, given the part, float64."""
    none = (scores == -torch.inf).all(-1, keepdim=True)
    return scores.masked_fill(none, 0).double().softmax(-1).masked_fill(none, 0)
