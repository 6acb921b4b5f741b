"""Straight-through with the Jacobian of the marginals: hard forward, soft backward."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..parts.base import Parts
from ..problem import Problem
from .base import Surrogate
from .settings import check_max_norm
from .straight_through import masked_and_capped


@dataclass(frozen=True)
class MarginalJacobian(Surrogate):
    """∇s = Jᵀ∇ẑ, with J the Jacobian of the marginals E[z] of p(z) ∝ exp <s, z>.

    STE-S of Mihaylova, Niculae & Martins (2020), with the whole Jacobian and not only its diagonal.

    Args:
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts; None for no cap.
    """

    max_norm: float | None = None

    def __post_init__(self) -> None:
        check_max_norm(self.max_norm)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return Jᵀ∇ẑ."""
        return problem.marginals_vjp(masked_and_capped(grad_output, problem.valid, self.max_norm))
