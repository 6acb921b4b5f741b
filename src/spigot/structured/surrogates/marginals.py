"""Structured attention (Kim et al. 2017): expectations in place of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..parts.base import Parts
from ..problem import Problem
from .base import Surrogate


@dataclass(frozen=True)
class Marginals(Surrogate):
    """Forward: the marginals E[z] of p(z) ∝ exp <s, z>. Backward: their true derivative."""

    def forward(self, problem: Problem) -> tuple[Parts, tuple[Tensor, ...]]:
        """Return the marginals, shaped like the scores."""
        return problem.marginals(), ()

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return Jᵀ∇μ, with J the Jacobian of the marginals, which is a covariance matrix."""
        return problem.marginals_vjp(grad_output)
