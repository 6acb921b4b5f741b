"""Two of the three axes of the core, `Structure` and `Polytope`; the third is in `surrogates/base.py`.

Scores, points and structures are `Parts`: a tensor, or a NamedTuple of tensors, with the batch first. `lengths[batch]`
is the real size of each row. `mask` (bool, shaped like the scores, True = candidate) selects the parts that may be
chosen. A cell that `lengths`, `mask` or the structure rules out is never read (it may hold NaN) and comes back as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, NamedTuple, final

import torch
from torch import Tensor

from .checks import widen
from .parts.base import Parts, flatten, inner, map_parts, masked, tensors
from .seeds import draw_row_seeds


class Polytope(ABC, Generic[Parts]):
    """A convex set of (relaxed) structures onto which a point can be projected."""

    @abstractmethod
    def project(self, point: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return the nearest point of the set in Euclidean distance, shaped like `point`; differentiable in it."""


class Structure(ABC, Generic[Parts]):
    """A set of 0/1 structures, with a method that finds the one of the highest score."""

    @abstractmethod
    def part_mask(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return which cells of `scores` are parts that may be chosen (bool, shaped like `scores`)."""

    @abstractmethod
    def argmax(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return argmax_z <scores, z> as a 0/1 tensor with the shape and dtype of `scores`.

        Not differentiable, so the result is detached: gradients come from `structured_argmax` and a `Surrogate`.
        """

    @property
    @abstractmethod
    def relaxation(self) -> Polytope[Parts]:
        """The default outer polytope: a superset of the structures that is cheap to project onto."""

    @property
    @abstractmethod
    def hull(self) -> Polytope[Parts]:
        """The convex hull of the structures: `Hull(self)`, unless there is a faster projection onto it."""

    def score(
        self, scores: Parts, structure: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return <scores, structure> for each row, shape `[batch]`, over candidate parts; differentiable in both."""
        valid = self.part_mask(scores, lengths, mask)
        total = inner(map_parts(widen, masked(scores, valid)), map_parts(widen, masked(structure, valid)))
        return total.to(tensors(scores)[0].dtype)


class AccurateSums(NamedTuple):
    """What is not computed as the difference of two totals, so that no digits are lost where scores are large."""

    log_prob: Callable[..., Tensor]
    """Takes scores, the parts of structures (0 where there is no candidate), lengths and mask; returns log p."""
    entropy: Callable[..., Tensor]
    """Takes scores, lengths and mask."""


class MarginalStructure(Structure[Parts]):
    """A structure whose Gibbs distribution p(z) ∝ exp <scores, z> can be summed exactly."""

    @property
    def accurate(self) -> AccurateSums | None:
        """Log-probabilities and entropies that are right for scores of any size; None: both are differences."""
        return None

    @abstractmethod
    def log_partition(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""

    @abstractmethod
    def marginals(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return E[z], shaped like `scores`; differentiable in `scores` (true derivative)."""

    @final
    def sample(
        self,
        scores: Parts,
        lengths: Tensor | None = None,
        mask: Parts | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Parts:
        """Return one exact sample of p(z) for each row, 0/1, shaped like `scores`, detached.

        Each row draws one seed from `generator` (None: torch's own), in order. So a row's sample depends neither on the
        other rows nor on padding.
        """
        return self.sample_seeded(scores, draw_row_seeds(tensors(scores)[0], generator), lengths, mask)

    @abstractmethod
    def sample_seeded(
        self, scores: Parts, seeds: Tensor, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Parts:
        """Return the exact sample of p(z) that each row's seed stands for, 0/1, shaped like `scores`, detached.

        `seeds` is int64, `[batch]`. A row's sample is a function of its seed and of its candidates' scores alone:
        `seeds.uniform` and `seeds.gumbel` give random numbers of that kind.
        """

    def log_prob(
        self, scores: Parts, structure: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return log p(structure) for each row, shape `[batch]`; differentiable in `scores`.

        It is -inf where `structure` has a part that is no candidate. Whether its parts form a structure, such as a
        tree, is not checked.
        """
        possible = self.part_mask(map_parts(torch.zeros_like, scores), lengths)
        allowed = self.part_mask(scores, lengths, mask)
        refused = map_parts(lambda p, a, z: p & ~a & (z > 0), possible, allowed, structure)
        chosen = masked(structure, allowed)
        wide, chosen = map_parts(widen, scores), map_parts(widen, chosen)
        if self.accurate is None:
            log_prob = self.score(wide, chosen, lengths, mask) - self.log_partition(wide, lengths, mask)
        else:
            log_prob = self.accurate.log_prob(wide, chosen, lengths, mask)
        return log_prob.masked_fill(flatten(refused).any(1), float("-inf")).to(tensors(scores)[0].dtype)

    def entropy(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return the entropy of p(z) in nats for each row, shape `[batch]`; differentiable in `scores`."""
        wide = map_parts(widen, scores)
        if self.accurate is not None:
            return self.accurate.entropy(wide, lengths, mask).to(tensors(scores)[0].dtype)
        expected = self.score(wide, self.marginals(wide, lengths, mask), lengths, mask)
        return (self.log_partition(wide, lengths, mask) - expected).to(tensors(scores)[0].dtype)
