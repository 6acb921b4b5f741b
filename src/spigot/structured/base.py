"""The three axes of the core: `Structure`, `Polytope`, `Surrogate`.

Every tensor here is batched, with the batch first. `lengths[batch]` says how much of each row is real,
`mask` (bool, shaped like the scores, True = candidate) which parts may be chosen. Cells that these two,
or the structure itself, rule out are never read (they may hold NaN) and come back as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from .checks import widen


class Polytope(ABC):
    """A convex set of (relaxed) structures onto which a point can be projected."""

    @abstractmethod
    def project(self, point: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the nearest point of the set in Euclidean distance, shaped like `point`."""


class Structure(ABC):
    """A set of 0/1 structures, and the way to find the one with the highest score."""

    @abstractmethod
    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which cells of `scores` are parts that may be chosen (bool, shaped like `scores`)."""

    @abstractmethod
    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return argmax_z <scores, z> as a 0/1 tensor with the shape and dtype of `scores`.

        Not differentiable, so the result is detached: gradients come from `structured_argmax` and a `Surrogate`.
        """

    @property
    @abstractmethod
    def relaxation(self) -> Polytope:
        """The default outer polytope: a superset of the structures that is cheap to project onto."""

    def score(
        self, scores: Tensor, structure: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return <scores, structure> for each row, shape `[batch]`, over candidate parts; differentiable in both."""
        valid = self.part_mask(scores, lengths, mask)
        weight = widen(structure.masked_fill(~valid, 0))
        total = (widen(scores.masked_fill(~valid, 0)) * weight).flatten(1).sum(1)
        return total.to(scores.dtype)


class MarginalStructure(Structure):
    """A structure whose Gibbs distribution p(z) ∝ exp <scores, z> can be summed exactly."""

    @abstractmethod
    def log_partition(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""

    @abstractmethod
    def marginals(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return E[z], shaped like `scores`; differentiable in `scores` (true derivative)."""

    def marginals_vjp(
        self, scores: Tensor, grad_marginals: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the gradient for `scores`, given the one for `marginals(scores)`; both shaped like `scores`.

        `grad_marginals` is never read where there is no candidate.
        """
        valid = self.part_mask(scores, lengths, mask)
        with torch.enable_grad():
            leaf = scores.detach().requires_grad_()
            marginals = self.marginals(leaf, lengths, mask)
        return torch.autograd.grad(marginals, leaf, grad_marginals.masked_fill(~valid, 0))[0]

    @abstractmethod
    def sample(
        self,
        scores: Tensor,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return one exact sample of p(z) for each row, 0/1, shaped like `scores`, detached."""

    def log_prob(
        self, scores: Tensor, structure: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return log p(structure) for each row, shape `[batch]`; differentiable in `scores`.

        It is -inf where `structure` has a part that is no candidate. That the parts are those of one structure,
        a tree for example, is taken on trust.
        """
        possible = self.part_mask(torch.zeros_like(scores), lengths)
        refused = possible & ~self.part_mask(scores, lengths, mask) & (structure > 0)
        wide = widen(scores)
        log_prob = self.score(wide, structure, lengths, mask) - self.log_partition(wide, lengths, mask)
        return log_prob.masked_fill(refused.flatten(1).any(1), float("-inf")).to(scores.dtype)

    def entropy(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the entropy of p(z) in nats for each row, shape `[batch]`; differentiable in `scores`."""
        wide = widen(scores)
        expected = self.score(wide, self.marginals(wide, lengths, mask), lengths, mask)
        return (self.log_partition(wide, lengths, mask) - expected).to(scores.dtype)


class Surrogate(ABC):
    """What stands in for the zero Jacobian of a structured argmax.

    `forward` gives the layer's output (the argmax, unless the surrogate relaxes it), `backward` turns the
    gradient that arrives at the output into one for the scores. Neither ever sees a label, the end model or
    its loss.
    """

    def forward(self, structure: Structure, scores: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return the layer's output, shaped like `scores`."""
        return structure.argmax(scores, lengths, mask)

    @abstractmethod
    def backward(
        self,
        structure: Structure,
        scores: Tensor,
        output: Tensor,
        grad_output: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """Return the gradient for `scores`, given `grad_output`, the one for the layer's output."""
