"""Two of the three axes of the core, `Structure` and `Polytope`; the third is in `surrogates/base.py`.

Scores, points and structures are `Parts`: a tensor, or a NamedTuple of tensors, batched, with the batch first.
`lengths[batch]` says how much of each row is real, `mask` (bool, shaped like the scores, True = candidate) which parts
may be chosen. Cells that these two, or the structure itself, rule out are never read (they may hold NaN) and come
back as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor

from .checks import widen
from .parts.base import Parts, flatten, inner, like, map_parts, masked, tensors
from .seeds import draw_row_seeds


class Polytope(ABC):
    """A convex set of (relaxed) structures onto which a point can be projected."""

    @abstractmethod
    def project(
        self,
        point: Parts,
        lengths: Tensor | None = None,
        mask: Parts | None = None,
        *,
        start: Parts | None = None,
    ) -> Parts:
        """Return the nearest point of the set in Euclidean distance, shaped like `point`.

        `start`, a structure in the set that is thought to be near, is where iterative projections begin; others have
        no use for it.
        """

    def project_vjp(
        self,
        point: Parts,
        grad: Parts,
        lengths: Tensor | None = None,
        mask: Parts | None = None,
        *,
        start: Parts | None = None,
    ) -> Parts:
        """Return the gradient for `point`, given the one for `project(point)`; both shaped like `point`.

        By autograd; `torch.compile` keeps whole graphs of polytopes that have a way of their own.
        """
        with torch.enable_grad():
            leaves = map_parts(lambda part: part.detach().requires_grad_(), point)
            projected = self.project(leaves, lengths, mask, start=start)
        return like(point, torch.autograd.grad(tensors(projected), tensors(leaves), tensors(grad)))


class Structure(ABC):
    """A set of 0/1 structures, and the way to find the one with the highest score."""

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
    def relaxation(self) -> Polytope:
        """The default outer polytope: a superset of the structures that is cheap to project onto."""

    @property
    def hull(self) -> Polytope:
        """The convex hull of the structures: by active set, unless the structure knows better."""
        from .polytopes.hull import Hull

        return Hull(self)

    def score(
        self, scores: Parts, structure: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return <scores, structure> for each row, shape `[batch]`, over candidate parts; differentiable in both."""
        valid = self.part_mask(scores, lengths, mask)
        total = inner(map_parts(widen, masked(scores, valid)), map_parts(widen, masked(structure, valid)))
        return total.to(tensors(scores)[0].dtype)


class MarginalStructure(Structure):
    """A structure whose Gibbs distribution p(z) ∝ exp <scores, z> can be summed exactly."""

    @abstractmethod
    def log_partition(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""

    @abstractmethod
    def marginals(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return E[z], shaped like `scores`; differentiable in `scores` (true derivative)."""

    def marginals_vjp(
        self, scores: Parts, grad_marginals: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Parts:
        """Return the gradient for `scores`, given the one for `marginals(scores)`; both shaped like `scores`.

        `grad_marginals` is never read where there is no candidate.
        """
        valid = self.part_mask(scores, lengths, mask)
        with torch.enable_grad():
            leaves = map_parts(lambda part: part.detach().requires_grad_(), scores)
            marginals = self.marginals(leaves, lengths, mask)
        grads = torch.autograd.grad(tensors(marginals), tensors(leaves), tensors(masked(grad_marginals, valid)))
        return like(scores, grads)

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

        It is -inf where `structure` has a part that is no candidate. That the parts are those of one structure,
        a tree for example, is taken on trust.
        """
        possible = self.part_mask(map_parts(torch.zeros_like, scores), lengths)
        allowed = self.part_mask(scores, lengths, mask)
        refused = map_parts(lambda p, a, z: p & ~a & (z > 0), possible, allowed, structure)
        wide = map_parts(widen, scores)
        log_prob = self.score(wide, structure, lengths, mask) - self.log_partition(wide, lengths, mask)
        return log_prob.masked_fill(flatten(refused).any(1), float("-inf")).to(tensors(scores)[0].dtype)

    def entropy(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return the entropy of p(z) in nats for each row, shape `[batch]`; differentiable in `scores`."""
        wide = map_parts(widen, scores)
        expected = self.score(wide, self.marginals(wide, lengths, mask), lengths, mask)
        return (self.log_partition(wide, lengths, mask) - expected).to(tensors(scores)[0].dtype)
